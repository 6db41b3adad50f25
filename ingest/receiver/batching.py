"""
The intake: callbacks that arrive together are read together, and made durable by one append.

Reading one callback right after another costs half of what it costs between two requests of the server, whose code and
data push the reader's out of the processor's caches; and one append a lot has the stream's own costs shared. As many
lots are on their way as are worth it (`Producer.at_once`), and what arrives meanwhile makes the next.
"""

import asyncio
import os
import time
import traceback
from collections.abc import Sequence
from typing import Final

import msgspec
import structlog

from ingest.logs import SeldomLog
from ingest.metrics import catalogue
from ingest.receiver.access import Door
from normalizers.errors import Fault, ForbiddenError, MalformedError
from normalizers.model import Callback, DeliveryReport, InboundMessage, Item, Reject
from normalizers.provider import Reply
from sinks.errors import BusyError
from sinks.records import dead_letter_record, inbound_record, report_record
from sinks.stream import Producer, Record

_log = structlog.get_logger(__name__)
_seldom = SeldomLog(_log)

_MASK: Final = "***"
#: A lot is what came in until nothing more did, but for this long, and so many bytes of bodies, at most.
_GATHER_SECONDS: Final = 0.001
_LOT_BYTES: Final = 256 * 1024
#: What may wait for a stream that stalls before new callbacks are turned away; each is taken to be this much larger
#: than its body.
_MOST_WAITING_BYTES: Final = 64 * 1024 * 1024
_CALLBACK_BYTES: Final = 2048
#: Turns of the loop without a callback that mean so: one to read from a socket, one to handle what was read.
_QUIET_TURNS: Final = 2

#: A loop that sleeps until an append is done has the processor sleep too, and a virtual one that has slept is slow for
#: a millisecond: that many callbacks lose more by it than turning for so long costs.
_CROWD: Final = 8
_AWAKE_SECONDS: Final = 0.002


class Answer(msgspec.Struct, frozen=True):
    """How a callback ends: the outcome that is counted, and the reply."""

    outcome: str
    reply: Reply


class _Waiting(msgspec.Struct, frozen=True):
    door: Door
    callback: Callback
    answer: asyncio.Future[Answer]


class _Reading(msgspec.Struct, frozen=True):
    """What a callback became: to be told once `records` are durable."""

    answer: Answer
    records: Sequence[Record] = ()
    faults: Sequence[Fault] = ()


class Intake:
    """Takes callbacks that were let in, and tells how each is answered."""

    def __init__(self, producer: Producer) -> None:
        """Append to `producer`; needs a running event loop."""
        self._producer = producer
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_Waiting] = []
        self._bytes = 0
        self._working: asyncio.Task[None] | None = None
        self._storing: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(producer.at_once)

    def take(self, door: Door, callback: Callback) -> asyncio.Future[Answer]:
        """
        Return the answer to come, once all that the callback says is durable: a `SinkError` where it is not.

        Raises `BusyError` where too much waits already.
        """
        if self._bytes > _MOST_WAITING_BYTES:
            raise BusyError("the stream does not keep up")
        answer: asyncio.Future[Answer] = self._loop.create_future()
        self._waiting.append(_Waiting(door, callback, answer))
        self._bytes += len(callback.body) + _CALLBACK_BYTES
        if self._working is None:
            self._working = self._loop.create_task(self._work())
        return answer

    async def _work(self) -> None:
        while self._waiting:
            await self._places.acquire()
            await self._gather()
            storing = self._loop.create_task(self._store(self._lot()))
            self._storing.add(storing)  # the loop itself would forget it
            storing.add_done_callback(self._stored)
        self._working = None

    def _stored(self, storing: asyncio.Task[None]) -> None:
        self._storing.discard(storing)
        self._places.release()

    async def _gather(self) -> None:
        """Wait while callbacks come in."""
        deadline = time.monotonic() + _GATHER_SECONDS
        seen = quiet_turns = 0
        while quiet_turns < _QUIET_TURNS and time.monotonic() < deadline:
            await asyncio.sleep(0)
            quiet_turns = quiet_turns + 1 if len(self._waiting) == seen else 0
            seen = len(self._waiting)

    def _lot(self) -> Sequence[_Waiting]:
        """Take the first of those that wait, as many as make a lot."""
        size = count = 0
        while count < len(self._waiting) and size < _LOT_BYTES:
            size += len(self._waiting[count].callback.body)
            count += 1
        lot, self._waiting = self._waiting[:count], self._waiting[count:]
        self._bytes -= size + count * _CALLBACK_BYTES
        return lot

    async def _store(self, lot: Sequence[_Waiting]) -> None:
        try:
            readings = [_read(waiting.door, waiting.callback) for waiting in lot]
            records = [record for reading in readings for record in reading.records]
            await self._while_awake(self._loop.create_task(self._producer.append(records)), len(lot))
        except Exception as error:  # noqa: BLE001 - it is told to everyone who waits for this lot
            for waiting in lot:
                if not waiting.answer.done():  # its client may have gone away
                    waiting.answer.set_exception(error)
            return
        for waiting, reading in zip(lot, readings, strict=True):
            for fault in reading.faults:
                catalogue.count_dead_letter(waiting.door.provider.name, fault)
            if not waiting.answer.done():
                waiting.answer.set_result(reading.answer)

    async def _while_awake(self, appending: asyncio.Task[None], callbacks: int) -> None:
        """Wait for an append, with the loop turning for a while where many callbacks wait for it."""
        deadline = time.monotonic() + _AWAKE_SECONDS
        while callbacks >= _CROWD and not appending.done() and time.monotonic() < deadline:
            os.sched_yield()
            await asyncio.sleep(0)
        await appending


def forbid(door: Door, callback: Callback) -> Answer:
    """Return the answer to a callback that is not let in."""
    _seldom.warning("forbidden callback", provider=door.provider.name, account=door.account.name)
    return Answer("forbidden", door.provider.replies.forbidden(callback))


def _read(door: Door, callback: Callback) -> _Reading:
    try:
        return _parsed(door, callback)
    except ForbiddenError:
        return _Reading(forbid(door, callback))
    except MalformedError as error:
        return _unreadable(door, callback, error)
    except Exception as error:  # noqa: BLE001 - our fault: keep the bytes, to be read again once the parser is mended
        return _unparsed(door, callback, error)


def _parsed(door: Door, callback: Callback) -> _Reading:
    items = door.provider.parse(callback)
    faults = [item.error.why for item in items if isinstance(item, Reject)]
    records = [_record(door, callback, item) for item in items]
    return _Reading(Answer("stored", door.provider.replies.stored(callback)), records, faults)


def _unreadable(door: Door, callback: Callback, error: MalformedError) -> _Reading:
    replies = door.provider.replies
    _seldom.warning(
        "unreadable callback", provider=door.provider.name, account=door.account.name, why=error.why, at=error.where
    )
    if door.acknowledge_unreadable:
        answer = Answer("unreadable_acknowledged", replies.stored(callback))
    else:
        answer = Answer("malformed", replies.malformed(callback, error))
    return _Reading(answer, [_dead_letter(door, callback, error, callback.body)], [error.why])


def _unparsed(door: Door, callback: Callback, error: Exception) -> _Reading:
    # The error's own words may hold a phone number, so only its kind and place are told.
    place = traceback.extract_tb(error.__traceback__)[-1]
    fault = MalformedError(Fault.PARSER_ERROR, "$", f"{type(error).__name__} at {place.name}:{place.lineno}")
    _log.error("parser failed", provider=door.provider.name, error=fault.detail)
    answer = Answer("parser_error", door.provider.replies.stored(callback))
    return _Reading(answer, [_dead_letter(door, callback, fault, callback.body)], [fault.why])


def _record(door: Door, callback: Callback, item: Item) -> Record:
    match item:
        case DeliveryReport():
            return report_record(item)
        case InboundMessage():
            return inbound_record(item)
        case Reject():
            return _dead_letter(door, callback, item.error, item.raw)


def _dead_letter(door: Door, callback: Callback, error: MalformedError, body: bytes) -> Record:
    if door.account.auth_key:
        body = body.replace(door.account.auth_key.encode(), _MASK.encode())
    return dead_letter_record(
        provider=door.provider.name,
        account=door.account.name,
        why=error.why,
        location=error.where,
        detail=error.detail,
        method=callback.method,
        path=f"/callbacks/{door.provider.name}/{door.account.name}",  # without the secret
        query=callback.query,
        headers=callback.headers,
        body=body,
        received_at=callback.received_at,
    )
