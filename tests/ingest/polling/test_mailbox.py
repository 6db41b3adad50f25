"""Polling a mailbox, which may hand over each report only once."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from ingest.polling.client import ProviderClient
from ingest.polling.mailbox import MailboxPoller
from ingest.polling.state import PollState
from ingest.simulation import wrong_answers
from sinks.errors import BusyError
from sinks.stream import Producer, Record, Topic
from tests.ingest.polling.accounts import Collected, make_account, make_server
from tests.ingest.polling.simulated import SimulatedProviders, juhe_report


@asynccontextmanager
async def news_of(
    server: SimulatedProviders, folder: Path, producer: Producer, **given: Any
) -> AsyncIterator[MailboxPoller]:
    """Ask a server, remembering in a folder."""
    async with server.serve() as url:
        client = ProviderClient(make_account("juhe", url, **given))
        with closing(PollState(folder / "poll.db")) as state:
            try:
                yield MailboxPoller(client, state, producer)
            finally:
                await client.close()


def ids(records: Sequence[Record], topic: Topic = Topic.REPORTS) -> list[str]:
    """Return the message ids of records."""
    return [record.key for record in records if record.topic is topic]


async def test_all_that_is_new_is_asked_for(tmp_path: Path) -> None:
    """A full answer is followed by another question at once, until one is not full; then come inbound messages."""
    server, stream = make_server(), Collected()
    server.reports.extend(juhe_report(f"r{n}") for n in range(35))
    server.inbound.extend({**juhe_report(f"m{n}"), "content": "hi"} for n in range(3))
    async with news_of(server, tmp_path, stream, size=10) as news:
        await news.ask_all()
    assert [len(batch) for batch in server.handed_over] == [10, 10, 10, 5, 3]
    assert ids(stream.records) == [f"r{n}" for n in range(35)]
    assert ids(stream.records, Topic.INBOUND) == [f"m{n}" for n in range(3)]
    assert all(orjson.loads(record.value)["source"] == "poll" for record in stream.records)


class Away(Collected):
    """A stream that takes nothing."""

    async def append(self, records: Sequence[Record]) -> None:
        """Refuse."""
        raise BusyError(f"{len(records)} records")


async def test_what_was_handed_over_waits_for_the_stream(tmp_path: Path) -> None:
    """An answer that the stream did not take is kept, nothing more is asked for, and a restart brings it in first."""
    server = make_server()
    server.reports.extend(juhe_report(f"r{n}") for n in range(25))
    async with news_of(server, tmp_path, Away(), size=10) as news:
        asking = asyncio.create_task(news.ask_all())
        await asyncio.wait([asking], timeout=1.0)
        assert not asking.done()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    assert [len(batch) for batch in server.handed_over] == [10]
    stream = Collected()
    async with news_of(server, tmp_path, stream, size=10) as news:
        await news.read_saved()
        assert ids(stream.records) == [f"r{n}" for n in range(10)]
        await news.ask_all()
        assert sorted(ids(stream.records)) == sorted(f"r{n}" for n in range(25))
    async with news_of(server, tmp_path, stream) as news:
        await news.read_saved()
    assert len(stream.records) == 25


async def test_an_answer_that_cannot_be_read_is_a_dead_letter(tmp_path: Path) -> None:
    """An answer that can't be parsed is kept whole, without the account's secret."""

    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"status":0,"password":"s3cret-juhe","list":[{"mid":"r1",')
        assert request.transport is not None
        request.transport.abort()
        return response

    server, stream = make_server(forced={"juhe": deque([half])}), Collected()
    async with news_of(server, tmp_path, stream) as news:
        await news.ask_all()
    [letter] = [orjson.loads(record.value) for record in stream.records if record.topic is Topic.DEAD_LETTERS]
    assert letter["body"] == '{"status":0,"password":"***","list":[{"mid":"r1",'
    assert (letter["why"], letter["path"]) == ("not_json", "/polls/juhe/default/report")


async def test_an_error_is_no_answer(tmp_path: Path) -> None:
    """An error that comes with HTTP 200 makes no dead letter and no saved answer."""

    async def error(_: web.Request) -> web.StreamResponse:
        return web.json_response({"status": 100})

    server, stream = make_server(forced={"juhe": deque([error, wrong_answers.answer_500])}), Collected()
    async with news_of(server, tmp_path, stream) as news:
        await news.ask_all()
        await news.read_saved()
    assert stream.records == []
