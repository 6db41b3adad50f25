"""
A store filled inside the engine: reports of many days with duplicates, late ones and unmerged parts.

Rows are made by the engine itself, since a client would need many times as long. So the homes that `Store.insert` would
find are computed here, and copies that are too late to be stored only go to their messages. A message has an `accepted` and a final report; one of ten is of a provider without times, one
of fifty is decided hours late, and one report of a hundred comes again up to a week later.
"""

from typing import Final

from sinks.clickhouse.store import Store

_KEY: Final = "reinterpretAsUInt64(substring(MD5(concat(provider, '\\0', account, '\\0', message_id)), 1, 8))"
_COLUMNS: Final = (
    "event_id, provider, account, message_id, reference, recipient, country, operator, sender, status, reason,"
    " code_source, provider_status, provider_code, occurred_at, received_at, source, raw, normalizer, stamp_day, home, message_key"
)
#: A row a report: `i` is its message's number, `k` its place in the message's life.
_REPORTS: Final = """
SELECT
    reinterpret(MD5(concat('e', toString(i), '-', toString(k))), 'UUID') AS event_id,
    if(timeless, 'santo', ['cm', 'juhe', 'cloudsms'][1 + cityHash64(i, 1) % 3]) AS provider, 'default' AS account,
    lower(substring(hex(MD5(toString(i))), 1, 16)) AS message_id, concat('ref-', toString(i)) AS reference,
    concat('+86138', leftPad(toString(i * 7919 % 100000000), 8, '0')) AS recipient,
    ['CN', 'HK', 'GB', 'NL', 'US', 'SG', 'IN'][1 + cityHash64(i, 3) % 7] AS country,
    ['', 'op1', 'op2', 'op3'][1 + cityHash64(i, 4) % 4] AS operator, 'ACME' AS sender,
    multiIf(k = 0, 'accepted', k = 2 OR cityHash64(i, 5) % 10 >= 8, 'expired', 'delivered') AS status,
    if(status = 'expired', 'expired', '') AS reason, 'document' AS code_source, upper(status) AS provider_status,
    if(status = 'expired', toString(100 + i % 30), '') AS provider_code,
    if(timeless, NULL, happened) AS occurred_at,
    happened + toIntervalMillisecond(500 + cityHash64(i, k) % 20000) + toIntervalSecond({shift}) AS received_at,
    'callback' AS source,
    concat('{{"mid":"', lower(hex(MD5(toString(i)))), '","spid":"922011","mobile":"18983437010","stat":"', status,
        '","time":"', toString(happened), '"}}') AS raw,
    1 AS normalizer,
    if(timeless, toDate(0), toDate(happened)) AS stamp_day,
    toDate(sent + toIntervalMillisecond(500 + cityHash64(i, 0) % 20000)) AS home
FROM (
    SELECT
        i, arrayJoin(range(toUInt8(2 + (cityHash64(i, 9) % 500 = 0)))) AS k, cityHash64(i, 6) % 10 = 0 AS timeless,
        toDateTime64(now(), 3, 'UTC') - toIntervalDay({day} + 1)
            + toIntervalMillisecond(intDiv((i - {day} * {messages}) * 86400000, {messages})) AS sent,
        sent + toIntervalSecond(k * 5 + if(k = 2, 60, 0)
            + if(k >= 1 AND cityHash64(i, 7) % 50 = 0, 3600 + cityHash64(i, 12) % 126000, 0)) AS happened
    FROM (SELECT number + {first} AS i FROM numbers({count}))
)
WHERE received_at <= now64(6, 'UTC') AND {only}
"""
_COPIES: Final = "cityHash64(i, k, 11) % 100 = 0"
_MESSAGE_COLUMNS: Final = (
    "event_id, provider, account, message_id, reference, recipient, country, operator, sender, status, reason,"
    " provider_status, provider_code, occurred_at, received_at, source, home, message_key, day, is_copy"
)
_DAY: Final = "if(stamp_day = toDate(0), home, stamp_day)"
_LATE: Final = f"toDate(received_at) - {_DAY} >= 2"


class Filler:
    """Fills one store, day by day."""

    def __init__(self, store: Store, rows: int, days: int) -> None:
        """Spread about so many rows over so many days."""
        self._store = store
        self._days = days
        self._messages = max(1, round(rows / days / 2.03))

    def fill(self) -> None:
        """Insert the oldest day first; the copies come last, and the last day in 24 parts."""
        for day in reversed(range(self._days)):
            parts = 24 if day == 0 else 2
            for part in range(parts):
                first, end = (self._messages * at // parts for at in (part, part + 1))
                self._insert(self._select(day, first, end - first))
                self._submit(day, first, end - first)
        for day in reversed(range(self._days)):
            self._copy(day)

    def _select(self, day: int, first: int, count: int, only: str = "1", shift: str = "0") -> str:
        return _REPORTS.format(
            day=day, first=day * self._messages + first, count=count, messages=self._messages, only=only, shift=shift
        )

    def _insert(self, select: str) -> None:
        internal = self._store.internal
        self._run(
            f"INSERT INTO {internal}.message_homes (message_key, home, generation) SELECT DISTINCT {_KEY}, home, 0 FROM ({select})"
        )
        self._run(f"INSERT INTO {internal}.reports ({_COLUMNS}) SELECT *, {_KEY} AS message_key FROM ({select})")

    def _copy(self, day: int) -> None:
        """Send one report of a hundred again: late copies go to their messages only."""
        seconds = 600_000 if day > 7 else max(day, 1) * 80_000
        select = self._select(day, 0, self._messages, _COPIES, shift=f"3600 + cityHash64(i, 13) % {seconds}")
        self._insert(f"SELECT * FROM ({select}) WHERE NOT {_LATE}")
        self._run(
            f"INSERT INTO {self._store.internal}.reports_to_messages ({_MESSAGE_COLUMNS})"
            f" SELECT {_MESSAGE_COLUMNS.replace('message_key', f'{_KEY} AS message_key').replace('day, is_copy', f'{_DAY} AS day, 1 AS is_copy')}"
            f" FROM ({select}) WHERE {_LATE}"
        )

    def _submit(self, day: int, first: int, count: int) -> None:
        select = self._select(day, first, count, only="k = 0 AND i % 2 = 0")
        self._run(
            f"INSERT INTO {self._store.internal}.submissions"
            " (event_id, provider, account, message_id, recipient, country, reference, submitted_at, deadline_at,"
            " received_at, tags, home, message_key)"
            " SELECT event_id, provider, account, message_id, recipient, country, reference,"
            " received_at - toIntervalSecond(3), received_at + toIntervalDay(3), received_at - toIntervalSecond(3),"
            f" map('campaign', toString(i % 5)), home, {_KEY} FROM (SELECT *, toUInt64(substring(reference, 5)) AS i FROM ({select}))"
        )

    def _run(self, sql: str) -> None:
        self._store.client.command(sql, settings={"max_partitions_per_insert_block": 0, "max_insert_threads": 1})
