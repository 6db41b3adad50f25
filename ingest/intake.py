"""
The intake: callbacks that arrive together are read together, and made durable by one append.

Reading one callback right after another costs half of what it costs between two requests of the server, whose code and
data push the reader's out of the processor's caches; and one append a lot has the stream's own costs shared.
"""

import asyncio
import time
import traceback
from collections.abc import Sequence
from typing import Final

import msgspec
import structlog

from ingest import metrics
from ingest.doors import Door
from ingest.logs import SeldomLog
from normalizers.errors import Fault, ForbiddenError, MalformedError
from normalizers.model import Callback, DeliveryReport, InboundMessage, Item, Reject, Reply
from sinks.records import dead_letter_record, inbound_record, report_record
from sinks.stream import Producer, Record

_log = structlog.get_logger(__name__)
_seldom = SeldomLog(_log)

_MASK: Final = "***"
#: A lot is closed when nothing more comes in, but after this time, and with this many bytes, at the latest.
_GATHER_SECONDS: Final = 0.001
_LOT_BYTES: Final = 256 * 1024
#: Turns of the loop without a callback that mean so: one to read from a socket, one to handle what was read.
_QUIET_TURNS: Final = 2


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
        self._lot: list[_Waiting] = []
        self._bytes = 0
        self._deadline = 0.0
        self._seen = 0
        self._quiet_turns = 0
        self._turn: asyncio.Handle | None = None
        self._storing: set[asyncio.Task[None]] = set()

    def take(self, door: Door, callback: Callback) -> asyncio.Future[Answer]:
        """Return the answer to come, once all that the callback says is durable: a `SinkError` where it is not."""
        answer: asyncio.Future[Answer] = self._loop.create_future()
        self._lot.append(_Waiting(door, callback, answer))
        self._bytes += len(callback.body)
        if self._turn is None:
            self._deadline = time.monotonic() + _GATHER_SECONDS
            self._seen = self._quiet_turns = 0
            self._turn = self._loop.call_soon(self._gather)
        if self._bytes >= _LOT_BYTES:
            self._close()
        return answer

    def _gather(self) -> None:
        """Close the lot, or give it another turn of the loop."""
        gathered = len(self._lot)
        self._quiet_turns = 0 if gathered > self._seen else self._quiet_turns + 1
        self._seen = gathered
        if self._quiet_turns < _QUIET_TURNS and time.monotonic() < self._deadline:
            self._turn = self._loop.call_soon(self._gather)
        else:
            self._close()

    def _close(self) -> None:
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        lot, self._lot, self._bytes = self._lot, [], 0
        storing = self._loop.create_task(self._store(lot))
        self._storing.add(storing)  # the loop itself would forget it
        storing.add_done_callback(self._storing.discard)

    async def _store(self, lot: Sequence[_Waiting]) -> None:
        try:
            readings = [_read(waiting.door, waiting.callback) for waiting in lot]
            await self._producer.append([record for reading in readings for record in reading.records])
        except Exception as error:  # noqa: BLE001 - it is told to everyone who waits for this lot
            for waiting in lot:
                if not waiting.answer.done():  # its client may have gone away
                    waiting.answer.set_exception(error)
            return
        for waiting, reading in zip(lot, readings, strict=True):
            for fault in reading.faults:
                metrics.count_dead_letter(waiting.door.provider.name, fault)
            if not waiting.answer.done():
                waiting.answer.set_result(reading.answer)


def forbid(door: Door, callback: Callback) -> Answer:
    """Return the answer to a callback that is not let in."""
    _seldom.warning("forbidden callback", provider=door.provider.name, account=door.account.name)
    return Answer("forbidden", door.provider.replies.forbidden(callback))


def _read(door: Door, callback: Callback) -> _Reading:
    provider = door.provider
    try:
        items: Sequence[Item] = provider.parse(callback)
    except ForbiddenError:
        return _Reading(forbid(door, callback))
    except MalformedError as error:
        return _unreadable(door, callback, error)
    except Exception as error:  # noqa: BLE001 - our fault: keep the bytes, to be read again once the parser is mended
        return _unparsed(door, callback, error)
    faults = [item.error.why for item in items if isinstance(item, Reject)]
    records = [_record(door, callback, item) for item in items]
    return _Reading(Answer("stored", provider.replies.stored(callback)), records, faults)


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
