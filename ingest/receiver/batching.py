"""
Batching of callbacks: those that arrive together are parsed one after another and made durable by one append.

Parsing callbacks back to back costs half as much as parsing each between two requests of the server, because the
parser's code and data stay in the processor's caches. One append per batch shares the stream's fixed costs.
`Producer.at_once` batches may be in flight; callbacks that arrive meanwhile form the next batch.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Sequence
from typing import Final

import msgspec
import structlog

from ingest.logs import SeldomLog
from ingest.metrics import catalogue
from ingest.metrics.catalogue import CallbackOutcome
from ingest.receiver.access import Access
from normalizers.errors import Fault, ForbiddenError, MalformedError, parser_failure
from normalizers.model import Callback, Reject
from normalizers.provider import Reply
from sinks.errors import BusyError
from sinks.origin import Origin
from sinks.records import LetterKind
from sinks.stream import Producer, Record

_log = structlog.get_logger(__name__)
_seldom = SeldomLog(_log)

#: A batch is closed when no callback has arrived for `_QUIET_TURNS`, after this long, or at this many bytes of bodies.
_GATHER_SECONDS: Final = 0.001
_BATCH_BYTES: Final = 256 * 1024
#: While the stream stalls, at most this many bytes of callbacks wait; later ones are answered `busy`. Each callback is
#: counted as its body and `_CALLBACK_BYTES` for the objects around it.
_MOST_WAITING_BYTES: Final = 64 * 1024 * 1024
_CALLBACK_BYTES: Final = 2048
#: A larger body takes milliseconds to read.
_LARGE_BYTES: Final = 64 * 1024
#: A request needs two turns of the event loop to arrive: one to read the socket, one to handle the bytes.
_QUIET_TURNS: Final = 2

#: An idle virtual CPU takes about 1 ms to wake; with this many callbacks waiting, keeping the loop turning is cheaper.
_CROWD: Final = 8
_AWAKE_SECONDS: Final = 0.002


class CallbackResult(msgspec.Struct, frozen=True):
    """How a callback ends: the outcome that is counted, and the reply."""

    outcome: CallbackOutcome
    reply: Reply


class _Waiting(msgspec.Struct, frozen=True):
    access: Access
    callback: Callback
    answer: asyncio.Future[CallbackResult]
    #: A fault of its body that is known before it is parsed.
    fault: MalformedError | None = None


class _Reading(msgspec.Struct, frozen=True):
    """The result of parsing a callback; `answer` is given once `records` are durable."""

    answer: CallbackResult
    records: Sequence[Record] = ()
    faults: Sequence[Fault] = ()


class CallbackBatcher:
    """Takes callbacks that were let in, and returns how each is answered."""

    def __init__(self, producer: Producer, *, gather_seconds: float = _GATHER_SECONDS) -> None:
        """Append to `producer`, in batches that are open for `gather_seconds` at most; needs a running event loop."""
        self._producer = producer
        self._gather_seconds = gather_seconds
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_Waiting] = []
        self._bytes = 0
        self._working: asyncio.Task[None] | None = None
        self._storing: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(producer.at_once)

    def take(
        self, access: Access, callback: Callback, fault: MalformedError | None = None
    ) -> asyncio.Future[CallbackResult]:
        """
        Return a future that holds the answer once everything in the callback is durable, or a `SinkError`.

        Raises `BusyError` when too many callbacks wait already.
        """
        if self._bytes > _MOST_WAITING_BYTES:
            raise BusyError("the stream does not keep up")
        answer: asyncio.Future[CallbackResult] = self._loop.create_future()
        self._waiting.append(_Waiting(access, callback, answer, fault))
        self._bytes += len(callback.body) + _CALLBACK_BYTES
        if self._working is None:
            self._working = self._loop.create_task(self._work())
        return answer

    async def _work(self) -> None:
        while self._waiting:
            await self._places.acquire()
            await self._gather()
            storing = self._loop.create_task(self._store(self._next_batch()))
            self._storing.add(storing)  # the loop itself would forget it
            storing.add_done_callback(self._stored)
        self._working = None

    def _stored(self, storing: asyncio.Task[None]) -> None:
        self._storing.discard(storing)
        self._places.release()

    async def _gather(self) -> None:
        """Wait until no more callbacks arrive, or the batch has waited long enough."""
        deadline = time.monotonic() + self._gather_seconds
        seen = quiet_turns = 0
        while quiet_turns < _QUIET_TURNS and time.monotonic() < deadline:
            await asyncio.sleep(0)
            quiet_turns = quiet_turns + 1 if len(self._waiting) == seen else 0
            seen = len(self._waiting)

    def _next_batch(self) -> Sequence[_Waiting]:
        """Take the oldest waiting callbacks, up to the size of a batch."""
        size = count = 0
        while count < len(self._waiting) and size < _BATCH_BYTES:
            size += len(self._waiting[count].callback.body)
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        self._bytes -= size + count * _CALLBACK_BYTES
        return batch

    async def _store(self, batch: Sequence[_Waiting]) -> None:
        try:
            readings = [await _read_fairly(waiting) for waiting in batch]
            records = [record for reading in readings for record in reading.records]
            await self._while_awake(self._loop.create_task(self._producer.append(records)), len(batch))
        except Exception as error:  # noqa: BLE001 - every callback of the batch gets it
            for waiting in batch:
                if not waiting.answer.done():  # its client may have gone away
                    waiting.answer.set_exception(error)
            return
        for waiting, reading in zip(batch, readings, strict=True):
            for fault in reading.faults:
                catalogue.count_dead_letter(waiting.access.provider.name, fault)
            if not waiting.answer.done():
                waiting.answer.set_result(reading.answer)

    async def _while_awake(self, appending: asyncio.Task[None], callbacks: int) -> None:
        """Wait for an append; with many callbacks waiting, keep the loop turning meanwhile (see `_CROWD`)."""
        deadline = time.monotonic() + _AWAKE_SECONDS
        while callbacks >= _CROWD and not appending.done() and time.monotonic() < deadline:
            os.sched_yield()
            await asyncio.sleep(0)
        await appending


def forbid(access: Access, callback: Callback) -> CallbackResult:
    """Return the answer to a callback that is not let in."""
    _seldom.warning("forbidden callback", provider=access.provider.name, account=access.account.name)
    return CallbackResult(CallbackOutcome.FORBIDDEN, access.provider.replies.forbidden(callback))


async def _read_fairly(waiting: _Waiting) -> _Reading:
    """Read a callback; a large one in a thread, since it would hold up the small ones of other clients."""
    if len(waiting.callback.body) < _LARGE_BYTES:
        return _read(waiting.access, waiting.callback, waiting.fault)
    return await asyncio.to_thread(_read, waiting.access, waiting.callback, waiting.fault)


def _read(access: Access, callback: Callback, fault: MalformedError | None) -> _Reading:
    try:
        return _parsed(access, callback) if fault is None else _damaged(access, callback, fault)
    except ForbiddenError:
        return _Reading(forbid(access, callback))
    except MalformedError as error:
        return _unreadable(access, callback, error)
    except Exception as error:  # noqa: BLE001 - a bug of ours: keep the body, to be parsed again once it is fixed
        return _unparsed(access, callback, error)


def _damaged(access: Access, callback: Callback, fault: MalformedError) -> _Reading:
    """Read a callback whose body is damaged, though a part of it may parse; raises `ForbiddenError` as parsing does."""
    with contextlib.suppress(MalformedError):
        access.provider.parse(callback)
    return _unreadable(access, callback, fault)


def _parsed(access: Access, callback: Callback) -> _Reading:
    items = access.provider.parse(callback)
    faults = [item.error.why for item in items if isinstance(item, Reject)]
    origin = _origin(access, callback)
    records = [origin.record(item) for item in items]
    return _Reading(CallbackResult(CallbackOutcome.STORED, access.provider.replies.stored(callback)), records, faults)


def _unreadable(access: Access, callback: Callback, error: MalformedError) -> _Reading:
    replies = access.provider.replies
    _seldom.warning(
        "unreadable callback", provider=access.provider.name, account=access.account.name, why=error.why, at=error.where
    )
    if access.account.acknowledge_unreadable:
        answer = CallbackResult(CallbackOutcome.UNREADABLE_ACKNOWLEDGED, replies.stored(callback))
    else:
        answer = CallbackResult(CallbackOutcome.MALFORMED, replies.malformed(callback, error))
    return _Reading(answer, [_origin(access, callback).dead_letter(error, callback.body)], [error.why])


def _unparsed(access: Access, callback: Callback, error: Exception) -> _Reading:
    failure = parser_failure(error)
    _log.error("parser failed", provider=access.provider.name, error=failure.detail)
    answer = CallbackResult(CallbackOutcome.PARSER_ERROR, access.provider.replies.stored(callback))
    return _Reading(answer, [_origin(access, callback).dead_letter(failure, callback.body)], [failure.why])


def _origin(access: Access, callback: Callback) -> Origin:
    return Origin(
        kind=LetterKind.CALLBACK,
        provider=access.provider.name,
        account=access.account.name,
        method=callback.method,
        path=f"/callbacks/{access.provider.name}/{access.account.name}",  # without the secret
        query=callback.query,
        headers=callback.headers,
        received_at=callback.received_at,
        mask=access.account.mask,
        has_secret_fields=bool(access.provider.secret_fields),
        privacy=access.account.privacy,
    )
