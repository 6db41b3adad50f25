"""Callbacks that arrive together: one append, and each its own answer."""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest

from ingest.metrics.catalogue import CallbackOutcome
from ingest.receiver.access import Access
from ingest.receiver.batching import CallbackBatcher, CallbackResult
from ingest.settings.accounts import effective_account
from ingest.settings.settings import AccountSettings
from normalizers.model import Account, Callback, Item
from sinks.errors import BusyError
from sinks.stream import Record, Topic

KIB = 1024
JUHE = effective_account(AccountSettings(provider="juhe"))


class Stream:
    """A stream that remembers what each append brought, and fails as often as it is told to."""

    at_once = 1

    def __init__(self) -> None:
        self.appends: list[list[Record]] = []
        self.failures = 0

    async def append(self, records: Sequence[Record]) -> None:
        """Take records."""
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise BusyError("full")
        self.appends.append(list(records))

    async def close(self) -> None:
        """Do nothing."""


def juhe(*ids: str, padding: int = 0) -> Callback:
    """Make a callback with a report of each id."""
    items = ",".join(f'{{"flag":1,"mid":"{mid}","mobile":"18983437011","stat":"DELIVRD"}}' for mid in ids)
    body = f"[{items}{' ' * padding}]".encode()
    return Callback(account=Account(), method="POST", body=body, received_at=datetime.now(UTC))


async def taken(batcher: CallbackBatcher, *callbacks: Callback) -> list[CallbackResult | BaseException]:
    """Hand callbacks in at once."""
    access = Access(JUHE)
    return await asyncio.gather(*(batcher.take(access, callback) for callback in callbacks), return_exceptions=True)


async def test_what_arrives_together_is_one_append_and_each_has_its_answer() -> None:
    """A report, a batch, and one that can't be read: one append, in their order, and three answers."""
    stream = Stream()
    broken = Callback(account=Account(), method="POST", body=b"[", received_at=datetime.now(UTC))
    answers = await taken(CallbackBatcher(stream), juhe("a"), broken, juhe("b", "c"))
    assert [isinstance(answer, CallbackResult) and answer.outcome for answer in answers] == [
        "stored",
        "malformed",
        "stored",
    ]
    [records] = stream.appends
    assert [record.topic for record in records] == [Topic.REPORTS, Topic.DEAD_LETTERS, Topic.REPORTS, Topic.REPORTS]
    assert [record.key for record in records if record.topic is Topic.REPORTS] == ["a", "b", "c"]


@pytest.mark.parametrize(("patience", "gathered"), [(10, True), (0, False)])
async def test_callbacks_that_follow_one_another_are_gathered(patience: float, *, gathered: bool) -> None:
    """Requests are handled one a turn of the loop, so a batch is closed after turns that brought none, or in time."""
    stream = Stream()
    batcher = CallbackBatcher(stream, gather_seconds=patience)
    answers = []
    for number in range(20):
        answers.append(asyncio.create_task(taken(batcher, juhe(f"m{number}"))))
        await asyncio.sleep(0)
    await asyncio.gather(*answers)
    assert (len(stream.appends) == 1) is gathered
    assert sum(map(len, stream.appends)) == 20


@pytest.mark.parametrize("at_once", [1, 3])
async def test_as_many_appends_are_under_way_as_the_stream_takes(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream says how many appends may be in flight: one if they wait for one another, else more."""
    stream = Stream()
    stalled = asyncio.Event()
    under_way = []

    async def stall(records: Sequence[Record]) -> None:
        under_way.append(len(records))
        await stalled.wait()

    monkeypatch.setattr(stream, "at_once", at_once)
    monkeypatch.setattr(stream, "append", stall)
    batcher = CallbackBatcher(stream)
    answers = []
    for number in range(5):
        answers.append(asyncio.create_task(taken(batcher, juhe(f"m{number}"))))
        await asyncio.sleep(0.02)
    assert under_way == [1] * at_once
    stalled.set()
    await asyncio.gather(*answers)
    assert sum(under_way) == 5


@pytest.mark.parametrize(("callbacks", "turns"), [(1, False), (8, True)])
async def test_the_loop_stays_awake_for_a_crowd(
    callbacks: int, monkeypatch: pytest.MonkeyPatch, *, turns: bool
) -> None:
    """While many wait for an append the processor is kept, but not for long, and it is offered to others."""
    stream = Stream()
    stalled = asyncio.Event()
    monkeypatch.setattr(stream, "append", lambda _records: stalled.wait())
    offers: list[float] = []
    monkeypatch.setattr(os, "sched_yield", lambda: offers.append(time.monotonic()))
    batcher = CallbackBatcher(stream)
    answers = asyncio.create_task(taken(batcher, *(juhe(f"m{number}") for number in range(callbacks))))
    await asyncio.sleep(0.1)
    assert bool(offers) is turns
    assert not offers or offers[-1] - offers[0] < 0.05
    stalled.set()
    await answers


async def test_large_callbacks_are_not_gathered_without_end() -> None:
    """A batch is closed at 256 KiB, so that a stream that bounds what waits can take it."""
    stream = Stream()
    answers = await taken(CallbackBatcher(stream), *(juhe(f"m{number}", padding=100 * KIB) for number in range(7)))
    assert [isinstance(answer, CallbackResult) and answer.outcome for answer in answers] == ["stored"] * 7
    assert [len(records) for records in stream.appends] == [3, 3, 1]


async def test_a_lot_that_is_not_durable_is_acknowledged_to_none() -> None:
    """If an append fails, all of its callbacks are told so, and the next batch is not affected."""
    stream = Stream()
    stream.failures = 1
    batcher = CallbackBatcher(stream)
    assert all(isinstance(answer, BusyError) for answer in await taken(batcher, juhe("a"), juhe("b")))
    assert await taken(batcher, juhe("a")) == [
        CallbackResult(CallbackOutcome.STORED, JUHE.provider.replies.stored(juhe("a")))
    ]


async def test_a_stalled_stream_turns_callbacks_away_before_memory_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting bytes are bounded: callbacks beyond the bound are refused, others are stored when the stream goes on."""
    stream = Stream()
    stalled = asyncio.Event()

    async def stall(records: Sequence[Record]) -> None:
        await stalled.wait()
        stream.appends.append(list(records))

    monkeypatch.setattr(stream, "append", stall)
    batcher = CallbackBatcher(stream)
    access = Access(JUHE)
    waiting = [batcher.take(access, juhe(f"m{number}", padding=1024 * KIB)) for number in range(64)]
    with pytest.raises(BusyError, match="keep up"):
        batcher.take(access, juhe("one too many"))
    stalled.set()
    assert {answer.outcome for answer in await asyncio.gather(*waiting)} == {"stored"}
    assert sum(map(len, stream.appends)) == len(waiting)


async def test_a_client_that_goes_away_costs_the_others_nothing() -> None:
    """A callback whose sender hung up is stored, and those beside it are answered."""
    stream = Stream()
    batcher = CallbackBatcher(stream)
    gone = asyncio.create_task(taken(batcher, juhe("a")))
    stays = asyncio.create_task(taken(batcher, juhe("b")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gone.cancel()
    [answer] = await stays
    assert isinstance(answer, CallbackResult)
    assert answer.outcome == "stored"
    assert [record.key for records in stream.appends for record in records] == ["a", "b"]
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_a_bug_in_a_parser_loses_nothing() -> None:
    """If a parser of ours raises what it should not, the body is kept as a dead letter, and then acknowledged."""

    def parse(_: Callback) -> list[Item]:
        raise ZeroDivisionError

    stream = Stream()
    access = Access(replace(JUHE, provider=replace(JUHE.provider, parse=parse)))
    result = await CallbackBatcher(stream).take(access, juhe("a"))
    assert (result.outcome, result.reply.status) == (CallbackOutcome.PARSER_ERROR, 200)
    [[record]] = stream.appends
    letter = orjson.loads(record.value)
    assert (letter["why"], letter["body"]) == ("parser_error", juhe("a").body.decode())
    assert letter["detail"].startswith("ZeroDivisionError at parse")
