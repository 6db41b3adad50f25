"""
The page's queries, each bounded in time and in rows.

The views count each report once, and find those of a time by an index on received_at, so that a query's cost follows
the range that it asks about. A request's values are bound as parameters and never become a part of a query's text.
"""

# ruff: noqa: S608 - every query is put together from constants of this module

from typing import Final

from normalizers.model import Note

#: How many seconds each range has.
RANGES: Final = {"15m": 900, "1h": 3600, "6h": 21_600, "24h": 86_400, "7d": 7 * 86_400, "30d": 30 * 86_400}
#: In how many steps a range is shown: beside an account's name, and in its plot.
TREND_STEPS: Final = 30
PLOT_STEPS: Final = 60
#: How many of an account's commonest codes are looked at for the one behind its commonest reason, and how many codes
#: are counted to find them.
TOP_CODES: Final = 5
COUNTED_CODES: Final = 50


def _reports(first: str = "since", last: str = "until") -> str:
    """Return the FROM and WHERE clauses for the reports received between the parameters `first` and `last`."""
    received = f"""received_at >= fromUnixTimestamp64Milli({{{first}:Int64}}, 'UTC')
            AND received_at < fromUnixTimestamp64Milli({{{last}:Int64}}, 'UTC')"""
    return f"""
    FROM reports
    WHERE {received}"""


_AT: Final = "toUnixTimestamp64Milli(toDateTime64(received_at, 3, 'UTC'))"
#: In which step, of so many milliseconds, a report was received.
_TREND_STEP: Final = f"toInt32(intDiv({_AT} - {{since:Int64}}, {{trend_step:Int64}}))"
_PLOT_STEP: Final = f"toInt32(intDiv({_AT} - {{since:Int64}}, {{plot_step:Int64}}))"


#: One row for each account. `alike` counts reports that name no message, so that messages to one number can't be told
#: apart. The range begins at `since`, the time of the same length before it at `before`, the last 15 minutes at
#: `newest`.
ACCOUNTS: Final = f"""
SELECT
    provider, account,
    countIf(lately) AS reports,
    countIf(lately AND final) AS finals,
    countIf(lately AND failed) AS failures,
    countIf(at >= {{newest:Int64}} AND final) AS newest_finals,
    countIf(at >= {{newest:Int64}} AND failed) AS newest_failures,
    countIf(NOT lately) AS reports_before,
    countIf(NOT lately AND final) AS finals_before,
    countIf(NOT lately AND failed) AS failures_before,
    countIf(lately AND unmapped) AS unmapped,
    countIf(lately AND alike) AS alike,
    toUnixTimestamp64Milli(max(received_at)) / 1000 AS last_received,
    sumMapIf([reason], [toUInt64(1)], lately AND failed) AS reasons,
    arraySlice(arraySort(code -> (-code.2, code.1),
        topKIf({COUNTED_CODES}, 3, 'counts')((reason, provider_status, provider_code), lately AND failed)
    ), 1, {TOP_CODES}).1 AS codes,
    countResampleIf(0, {TREND_STEPS}, 1)(step, lately AND final) AS final_trend,
    countResampleIf(0, {TREND_STEPS}, 1)(step, lately AND failed) AS failure_trend,
    quantilesTDigestIf(0.5, 0.95)(delay, lately AND occurred_at IS NOT NULL) AS delays
FROM (
    SELECT
        provider, account, reason, provider_status, provider_code, unmapped, received_at, occurred_at,
        received_at >= fromUnixTimestamp64Milli({{since:Int64}}, 'UTC') AS lately,
        final, failed, has(notes, '{Note.NO_MESSAGE_IDENTITY}') AS alike, {_TREND_STEP} AS step, {_AT} AS at,
        greatest(0, dateDiff('millisecond', occurred_at, received_at)) / 1000 AS delay
    {_reports("before")}
)
GROUP BY provider, account
ORDER BY reports DESC, provider, account
LIMIT 500
"""

#: An account's seven days before (from `past` to `past_end`), and the reports of this time on four earlier days.
PASTS: Final = f"""
SELECT
    provider, account,
    countIf(in_past AND final) AS past_finals,
    countIf(in_past AND failed) AS past_failures,
    [countIf(in_time AND day = 1), countIf(in_time AND day = 2), countIf(in_time AND day = 3),
     countIf(in_time AND day = 7)] AS days_before,
    toUnixTimestamp64Milli(max(received_at)) / 1000 AS past_last_received
FROM (
    SELECT
        provider, account, final, failed, received_at,
        {_AT} AS at,
        at >= {{past:Int64}} AND at < {{past_end:Int64}} AS in_past,
        intDiv({{until:Int64}} - at, 86400000) AS day,
        at >= {{since:Int64}} - 86400000 * day AND at < {{until:Int64}} - 86400000 * day AS in_time
    {_reports("oldest", "youngest")}
)
GROUP BY provider, account
LIMIT 1000
"""

_ACCOUNT: Final = "provider = {provider:String} AND account = {account:String}"

#: An account's reports over time: one row for each step that has reports.
PLOT: Final = f"""
SELECT
    {_PLOT_STEP} AS step,
    countIf(status = 'delivered') AS delivered,
    countIf(failed) AS failed,
    countIf(NOT final) AS other
{_reports()} AND {_ACCOUNT}
GROUP BY step
ORDER BY step
LIMIT {PLOT_STEPS + 1}
"""

#: The provider's statuses and codes behind each reason, and its codes that are in no table.
CODES: Final = f"""
SELECT
    status, reason, unmapped, provider_status, provider_code,
    any(code_source) AS code_source,
    argMax(provider_text, received_at) AS text,
    count() AS reports,
    toUnixTimestamp64Milli(max(received_at)) / 1000 AS last_received
{_reports()} AND {_ACCOUNT} AND (failed OR unmapped)
GROUP BY status, reason, unmapped, provider_status, provider_code
ORDER BY reports DESC, provider_status, provider_code
LIMIT 100
"""

COUNTRIES: Final = f"""
SELECT country, countIf(final) AS finals, countIf(failed) AS failures
{_reports()} AND {_ACCOUNT}
GROUP BY country
ORDER BY failures DESC, finals DESC, country
LIMIT 8
"""

FAILURES: Final = f"""
SELECT
    toUnixTimestamp64Milli(received_at) / 1000 AS at,
    toUnixTimestamp64Micro(received_at) AS received_us, toString(event_id) AS event_id,
    message_id, recipient, country, status, reason, provider_status, provider_code, provider_text
{_reports()} AND {_ACCOUNT} AND failed
ORDER BY received_at DESC, event_id
LIMIT 20
"""

_LETTERS_SINCE: Final = """
FROM dead_letter_receipts
WHERE received_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
    AND received_at < fromUnixTimestamp64Milli({until:Int64}, 'UTC')"""

#: How many letters each account has; copies of a letter have its id.
LETTER_COUNTS: Final = f"""
SELECT provider, account, uniqExact(id) AS dead_letters, uniqExactIf(id, why = 'parser_error') AS parser_errors
{_LETTERS_SINCE}
GROUP BY provider, account
LIMIT 1000
"""

#: The newest letters that match (an empty text leaves none out): at most `most`, after the letter `after`, which was
#: last received at
#: `before` (microseconds).
LETTERS: Final = f"""
SELECT
    toString(id) AS id,
    any(provider) AS provider, any(account) AS account, any(why) AS why, any(location) AS location, any(detail) AS detail,
    any(method) AS method,
    uniqExact(received_at) AS receipts,
    toUnixTimestamp64Micro(max(received_at)) AS last_us
{_LETTERS_SINCE}
    AND ({{provider:String}} = '' OR dead_letter_receipts.provider = {{provider:String}})
    AND ({{account:String}} = '' OR dead_letter_receipts.account = {{account:String}})
    AND ({{why:String}} = '' OR dead_letter_receipts.why = {{why:String}})
GROUP BY id
HAVING (last_us, id) < ({{before:Int64}}, {{after:String}})
ORDER BY last_us DESC, id DESC
LIMIT {{most:UInt16}}
"""

#: The latest replay of each of these letters.
REPLAYS: Final = """
SELECT toString(id) AS id, resolved_at IS NOT NULL AS resolved, resolution
FROM dead_letters
WHERE id IN {ids:Array(String)}
"""

#: One letter, by its id.
LETTER: Final = """
SELECT
    toString(id) AS id, provider, account, why, location, detail, method, path, query, headers, body, body_encoding,
    receipts, resolved_at IS NOT NULL AS resolved, resolution,
    toUnixTimestamp64Milli(first_received_at) / 1000 AS first_received,
    toUnixTimestamp64Milli(last_received_at) / 1000 AS last_received
FROM dead_letters
WHERE id = {id:String}
LIMIT 1
"""
