"""
Attacks on the query interface: ways to files, to other servers, to other people's queries, and past the limits.

Each has to be refused before the engine sees it. That nothing happened is seen from outside: a canary file is in no
answer, no file appears, and a listening server gets no call. The same attacks succeed where the query server is not guarded.
"""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.query.fixtures import QueryServer

CANARY = "canary-4711-content"

#: ClickHouse's codes that the guard answers with; the engine's own refusals have others.
REFUSALS = {"46", "62", "73", "497"}


@dataclass(frozen=True)
class Outside:
    """The targets of an attack: a file, a folder to write to, and a server."""

    folder: Path
    server: socket.socket

    def fill(self, attack: str) -> str:
        """Put the places into an attack."""
        places = {"<canary>": self.folder / "canary.txt", "<out>": self.folder / "out", "<folder>": self.folder}
        for name, place in places.items():
            attack = attack.replace(name, str(place))
        return attack.replace("<server>", f"127.0.0.1:{self.server.getsockname()[1]}")

    def is_untouched(self) -> bool:
        """Tell whether nothing was written, and nobody called."""
        try:
            self.server.accept()
        except BlockingIOError:
            return [file.name for file in self.folder.iterdir()] == ["canary.txt"]
        return False


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    """Lay out the canary, and listen."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "canary.txt").write_text(CANARY + "\n")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        yield Outside(folder, server)


READ_BY_FUNCTION = [
    "SELECT file('<canary>')",
    "SELECT `file`('<canary>')",
    "SELECT \"file\"('<canary>')",
    "SELECT File('<canary>')",
    "SELECT file/**/('<canary>')",
    "SELECT file /* ( */ ('<canary>')",
    "SELECT file -- \n('<canary>')",
    "SELECT file # \n('<canary>')",
    "SELECT file\f\v('<canary>')",
    "SELECT file\u00a0('<canary>')",
    "SELECT file\u2003('<canary>')",
    "SELECT `fi\\x6ce`('<canary>')",
    "SELECT \"fi\\x6ce\"('<canary>')",
    "SELECT \uff46\uff49\uff4c\uff45('<canary>')",
    "SELECT fi\u200ble('<canary>')",
    "SELECT file($$<canary>$$)",
    "SELECT file($x$<canary>$x$)",
    "SELECT file(\u2018<canary>\u2019)",
    "SELECT file(x'2f657463')",
    "SELECT '<canary>'.file()",
    "SELECT '<canary>'.1.file()",
    "SELECT dlr.file('<canary>'), file('<canary>')",
    "SELECT arrayMap(file, ['<canary>'])",
    "SELECT arrayMap(`file`, ['<canary>'])",
    "SELECT arrayMap(x -> file(x), ['<canary>'])",
    "SELECT arrayMap((file), ['<canary>'])",
    "SELECT arrayFold((acc, x) -> file(x), ['<canary>'], '')",
    "SELECT mapApply((k, v) -> (k, file(v)), map('a', '<canary>'))",
    "SELECT * APPLY file FROM (SELECT '<canary>')",
    "SELECT * APPLY(file) FROM (SELECT '<canary>')",
    "SELECT * APPLY(x -> file(x)) FROM (SELECT '<canary>')",
    "SELECT COLUMNS('c') APPLY file FROM (SELECT '<canary>' AS c)",
    "WITH (x -> file(x)) AS f SELECT f('<canary>')",
    "WITH x -> file(x) AS f SELECT arrayMap(f, ['<canary>'])",
    "WITH file AS f SELECT arrayMap(f, ['<canary>'])",
    "WITH file('<canary>') AS c SELECT c",
    "WITH c AS (SELECT file('<canary>')) SELECT * FROM c",
    "WITH RECURSIVE r AS (SELECT file('<canary>') AS n UNION ALL SELECT n FROM r WHERE 0) SELECT * FROM r",
    "SELECT if(1, file('<canary>'), '')",
    "SELECT 1 = 1 ? file('<canary>') : ''",
    "SELECT CASE WHEN 1 THEN file('<canary>') END",
    "SELECT (SELECT file('<canary>'))",
    "SELECT [file('<canary>')][1]",
    "SELECT (file('<canary>'), 1).1",
    "SELECT file('<canary>')::String",
    "SELECT CAST(file('<canary>') AS String)",
    "SELECT concat('', file('<canary>'))",
    "SELECT '' || file('<canary>')",
    "SELECT 1 WHERE file('<canary>') LIKE 'c%'",
    "SELECT 1 FROM reports PREWHERE file('<canary>') != '' LIMIT 1",
    "SELECT count() FROM reports GROUP BY file('<canary>')",
    "SELECT count() FROM reports HAVING file('<canary>') != ''",
    "SELECT provider FROM reports ORDER BY file('<canary>')",
    "SELECT provider FROM reports LIMIT length(file('<canary>'))",
    "SELECT provider FROM reports LIMIT 1 BY file('<canary>')",
    "SELECT max(file('<canary>')) OVER (PARTITION BY 1)",
    "SELECT count() OVER w FROM reports WINDOW w AS (ORDER BY file('<canary>'))",
    "SELECT * REPLACE (file('<canary>') AS provider) FROM reports LIMIT 1",
    "SELECT a FROM (SELECT 1) ARRAY JOIN [file('<canary>')] AS a",
    "SELECT * FROM reports AS a JOIN reports AS b ON a.provider = file('<canary>')",
    "SELECT * FROM values('x String', file('<canary>'))",
    "SELECT * FROM numbers(length(file('<canary>')))",
    "SELECT * FROM of_provider(name = file('<canary>'))",
    "SELECT throwIf(1, file('<canary>'))",
    "SELECT toUInt8(file('<canary>'))",
    "SELECT groupConcat(file('<canary>'))(provider) FROM reports",
    "SELECT 1 UNION ALL SELECT file('<canary>')",
    "SELECT 1 EXCEPT SELECT file('<canary>')",
    "(SELECT file('<canary>'))",
    "((SELECT file('<canary>')))",
    "FROM reports SELECT file('<canary>')",
    "FROM reports |> SELECT file('<canary>')",
    "EXPLAIN SELECT file('<canary>')",
    "EXPLAIN SYNTAX SELECT file('<canary>')",
    "EXPLAIN PLAN actions = 1 SELECT file('<canary>')",
    "EXPLAIN QUERY TREE run_passes = 1 SELECT file('<canary>')",
    "EXPLAIN EXPLAIN SELECT file('<canary>')",
    "DESCRIBE (SELECT file('<canary>'))",
    "DESCRIBE TABLE (SELECT file('<canary>') AS x)",
    "SHOW COLUMNS FROM reports WHERE field = file('<canary>')",
    "SHOW TABLES WHERE name = file('<canary>')",
    "SELECT /* ' */ file('<canary>') /* ' */",
    "SELECT 1 -- '\n, file('<canary>') -- '",
    "SELECT 'a\\' , file('<canary>') , '\\'b', file('<canary>')",
    "SELECT 'a'', ', file('<canary>')",
    "SELECT `a``, ` , file('<canary>')",
    "SELECT /* /* */ 1 /* */ */ , file('<canary>')",
    "SELECT 1 //\n, file('<canary>')",
    "SELECT evalMLMethod(file('<canary>'))",
    "SELECT catboostEvaluate('<canary>', 1)",
    "SELECT groupFormat('Template')(file('<canary>'))",
]
READ_BY_TABLE = [
    "SELECT * FROM file('<canary>', 'LineAsString')",
    "SELECT * FROM `file`('<canary>', 'LineAsString')",
    "SELECT * FROM file('<canary>', 'LineAsString') AS f FINAL",
    "SELECT * FROM (SELECT * FROM file('<canary>', 'LineAsString'))",
    "SELECT * FROM reports, file('<canary>', 'LineAsString')",
    "SELECT * FROM reports CROSS JOIN file('<canary>', 'LineAsString') AS f",
    "SELECT 'x' IN (SELECT * FROM file('<canary>', 'LineAsString'))",
    "SELECT 'x' IN file('<canary>', 'LineAsString')",
    "WITH c AS (SELECT * FROM file('<canary>', 'LineAsString')) SELECT * FROM c",
    "DESCRIBE TABLE file('<canary>')",
    "DESCRIBE file('<canary>', 'LineAsString')",
    "DESC file('<canary>')",
    "DESCRIBE TABLE default.`<canary>`",
    "EXISTS TABLE file('<canary>')",
    "EXISTS default.`<canary>`",
    "SHOW CREATE TABLE default.`<canary>`",
    "SHOW COLUMNS FROM default.`<canary>`",
    "SELECT * FROM (DESCRIBE TABLE file('<canary>'))",
    "SELECT * FROM (EXPLAIN SELECT file('<canary>'))",
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT file('<canary>')))",
    "SELECT * FROM view(SELECT file('<canary>'))",
    "SELECT * FROM viewIfPermitted(SELECT file('<canary>') ELSE null('x String'))",
    "SELECT * FROM eval('SELECT file(''<canary>'')')",
    "SELECT * FROM loop(file('<canary>', 'LineAsString')) LIMIT 1",
    "SELECT * FROM fuzzQuery('SELECT 1')",
    "SELECT * FROM fileCluster('default', '<canary>', 'LineAsString')",
    'SELECT * FROM default."<canary>"',
    "SELECT * FROM default.`<canary>`",
    "SELECT * FROM `default`.`<canary>`",
    "SELECT * FROM default /**/ . /**/ `<canary>`",
    "SELECT 'x' IN default.`<canary>`",
    "SELECT * FROM <canary>",
    "SELECT * FROM executable('cat <canary>', 'LineAsString', 'x String')",
    "SELECT * FROM executable('cat <canary> > <out>', 'LineAsString', 'x String')",
    "SELECT * FROM sqlite('<canary>', 't')",
    "SELECT * FROM filesystem('<folder>')",
    "SELECT * FROM icebergLocal('<folder>')",
    "SELECT * FROM deltaLakeLocal('<folder>')",
    "SELECT * FROM paimonLocal('<folder>')",
    "SELECT * FROM python('x')",
    "SELECT * FROM Python(os)",
    "SELECT * FROM merge('default', '.*')",
    "SELECT * FROM merge('system', 'processes')",
    "SELECT * FROM merge('.*')",
    "SELECT * FROM input('x String') FORMAT LineAsString",
    "SELECT * FROM format(LineAsString, 'x')",
    "SELECT * FROM dictionary('d')",
    "SELECT * FROM mergeTreeIndex('dlr', 'reports')",
    "SELECT * FROM generateRandom('x String') LIMIT 1",
    "SELECT dictGet('d', 'a', 1)",
    "SELECT dictGetOrDefault('d', 'a', 1, 2)",
    "SELECT joinGet('dlr.reports', 'provider', 1)",
]
WRITE = [
    "SELECT 1 INTO OUTFILE '<out>'",
    "SELECT 1 into outfile '<out>' TRUNCATE",
    "SELECT 1 INTO/**/OUTFILE/**/'<out>'",
    "SELECT 1 INTO -- x\n OUTFILE '<out>'",
    "SELECT 1 INTO OUTFILE '<out>' FORMAT CSV",
    "SELECT 1 INTO OUTFILE '<out>' APPEND FORMAT CSV",
    "SELECT 1 INTO OUTFILE '<out>' AND STDOUT FORMAT CSV",
    "SELECT 1 INTO OUTFILE '<out>' COMPRESSION 'gzip' LEVEL 1",
    "SELECT 1 FORMAT CSV INTO OUTFILE '<out>'",
    "SELECT 1 SETTINGS max_threads = 1 INTO OUTFILE '<out>'",
    "(SELECT 1) INTO OUTFILE '<out>'",
    "SELECT 1 UNION ALL SELECT 2 INTO OUTFILE '<out>'",
    "WITH 1 AS x SELECT x INTO OUTFILE '<out>'",
    "SELECT * FROM (SELECT 1 INTO OUTFILE '<out>')",
    "EXPLAIN SELECT 1 INTO OUTFILE '<out>'",
    "EXPLAIN AST SELECT 1 INTO OUTFILE '<out>'",
    "SHOW TABLES INTO OUTFILE '<out>'",
    "SHOW DATABASES INTO OUTFILE '<out>' FORMAT CSV",
    "SHOW CREATE TABLE reports INTO OUTFILE '<out>'",
    "DESCRIBE TABLE reports INTO OUTFILE '<out>'",
    "EXISTS TABLE reports INTO OUTFILE '<out>'",
    "INSERT INTO FUNCTION file('<out>', 'CSV') SELECT 1",
    "INSERT INTO TABLE FUNCTION file('<out>', 'CSV') VALUES (1)",
    "INSERT INTO reports SELECT * FROM reports",
    "INSERT INTO reports FROM INFILE '<canary>' FORMAT CSV",
    "EXPLAIN SYNTAX INSERT INTO reports SELECT * FROM reports",
    "WITH 1 AS x INSERT INTO reports (bucket) SELECT x",
    "CREATE TABLE x ENGINE = File(CSV, '<out>') AS SELECT 1",
    "CREATE TABLE x ENGINE = Memory AS SELECT 1",
    "CREATE TEMPORARY TABLE x AS SELECT 1",
    "CREATE VIEW x AS SELECT file('<canary>')",
    "CREATE FUNCTION f AS x -> file(x)",
    "CREATE DICTIONARY d (a UInt8) PRIMARY KEY a SOURCE(FILE(path '<canary>' format 'CSV')) LAYOUT(FLAT()) LIFETIME(0)",
    "CREATE NAMED COLLECTION c AS a = 1",
    "CREATE USER u",
    "ATTACH TABLE x FROM '<folder>' (a UInt8) ENGINE = MergeTree ORDER BY a",
    "DETACH TABLE reports",
    "DROP TABLE reports",
    "DROP DATABASE dlr",
    "TRUNCATE TABLE reports",
    "ALTER TABLE reports DELETE WHERE 1",
    "ALTER TABLE reports FREEZE",
    "DELETE FROM reports WHERE 1",
    "UPDATE reports SET latency = 0 WHERE 1",
    "OPTIMIZE TABLE reports FINAL",
    "RENAME TABLE reports TO x",
    "EXCHANGE TABLES reports AND failures",
    "UNDROP TABLE reports",
    "CHECK TABLE reports",
    "BACKUP DATABASE dlr TO File('<out>')",
    "RESTORE DATABASE dlr FROM File('<canary>')",
    "MOVE USER u TO x",
    "GRANT ALL ON *.* TO default",
    "REVOKE ALL ON *.* FROM default",
    "SYSTEM SHUTDOWN",
    "SYSTEM FLUSH LOGS",
    "SYSTEM RELOAD CONFIG",
    "KILL QUERY WHERE 1",
    "BEGIN TRANSACTION",
    "COPY reports TO '<out>'",
    "EXECUTE AS default SELECT 1",
    "ASSERT 1",
]
REACH_A_SERVER = [
    "SELECT * FROM url('http://<server>/x', 'LineAsString')",
    "SELECT * FROM url('http://<server>/x', LineAsString, 'x String')",
    "SELECT * FROM urlCluster('default', 'http://<server>/x', 'LineAsString')",
    "DESCRIBE TABLE url('http://<server>/x')",
    "DESCRIBE url('http://<server>/x', 'CSV')",
    "SELECT * FROM s3('http://<server>/b/k', 'CSV')",
    "DESCRIBE TABLE s3('http://<server>/b/k', 'CSV')",
    "SELECT * FROM gcs('http://<server>/b/k', 'CSV')",
    "SELECT * FROM iceberg('http://<server>/b/k')",
    "SELECT * FROM deltaLake('http://<server>/b/k')",
    "SELECT * FROM hdfs('hdfs://<server>/x', 'CSV', 'x String')",
    "SELECT * FROM azureBlobStorage('http://<server>', 'c', 'b')",
    "SELECT * FROM remote('<server>', system.one)",
    "SELECT * FROM remote('<server>', 'system', 'one')",
    "SELECT * FROM remoteSecure('<server>', system.one)",
    "DESCRIBE TABLE remote('<server>', system.one)",
    "SELECT * FROM cluster('default', system.one)",
    "SELECT * FROM clusterAllReplicas('default', system.one)",
    "SELECT * FROM mysql('<server>', 'd', 't', 'u', 'p')",
    "SELECT * FROM postgresql('<server>', 'd', 't', 'u', 'p')",
    "SELECT * FROM mongodb('<server>', 'd', 't', 'u', 'p', 'x String')",
    "SELECT * FROM redis('<server>', 'k', 'k String')",
    "SELECT * FROM jdbc('jdbc:mysql://<server>/', 'd', 't')",
    "SELECT * FROM odbc('DSN=x', 'd', 't')",
    "SELECT * FROM ytsaurus('http://<server>', 'p', 't', 'x String')",
    "SELECT * FROM prometheusQuery('http://<server>', 'up', now())",
    "EXPLAIN TABLE OVERRIDE mysql('<server>', 'd', 't', 'u', 'p') PARTITION BY x",
    "SELECT hasColumnInTable('<server>', 'u', 'p', 'd', 't', 'c')",
    "SELECT aiGenerate('x')",
    "SELECT AIEmbed('x')",
    "SELECT reverseDNSQuery('127.0.0.1')",
]
LEARN_OF_OTHERS = [
    "SELECT * FROM system.processes",
    "SELECT * FROM `system`.`processes`",
    'SELECT * FROM "system"."processes"',
    "SELECT * FROM system /**/ . -- \n processes",
    "SELECT * FROM System.processes",
    "SELECT 1 IN system.processes",
    "SELECT 1 WHERE query IN (SELECT query FROM system.processes)",
    "SELECT in('x', system.processes)",
    "SELECT system.processes.query FROM system.processes",
    "SELECT (SELECT count() FROM system.users)",
    "WITH p AS (SELECT * FROM system.query_log) SELECT * FROM p",
    "SELECT * FROM reports AS a JOIN system.session_log AS b ON 1",
    "SELECT * FROM reports, system.stack_trace",
    "SELECT * FROM system.named_collections",
    "SELECT * FROM system.server_settings",
    "SELECT * FROM system.errors",
    "SELECT * FROM system.user_query_log",
    "SELECT * FROM system.user_processes",
    "SELECT * FROM system.statements",
    "SELECT * FROM system.asynchronous_inserts",
    "SELECT * FROM system.certificates",
    "SELECT * FROM system.disks",
    "DESCRIBE TABLE system.processes",
    "SHOW PROCESSLIST",
    "SHOW GRANTS",
    "SHOW USERS",
    "SHOW ACCESS",
    "SHOW CREATE USER default",
    "SHOW CLUSTERS",
    "SHOW MERGES",
    "SHOW FILESYSTEM CACHES",
    "SELECT * FROM other.secrets",
    "SELECT * FROM a.b.c",
    "SELECT hostName()",
    "SELECT hostname()",
    "SELECT FQDN()",
    "SELECT getOSKernelVersion()",
    "SELECT getMacro('x')",
    "SELECT getServerSetting('path')",
    "SELECT getSetting('readonly')",
    "SELECT showCertificate()",
    "SELECT filesystemAvailable()",
    "SELECT serverUUID()",
    "SELECT tcpPort()",
    "SELECT getServerPort('http')",
    "SELECT getClientHTTPHeader('Authorization')",
    "SELECT currentRequestURL()",
    "SELECT buildId()",
    "SELECT addressToSymbol(1)",
    "SELECT addressToLine(1)",
    "SELECT demangle('x')",
    "SELECT transactionID()",
    "SELECT logTrace('x')",
    "SELECT generateSerialID('x')",
]
PASS_THE_LIMITS = [
    "SET readonly = 0",
    "SET max_execution_time = 0",
    "USE default",
    "SELECT 1 SETTINGS readonly = 0 FORMAT CSV",
    "SELECT 1 SETTINGS log_comment = 'x'",
    "SELECT 1 SETTINGS max_threads = 1, allow_ddl = 1",
    "SELECT 1 SETTINGS max_threads = -1",
    "SELECT 1 SETTINGS output_format_schema = '/tmp/x'",
    "SELECT 1 SETTINGS format_schema = '/etc/passwd'",
    "SELECT 1 SETTINGS date_time_output_format = 'iso\\', readonly = 0 --'",
    "SELECT * FROM (SELECT 1 SETTINGS max_execution_time = 0)",
    "SELECT 1 SETTINGS max_execution_time = 0 UNION ALL SELECT 2",
    "(SELECT 1 SETTINGS max_execution_time = 0)",
    "WITH x AS (SELECT 1 SETTINGS max_memory_usage = 0) SELECT * FROM x",
    "SELECT sleep(3)",
    "SELECT sleepEachRow(1) FROM numbers(10)",
    "SELECT arrayMap(sleep, [1])",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE reports",
    "SELECT 1;; SELECT 2",
    "SELECT 1 /* ; */ ; SELECT file('<canary>')",
    "; SELECT 1",
    ";",
    "SELECT 1 PARALLEL WITH SELECT 2",
    "SELECT 1\\G SELECT 2",
    "1 + 1",
    "",
    "-- nothing",
    "SELECT '",
    'SELECT "',
    "SELECT `",
    "SELECT /*",
    "SELECT 1 \x00",
    "\ufeffSELECT 1",
    "SELECT @@version",
    "SELECT * FROM {t:Identifier}",
    "SELECT * FROM { t : identifier }",
    "SELECT * FROM {t:`Identifier`}",
    "SELECT arrayMap({f:Identifier}, ['<canary>'])",
    "DESCRIBE TABLE {t:Identifier}",
    "SHOW CREATE TABLE {t:Identifier}",
    "EXISTS TABLE {t:Identifier}",
    "SELECT 1 FORMAT Template",
    "SELECT 1 AS x FORMAT Protobuf",
    "SELECT 1 FORMAT CapnProto",
    "SELECT 1 FORMAT AvroConfluent",
    "SELECT 1 FORMAT MySQLWire",
    "SELECT 1 FORMAT Dataframe",
    "SELECT 1 FORMAT ArrowTable",
    "SELECT 1 FORMAT Nonsense",
    "SELECT 1 FORMAT CSV FORMAT JSON",
    "SELECT " + "(" * 2000 + "1" + ")" * 2000,
    "SELECT " + "[" * 2000,
    "SELECT " + "- " * 20000 + "1",
    "SELECT " + "not " * 20000 + "1",
    "SELECT " + "f(" * 2000,
    "SELECT " + "CASE WHEN " * 2000,
    "SELECT * FROM " + "(SELECT * FROM " * 500 + "reports" + ")" * 500,
    "SELECT " + "1," * 30000 + "1",
    "SELECT '" + "x" * 300_000 + "'",
    "SELECT /*" + "*" * 200_000,
    "SELECT '" + "\\'" * 100_000,
]
ATTACKS = READ_BY_FUNCTION + READ_BY_TABLE + WRITE + REACH_A_SERVER + LEARN_OF_OTHERS + PASS_THE_LIMITS


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack[:60])
def test_an_attack_is_refused_before_the_engine_sees_it(
    query_server: QueryServer, outside: Outside, attack: str
) -> None:
    """Anything but a single query to the store's own tables is refused, and nothing happens."""
    reply = query_server.ask(outside.fill(attack), param_t="reports", param_f="file")
    assert reply.headers.get("X-ClickHouse-Exception-Code") in REFUSALS | {"167"}, reply.text[:300]
    assert reply.status in {400, 403, 404}
    assert CANARY not in reply.text
    assert outside.is_untouched()


@pytest.mark.parametrize("name", ["`<canary>`", "'<canary>'", "json", "os", "file", "processes"])
def test_a_bare_name_is_only_ever_a_table_of_the_store(query_server: QueryServer, outside: Outside, name: str) -> None:
    """No file, Python variable or table of another database stands in for a table that is missing."""
    for query in ("SELECT * FROM <>", "DESCRIBE TABLE <>", "SELECT 1 IN <>", "SHOW CREATE TABLE <>"):
        reply = query_server.ask(outside.fill(query.replace("<>", name)))
        assert reply.status in {400, 403, 404, 500}
        assert CANARY not in reply.text


def test_a_query_is_one_whether_in_the_url_or_the_body(query_server: QueryServer, outside: Outside) -> None:
    """URL and body are one text, and are judged as one."""
    for query, body in (("SELECT file(", "'<canary>')"), ("SELECT 1", "; SELECT 2"), ("SELECT 1 --", "\n;SELECT 2")):
        reply = query_server.ask(outside.fill(body), query=outside.fill(query))
        assert reply.headers["X-ClickHouse-Exception-Code"] in REFUSALS
    reply = query_server.ask(method="GET", query=outside.fill("SELECT file('<canary>')"))
    assert reply.status == 403


@pytest.mark.parametrize("name", ["Template", "CapnProto", "Dataframe", "nonsense"])
def test_a_format_by_url_or_header_is_judged_too(query_server: QueryServer, name: str) -> None:
    """The output format is judged wherever it is named."""
    assert query_server.ask("SELECT 1", default_format=name).status == 404
    assert query_server.ask("SELECT 1", {"X-ClickHouse-Format": name}).status == 404


@pytest.mark.parametrize("database", ["system", "default`; DROP", "information_schema", "other"])
def test_another_database_is_no_ones_current(query_server: QueryServer, database: str) -> None:
    """The current database is the store's, so that a bare name means one of its tables."""
    for reply in (
        query_server.ask("SELECT 1", database=database),
        query_server.ask("SELECT 1", {"X-ClickHouse-Database": database}),
    ):
        assert (reply.status, reply.headers["X-ClickHouse-Exception-Code"]) == (404, "81")
    assert query_server.ask("SELECT count() FROM reports", database="default").text == "1000\n"


def test_the_urls_settings_loosen_nothing(query_server: QueryServer) -> None:
    """Settings in the URL are ignored, whatever they are."""
    loose: dict[str, Any] = {
        "readonly": "0",
        "max_execution_time": "0",
        "max_result_rows": "0",
        "max_memory_usage": "0",
        "user": "x",
    }
    value = "SELECT value FROM system.settings WHERE name = 'max_execution_time'"
    assert query_server.ask(value, **loose).text == "3\n"
    assert query_server.ask("SELECT number FROM numbers(1000001)", **loose).status == 500
    assert query_server.ask("DROP TABLE reports", **loose).status == 403


def test_the_attacks_would_succeed_without_the_door(writable_server: QueryServer, tmp_path: Path) -> None:
    """The canary and the missing file do prove something: unguarded, the engine gives the one and makes the other."""
    canary, out = tmp_path / "canary.txt", tmp_path / "out"
    canary.write_text(CANARY)
    for attack in (f"SELECT file('{canary}')", f"SELECT arrayMap(file, ['{canary}'])"):
        assert CANARY in writable_server.ask(attack).text
    writable_server.ask(f"SELECT 1 INTO OUTFILE '{out}'")
    assert out.exists()
