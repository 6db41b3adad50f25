"""Queries of analysts, and those that their tools add: all of it has to pass the guard and be answered."""

import pytest

from tests.ingest.query.fixtures import QueryServer

QUESTIONS = r"""
SELECT 1
select count(*), count(), count(DISTINCT provider) from reports;
WITH busy AS (SELECT provider, count() AS n FROM reports GROUP BY provider) SELECT * FROM busy WHERE n > 1
WITH 5 AS top, (SELECT max(latency) FROM reports) AS most SELECT * FROM reports WHERE latency > most - top
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT * FROM r
SELECT row_number() OVER (PARTITION BY provider ORDER BY received_at DESC), lagInFrame(latency) OVER w FROM reports WINDOW w AS (PARTITION BY provider ORDER BY received_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
SELECT sum(latency) OVER (ORDER BY seen_at RANGE BETWEEN 120 PRECEDING AND CURRENT ROW), rank() OVER (ORDER BY latency) FROM reports
SELECT provider, tag FROM reports ARRAY JOIN tags AS tag
SELECT provider, tag, n FROM reports LEFT ARRAY JOIN tags AS tag, arrayEnumerate(tags) AS n
SELECT JSONExtractInt(custom, 'order', 'id'), JSONHas(custom, 'order'), JSONExtract(custom, 'order', 'Tuple(id UInt8)') FROM reports
SELECT json.order.id, json.^order, json.order.id.:Int64 FROM (SELECT custom::JSON AS json FROM reports)
SELECT quantiles(0.5, 0.9, 0.99)(latency), quantile(0.95)(latency), quantileTDigestIf(0.9)(latency, provider = 'cm'), median(latency) FROM reports
SELECT a.provider, b.latency FROM reports AS a ASOF LEFT JOIN reports AS b ON a.provider = b.provider AND a.received_at >= b.received_at LIMIT 5
SELECT count() FROM reports FINAL
SELECT count() FROM dlr.reports AS r FINAL WHERE r.latency > 3
SELECT count() FROM reports SAMPLE 1 / 10 OFFSET 1 / 2
SELECT provider, latency FROM reports ORDER BY latency DESC LIMIT 2 BY provider
SELECT provider, latency FROM reports ORDER BY latency DESC LIMIT 1, 2 BY provider LIMIT 4 OFFSET 1
SELECT provider FROM reports ORDER BY latency LIMIT 2 WITH TIES
SELECT provider, sum(latency) FROM reports GROUP BY provider WITH TOTALS
SELECT provider, status, count() FROM reports GROUP BY provider, status WITH ROLLUP
SELECT provider, status, count(), grouping(status) FROM reports GROUP BY GROUPING SETS ((provider), (status))
SELECT provider, count() FROM reports GROUP BY CUBE (provider) ORDER BY ALL
SELECT provider, status, count() FROM reports GROUP BY ALL HAVING count() > 1
SELECT count() FROM reports PREWHERE provider = 'cm' WHERE latency > 10
SELECT count() FILTER (WHERE status = 'rejected') FROM reports
SELECT arrayMap(x -> x * 2, [1, 2]), arrayFilter((x, y) -> x > y, [1, 5], [2, 3]), arrayReduce('sum', [1]), arraySort(x -> -x, [3, 1]), arrayFold((a, x) -> a + x, [1], toInt64(0))
SELECT toStartOfMinute(received_at) AS minute, countIf(status = 'rejected') / count() FROM reports GROUP BY minute ORDER BY minute
SELECT toStartOfInterval(received_at, INTERVAL 1 HOUR) AS hour, count() FROM reports GROUP BY hour ORDER BY hour WITH FILL STEP INTERVAL 1 HOUR
SELECT dateDiff('minute', min(received_at), max(received_at)), age('hour', min(received_at), max(received_at)) FROM reports
SELECT formatDateTime(received_at, '%Y-%m-%d %H:%i:%S'), toTimeZone(received_at, 'Asia/Shanghai'), toYYYYMM(received_at) FROM reports
SELECT arrayJoin([1, 2, 3]) AS x, x * 2
SELECT count() FROM dlr.of_provider(name = 'cm')
SELECT count() FROM failures WHERE reason = 'throttled'
SELECT provider, argMax(status, received_at), any(reason), groupArray(3)(message_id), groupUniqArray(tags), topK(2)(status) FROM reports GROUP BY provider
SELECT uniq(message_id), uniqExactIf(message_id, latency > 3), sumMap(['a'], [1]), avgOrNull(latency), corr(latency, latency) FROM reports
SELECT sumMerge(s), uniqMerge(u) FROM (SELECT sumState(latency) AS s, uniqState(provider) AS u FROM reports)
SELECT if(latency > 3, 'a', 'b'), multiIf(latency > 3, 1, latency > 2, 2, 3), CASE WHEN latency > 3 THEN 1 ELSE 0 END, CASE provider WHEN 'cm' THEN 1 END, latency > 3 ? 'x' : 'y' FROM reports
SELECT provider FROM reports WHERE provider IN (SELECT provider FROM failures) AND (provider, status) IN (('cm', 'rejected'), ('juhe', 'rejected'))
SELECT provider FROM reports WHERE provider NOT IN ('cm') AND message_id LIKE 'm-%' AND message_id NOT ILIKE 'X%' AND received_at BETWEEN '2026-01-01 00:00:00' AND toDateTime('2026-01-01 01:00:00', 'UTC')
SELECT r.provider, f.n FROM reports AS r INNER JOIN (SELECT provider, count() AS n FROM failures GROUP BY provider) AS f USING (provider)
SELECT count() FROM reports AS a LEFT ANY JOIN reports AS b ON a.message_id = b.message_id
SELECT count() FROM reports AS a SEMI LEFT JOIN failures AS b ON a.message_id = b.message_id
SELECT count() FROM (SELECT 1 AS x) AS a CROSS JOIN (SELECT 2 AS y) AS b
SELECT * EXCEPT (custom, tags) FROM reports
SELECT reports.* EXCEPT (custom) REPLACE (latency + 1 AS latency) FROM reports
SELECT COLUMNS('^(provider|status)$') FROM reports
SELECT COLUMNS('^latency$') APPLY(sum) FROM reports
SELECT provider FROM reports UNION ALL SELECT 'x' UNION DISTINCT SELECT 'y'
(SELECT 1 AS a) UNION DISTINCT (SELECT 2)
SELECT provider FROM reports INTERSECT SELECT 'cm'
SELECT provider FROM reports EXCEPT SELECT 'cm'
SELECT DISTINCT provider FROM reports
SELECT DISTINCT ON (provider) provider, latency FROM reports ORDER BY provider, latency
SELECT provider FROM reports QUALIFY row_number() OVER (PARTITION BY provider ORDER BY latency) = 1
SELECT toDate('2026-01-01') + INTERVAL 1 DAY, now() - toIntervalDay(1), today() - 7, DATE '2026-01-01', TIMESTAMP '2026-01-01 00:00:00'
SELECT CAST('1' AS UInt8), CAST(1, 'Nullable(String)'), '1'::UInt8, [1, 2]::Array(Float64), 1::Decimal(10, 2), toDecimal64(1, 3)
SELECT (1, 'a') AS pair, pair.1, tupleElement(pair, 2), map('a', 1)['a'], [10, 20][1], untuple((1, 2))
SELECT replaceRegexpAll(provider, '(c)', '\\1-'), extract(message_id, '(\\d+)'), splitByChar(',', 'a,b'), position(provider, 'c'), substring(provider, 1, 1), provider || 'y' FROM reports
SELECT extract(DAY FROM toDate('2026-01-02')), trim(BOTH ' ' FROM ' x '), DATE_ADD(DAY, 1, toDate('2026-01-01')), date_trunc('hour', toDateTime('2026-01-01 01:30:00', 'UTC'))
SELECT cityHash64('a'), hex(MD5('x')), base64Encode('a'), bitAnd(1, 3), formatReadableSize(1024), greatest(1, 2), coalesce(NULL, 1), ifNull(NULL, 2), nullIf(1, 1), round(1.55, 1)
SELECT number FROM numbers(5) WHERE number % 2 = 0
SELECT * FROM generate_series(1, 3)
SELECT * FROM values('a UInt8, b String', (1, 'x'), (2, 'y'))
FROM reports SELECT count()
SELECT `provider`, "latency" FROM `dlr`.`reports`
SELECT -1, - 1, +1, 1e3, 0x1F, 1_000, .5, 1., -0.5, 'it''s', 'it\'s', '\x41', 'é文', NULL, true, inf
SELECT 'ünïcode' AS `spalte größe`, 2 AS "b c", 3 AS status, 4 AS provider, 5 AS user, 6 AS date, 7 AS format
SELECT provider FROM reports WHERE latency = (SELECT max(latency) FROM reports AS inside WHERE inside.provider = reports.provider)
SELECT provider AS `file-name`, 1 AS files, 2 AS x_file FROM reports
SHOW TABLES
SHOW TABLES FROM dlr LIKE 'r%'
SHOW FULL TABLES IN dlr
SHOW DATABASES
SHOW CREATE TABLE dlr.reports
SHOW COLUMNS FROM reports
SHOW FUNCTIONS LIKE 'plus'
SHOW SETTINGS LIKE 'max_threads'
DESCRIBE TABLE reports
DESC "dlr"."reports"
DESCRIBE (SELECT 1 AS x)
EXISTS TABLE dlr.reports
EXPLAIN SELECT count() FROM reports
EXPLAIN PLAN indexes = 1, actions = 0 SELECT count() FROM reports WHERE provider = 'cm'
EXPLAIN AST SELECT 1
EXPLAIN SYNTAX SELECT 1
EXPLAIN PIPELINE SELECT 1
EXPLAIN ESTIMATE SELECT max(latency) FROM reports
EXPLAIN QUERY TREE SELECT 1
SELECT version(), timezone()
SELECT displayName(), version(), revision(), timezone()
SELECT currentUser() AS user, currentDatabase() AS db
SELECT name, value, readonly FROM system.settings LIMIT 10000
SELECT name, engine, total_rows, total_bytes, comment FROM system.tables WHERE database = 'dlr'
SELECT name, type, default_expression, comment FROM system.columns WHERE database = currentDatabase() AND table = 'reports'
SELECT sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active
SELECT table_name FROM information_schema.tables WHERE table_schema = 'dlr'
SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = 'dlr'
""".strip().splitlines()


@pytest.mark.parametrize("query", QUESTIONS, ids=lambda query: query[:60])
def test_an_analysts_question_is_answered(query_server: QueryServer, query: str) -> None:
    """Every query of an analyst or a tool is answered, with at least one row."""
    reply = query_server.ask(query, default_format="JSONCompact")
    assert reply.status == 200, reply.text
    assert '"rows": 0' not in reply.text


def test_the_engine_gets_what_was_written(query_server: QueryServer) -> None:
    """Comments, strings, numbers and names reach the engine with the meaning that they were written with."""
    reply = query_server.ask(
        "/* a */ SELECT 'a -- b /* c */ ''d'' \\'e\\' \\t\\\\' AS `x -- y`, 1 -- one\n + 2 /* two */ * 3 AS n # and so on",
        default_format="JSONCompactEachRowWithNames",
    )
    assert reply.text == '["x -- y", "n"]\n["a -- b \\/* c *\\/ \'d\' \'e\' \\t\\\\", 7]\n'


def test_a_refusal_says_what_is_wrong(query_server: QueryServer) -> None:
    """A refusal names the word, and says why it is refused or how to write it."""
    assert "the function file is not allowed here" in query_server.ask("SELECT file('x')").text
    assert "there is no function toStartOfMinut here" in query_server.ask("SELECT toStartOfMinut(1)").text
    assert "system.processes is not allowed here" in query_server.ask("SELECT * FROM system.processes").text
    assert "line 2, column 8" in query_server.ask("SELECT 1,\n       $$x$$").text


@pytest.mark.parametrize(
    ("sql", "code", "said"),
    [
        ("SELEC 1", "62", "a statement can't begin with SELEC"),
        ("SELECT (1", "62", "can't be read near"),
        ("SELECT 1 FROM", "62", "can't be read near 'FROM'"),
        ("SELECT count() FRO reports", "62", "can't be read near 'reports'"),
        ("CREATE TABLE x (a Int8) ENGINE = Memory", "497", "CREATE is not possible: the query interface only reads"),
        ("DROP TABLE dlr.reports", "497", "only reads"),
        ("SET max_threads = 1", "497", "write SETTINGS name = value at the end"),
        ("SELECT * FROM url('http://127.0.0.1/', 'CSV')", "497", "url() is not allowed here: it reaches"),
        ("SELECT * FROM s3('x')", "497", "s3() is not allowed here: it reaches"),
        ("SELECT 1 SETTINGS readonly = 0", "497", "the setting readonly can't be set to that here"),
        ("SELECT * FROM (SELECT 1 SETTINGS max_threads = 1)", "497", "at the end of the whole query only"),
    ],
)
def test_an_error_is_called_by_its_name(query_server: QueryServer, sql: str, code: str, said: str) -> None:
    """A misspelt query is a syntax error, one that writes or reaches elsewhere is denied, and each says why."""
    reply = query_server.ask(sql)
    assert reply.headers["X-ClickHouse-Exception-Code"] == code
    assert said in reply.text


@pytest.mark.parametrize(
    ("clause", "given", "expected"),
    [
        ("SETTINGS max_threads = 1", {}, {"max_threads": "1"}),
        ("SETTINGS max_threads = 64, max_execution_time = 0", {}, {"max_threads": "2", "max_execution_time": "3"}),
        ("SETTINGS join_use_nulls = 1 FORMAT TSV", {}, {"join_use_nulls": "1"}),
        ("FORMAT TSV SETTINGS extremes = 1", {"join_use_nulls": "1"}, {"extremes": "1", "join_use_nulls": "1"}),
        ("", {"max_memory_usage": "0", "date_time_output_format": "iso"}, {"date_time_output_format": "iso"}),
        ("", {"log_comment": "x", "readonly": "0", "max_result_rows": "5"}, {"max_result_rows": "5", "readonly": "2"}),
        (
            "",
            {"allow_ddl": "1", "date_time_output_format": "a'b"},
            {"allow_ddl": "0", "date_time_output_format": "simple"},
        ),
    ],
)
def test_harmless_settings_are_taken(
    query_server: QueryServer, clause: str, given: dict[str, str], expected: dict[str, str]
) -> None:
    """Settings of how a result is computed or written are used, and limits up to our own; a URL's others are ignored."""
    names = ", ".join(f"'{name}'" for name in expected)
    sql = f"SELECT name, value FROM system.settings WHERE name IN ({names}) {clause}"
    reply = query_server.ask(sql, **given)  # type: ignore[arg-type]
    rows = [line.split("\t") for line in reply.text.splitlines()]
    assert {name: value for name, value, *_ in filter(lambda row: row != [""], rows)} == expected


def test_no_function_of_the_engine_is_newer_than_those_that_were_read(query_server: QueryServer) -> None:
    """With a newer engine, somebody reads the list of its functions again (`functions.REVIEWED`)."""
    from ingest.query.guard.functions import REVIEWED  # noqa: PLC0415

    major, minor = REVIEWED
    newer = query_server.ask(
        "SELECT name FROM system.functions WHERE arrayMap(x -> toUInt32OrZero(x), arraySlice(splitByChar('.', introduced_in),"
        f" 1, 2)) > [{major}, {minor}] AND introduced_in != ''"
    )
    assert newer.text == ""
