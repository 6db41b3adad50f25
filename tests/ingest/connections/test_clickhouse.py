"""How the store is asked over HTTP, and how its failures are told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ingest.connections.clickhouse import QueryLimits, StoreClient, StoreError, StoreState, open_client, store_url
from ingest.settings.settings import Settings
from tests.ingest.query.fixtures import QueryServer, query_server

__all__ = ["query_server"]


def _client(query_server: QueryServer, database: str = "dlr") -> StoreClient:
    return StoreClient(f"http://127.0.0.1:{query_server.port}", database)


@asynccontextmanager
async def _silent_server() -> AsyncIterator[str]:
    """Take connections, and never answer."""
    connected: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: connected.append(writer), "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for writer in connected:
            writer.close()
            await writer.wait_closed()


def test_the_settings_name_the_store() -> None:
    """The ClickHouse server of the settings is asked, or the query interface on this machine if they name none."""
    assert store_url(Settings()) == "http://127.0.0.1:8123"
    assert store_url(Settings.model_validate({"clickhouse": {"url": "http://db:8123"}})) == "http://db:8123"


async def test_an_answer_is_rows_by_column_name(query_server: QueryServer) -> None:
    """Rows come as the JSON values of their columns, 64-bit integers as numbers, and values are bound by name."""
    async with _client(query_server) as client:
        sql = "SELECT number AS n, {text:String} AS said FROM numbers({most:UInt8})"
        assert await client.rows(sql, {"text": "it's\t\\a {b} %s", "most": 2}) == [
            {"n": 0, "said": "it's\t\\a {b} %s"},
            {"n": 1, "said": "it's\t\\a {b} %s"},
        ]
        assert await client.value("SELECT toUInt64(18446744073709551615)") == 18446744073709551615


async def test_a_long_answer_is_read_whole(query_server: QueryServer) -> None:
    """An answer that takes many packets is read to its end."""
    async with _client(query_server) as client:
        rows = await client.rows("SELECT number, sipHash64(number) AS more FROM numbers(20000)")
        assert [row["number"] for row in rows] == list(range(20_000))


async def test_the_query_may_name_its_format(query_server: QueryServer) -> None:
    """A format that the query names is used instead of the one that the caller asks for."""
    async with _client(query_server) as client:
        assert await client.query("SELECT 1 AS x, 'a' AS y", "CSVWithNames") == b'"x","y"\n1,"a"\n'
        assert await client.query("SELECT 1 AS x, 'a' AS y FORMAT TSV", "CSVWithNames") == b"1\ta\n"


async def test_a_refused_query_says_why(query_server: QueryServer) -> None:
    """A refusal carries ClickHouse's own text, without the server's address."""
    async with _client(query_server) as client:
        with pytest.raises(StoreError, match=r"^Code: 47\. DB::Exception.*nonsense") as raised:
            await client.rows("SELECT nonsense")
        assert raised.value.state is StoreState.REFUSED
        assert "http" not in str(raised.value)


async def test_a_store_that_is_away_is_told_from_a_slow_one() -> None:
    """A store that can't be reached is `away`; one that takes the connection and does not answer is `slow`."""
    async with StoreClient("http://127.0.0.1:9", "dlr") as client:
        with pytest.raises(StoreError, match="can't be reached") as raised:
            await client.value("SELECT 1")
        assert raised.value.state is StoreState.AWAY
    async with _silent_server() as url, StoreClient(url, "dlr", QueryLimits(connect_seconds=0.2)) as client:
        address = url.removeprefix("http://")
        with pytest.raises(StoreError, match=f"{address} takes the connection and does not answer") as raised:
            await client.value("SELECT 1")
        assert raised.value.state is StoreState.SLOW


async def test_a_client_connects_again(query_server: QueryServer) -> None:
    """A client that could not connect for its first query connects for the next one."""
    client = StoreClient("http://127.0.0.1:9", "dlr")
    with pytest.raises(StoreError):
        await client.value("SELECT 1")
    client._urls[0] = f"http://127.0.0.1:{query_server.port}"  # noqa: SLF001 - the server has come up at that address
    assert await client.value("SELECT 1") == 1
    await client.close()


async def test_another_server_answers(query_server: QueryServer) -> None:
    """A query goes to the next server where one is away or hangs."""
    address = f"127.0.0.1:{query_server.port}"
    async with StoreClient(f"http://127.0.0.1:9,{address}", "dlr") as client:
        assert await asyncio.gather(*(client.value(f"SELECT {number}") for number in range(5))) == [0, 1, 2, 3, 4]
    async with _silent_server() as silent:
        url, limits = f"{silent},{address}", QueryLimits(connect_seconds=0.2)
        async with StoreClient(url, "dlr", limits) as client:
            assert await client.value("SELECT 1") == 1


async def test_the_url_names_the_authority(tmp_path: Path) -> None:
    """`?ca_cert=` of the URL names the trusted authority, and is not sent to the server as a setting."""
    missing = tmp_path / "authority.pem"
    settings = Settings.model_validate({"clickhouse": {"url": f"https://127.0.0.1:9?ca_cert={missing}"}})
    async with open_client(settings) as client:
        with pytest.raises(StoreError, match="FileNotFoundError"):
            await client.value("SELECT 1")
