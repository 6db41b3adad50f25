"""
The SQL of the page's queries, each bounded in time and in rows.

The views count each report once. They have an index on received_at, so that the cost of a query depends on the length
of its range. Values of a request are bound as parameters, and never become a part of a query's text.
"""

# ruff: noqa: S608 - every query is put together from constants of this module

from typing import Final

from normalizers.model import Note

#: The length of each range in seconds.
RANGES: Final = {"15m": 900, "1h": 3600, "6h": 21_600, "24h": 86_400, "7d": 7 * 86_400, "30d": 30 * 86_400}
#: The number of steps in the trend line next to an account's name, and in an account's plot.
TREND_STEPS: Final = 30
PLOT_STEPS: Final = 60
#: How many of an account's commonest codes are returned, and how many codes are counted to find them.
TOP_CODES: Final = 5
COUNTED_CODES: Final = 50


def _reports(first: str = "since", last: str = "until") -> str:
    """Return the FROM and WHERE clauses for the reports received between the parameters `first` and `last`."""
    return f"""
    FROM reports
    WHERE received_at >= fromUnixTimestamp64Milli({{{first}:Int64}}, 'UTC')
        AND received_at < fromUnixTimestamp64Milli({{{last}:Int64}}, 'UTC')"""


_AT: Final = "toUnixTimestamp64Milli(toDateTime64(received_at, 3, 'UTC'))"
#: The number of the step in which a report was received; a step has `trend_step` or `plot_step` milliseconds.
_TREND_STEP: Final = f"toInt32(intDiv({_AT} - {{since:Int64}}, {{trend_step:Int64}}))"
_PLOT_STEP: Final = f"toInt32(intDiv({_AT} - {{since:Int64}}, {{plot_step:Int64}}))"


#: One row for each account. `alike` counts reports that name no message. The range begins at `since`, the range before
#: it at `before`, the last 15 minutes at `newest`.
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

#: Each account's past week (from `past` to `past_end`), and its reports in the same hours of four earlier days.
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

#: The provider's codes of failures with our reasons for them, and its codes that are in no table.
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

#: The number of letters of each account; all copies of a letter have the same id.
LETTER_COUNTS: Final = f"""
SELECT provider, account, uniqExact(id) AS dead_letters, uniqExactIf(id, why = 'parser_error') AS parser_errors
{_LETTERS_SINCE}
GROUP BY provider, account
LIMIT 1000
"""

#: The newest letters that match every filter that is not empty: at most `most` of them, from the one that follows the
#: letter with the id `after`, which was last received at `before` (microseconds).
LETTERS: Final = f"""
SELECT
    toString(id) AS id, any(provider) AS provider, any(account) AS account, any(why) AS why,
    any(location) AS location, any(detail) AS detail, any(method) AS method,
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
