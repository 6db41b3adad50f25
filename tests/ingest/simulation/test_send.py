"""Sending: what was not acknowledged is tried again, what was refused is not, and the ledger knows which is which."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Sequence

import pytest
from aiohttp import web

from ingest.settings.settings import Settings
from ingest.simulation.ledger import Ledger, RecordKind
from ingest.simulation.persistence import UnreachableError
from ingest.simulation.plan import PlannedCallback
from ingest.simulation.send import CallbackSender
from ingest.simulation.targets import open_targets
from tests.ingest.simulation.planning import plan, written
from tests.ingest.simulation.receiver import receiver


async def _send(
    url: str,
    callbacks: Iterable[PlannedCallback],
    *,
    provider: str = "cm",
    per_second: float = 0,
    concurrency: int = 4,
) -> CallbackSender:
    sender = CallbackSender(url, open_targets(Settings(), providers=(provider,)), Ledger())
    await sender.send(callbacks, per_second=per_second, concurrency=concurrency, advance=lambda: None)
    return sender


def _reports(callbacks: int) -> Sequence[PlannedCallback]:
    return plan("cm", callbacks=callbacks, repeated=0, malformed=0)


async def test_everything_is_sent_once_where_everything_is_acknowledged() -> None:
    """Each callback is sent once to its account's path, and stands in the ledger as acknowledged."""
    async with receiver(lambda *_: web.Response(text="OK")) as (url, received):
        sender = await _send(url, _reports(50))
    assert len(received) == 50
    assert {path.partition("?")[0] for path, _ in received} == {"/callbacks/cm/default"}
    went = sender.sent["cm"]
    assert (went.callbacks, went.acknowledged, went.retries, len(went.seconds)) == (50, 50, 0, 50)


async def test_a_query_is_sent_as_its_provider_writes_it() -> None:
    """Santo's URLs arrive byte for byte, raw `|` and `%7C` alike."""
    callbacks = plan("santo", callbacks=100, repeated=0, malformed=0)
    async with receiver(lambda *_: web.Response(text="OK")) as (url, received):
        await _send(url, callbacks, provider="santo")
    queries = {written(callback).query for callback in callbacks}
    assert {path.partition("?")[2] for path, _ in received} == queries
    assert any("|" in query for query in queries)
    assert any("%7C" in query for query in queries)


@pytest.mark.parametrize("status", [503, 500, 429, 408])
async def test_what_was_not_stored_is_sent_again_as_it_was(status: int) -> None:
    """An answer that asks for patience has the very same bytes sent again, until they are acknowledged."""
    async with receiver(lambda _, n: web.Response(status=200 if n > 2 else status, text="OK")) as (url, received):
        sender = await _send(url, _reports(1))
    assert len(received) == 3
    assert len(set(received)) == 1
    assert (sender.sent["cm"].retries, sender.sent["cm"].acknowledged) == (2, 1)


async def test_a_connection_that_breaks_is_tried_again() -> None:
    """A receiver that dies before it answers gets the callback again."""

    def answer(request: web.BaseRequest, number: int) -> web.Response:
        if number == 1:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(text="OK")

    async with receiver(answer) as (url, received):
        sender = await _send(url, _reports(1))
    assert len(received) == 2
    assert sender.sent["cm"].acknowledged == 1


@pytest.mark.parametrize("answer", [(400, "OK"), (403, "OK"), (404, "OK"), (200, "no"), (204, "")])
async def test_any_other_answer_is_final_and_no_acknowledgement(answer: tuple[int, str]) -> None:
    """A good callback that is refused, or answered with another body than expected, is counted and not sent again."""
    status, text = answer
    async with receiver(lambda *_: web.Response(status=status, text=text)) as (url, received):
        sender = await _send(url, _reports(1))
    went = sender.sent["cm"]
    assert len(received) == 1
    assert (went.acknowledged, went.unexpected) == (0, Counter({status: 1}))
    assert sender.ledger.acknowledged(RecordKind.REPORTS, "cm") == 0
    assert len(list(sender.ledger.rows(RecordKind.REPORTS, "cm", "", "z"))) == 1


async def test_a_malformed_callback_has_to_be_refused() -> None:
    """400 is the right answer to what can't be read, and 200 is a wrong one."""
    callbacks = plan("cm", callbacks=20, malformed=1.0)
    async with receiver(lambda *_: web.Response(status=400)) as (url, _):
        refused = await _send(url, callbacks)
    async with receiver(lambda *_: web.Response(text="OK")) as (url, _):
        taken = await _send(url, callbacks)
    assert (refused.sent["cm"].malformed, refused.ledger.acknowledged(RecordKind.DEAD_LETTERS, "cm")) == (20, 20)
    assert (taken.sent["cm"].malformed, taken.sent["cm"].unexpected) == (0, Counter({200: 20}))


async def test_a_receiver_that_stays_away_ends_the_run() -> None:
    """Trying again is bounded: a receiver that is gone ends the run, and what it did not acknowledge is known."""
    targets = open_targets(Settings(), providers=("cm",))
    sender = CallbackSender("http://127.0.0.1:9", targets, Ledger(), patience_seconds=0.3)
    with pytest.raises(UnreachableError, match=r"the receiver at http://127\.0\.0\.1:9 can't be reached"):
        await sender.send(_reports(100), per_second=0, concurrency=4, advance=lambda: None)
    sent = list(sender.ledger.rows(RecordKind.REPORTS, "cm", "", "z"))
    assert 1 <= len(sent) <= 10
    assert not any(acknowledged for _, acknowledged in sent)


async def test_callbacks_are_sent_at_their_rate() -> None:
    """A rate is kept: so many callbacks a second, and no more."""
    started = time.monotonic()
    async with receiver(lambda *_: web.Response(text="OK")) as (url, _):
        await _send(url, _reports(50), per_second=100)
    assert time.monotonic() - started >= 0.49


async def test_no_more_than_so_many_are_under_way() -> None:
    """Concurrency is how many callbacks are unanswered at a time, and it is used."""
    under_way, most = 0, 0

    async def handle(_: web.BaseRequest) -> web.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.005)
        under_way -= 1
        return web.Response(text="OK")

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    await _send(site.name, _reports(100), concurrency=7)
    await runner.cleanup()
    assert most == 7
