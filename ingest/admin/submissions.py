"""
Submissions: `POST /submissions` on the admin listener, and those that others write to Kafka's topic.

A request is stored whole or not at all. If any of its submissions is wrong, the answer lists every fault.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

import msgspec
import orjson
import structlog
from aiohttp import web

from ingest.connections.streams import open_producer
from ingest.same_origin import is_foreign
from ingest.settings.accounts import EffectiveAccount, effective_accounts
from ingest.settings.errors import InvalidSettingsError
from ingest.settings.settings import Settings
from normalizers.errors import Fault, MalformedError
from normalizers.submissions import Submission, SubmittingAccount, SubmittingAccounts, read_submission, read_submissions
from sinks.errors import RefusedError, SinkError
from sinks.records import submission_record
from sinks.stream import Producer

_log = structlog.get_logger(__name__)

_MOST_FAULTS: Final = 100
_RETRY_AFTER_SECONDS: Final = "10"


def senders(accounts: Iterable[EffectiveAccount]) -> SubmittingAccounts:
    """Return the accounts that submissions may name."""
    return {
        account.key: SubmittingAccount(account.provider, account.reading, account.reports_within, account.privacy)
        for account in accounts
    }


class SubmissionsEndpoint:
    """Takes submissions in: handler of `POST /submissions`."""

    def __init__(self, settings: Settings, name: str) -> None:
        """Append to a stream of its own, by this name; it is opened with the first submission."""
        self._settings = settings
        self._name = name
        self._senders = senders(effective_accounts(settings))
        self._guarded = settings.admin.token is not None
        self._producer: Producer | None = None
        self._opening = asyncio.Lock()

    async def post(self, request: web.Request) -> web.Response:
        """Answer 202 once every submission is durable, or 400 and what is wrong, with nothing kept."""
        if is_foreign(request, guarded=self._guarded):
            raise web.HTTPForbidden(text="not for web pages\n")
        receiver = self._settings.receiver
        try:
            async with asyncio.timeout(receiver.body_timeout_s):
                body = await request.clone(client_max_size=receiver.max_body_bytes).read()
        except TimeoutError:
            raise web.HTTPRequestTimeout(text="the body took too long\n") from None
        try:
            found = await asyncio.to_thread(read_submissions, body, self._senders, datetime.now(UTC))
        except MalformedError as error:
            return _refuse([error])
        faults = [fault for fault in found if isinstance(fault, MalformedError)]
        if faults:
            return _refuse(faults)
        return await self._store([submission for submission in found if isinstance(submission, Submission)])

    async def close(self) -> None:
        """Finish what was taken in."""
        if self._producer is not None:
            await self._producer.close()

    async def _store(self, submissions: list[Submission]) -> web.Response:
        try:
            producer = await self._open()
            await producer.append([submission_record(submission) for submission in submissions])
        except (SinkError, InvalidSettingsError) as error:
            _log.error("stream busy", error=str(error))
            raise web.HTTPServiceUnavailable(
                text="busy: nothing was stored, try again\n", headers={"Retry-After": _RETRY_AFTER_SECONDS}
            ) from error
        return web.json_response({"accepted": len(submissions)}, status=202)

    async def _open(self) -> Producer:
        async with self._opening:
            if self._producer is None:
                self._producer = await open_producer(self._settings, self._name)
            return self._producer


def _refuse(faults: list[MalformedError]) -> web.Response:
    said = [{"path": fault.where, "why": fault.why, "detail": fault.detail} for fault in faults[:_MOST_FAULTS]]
    return web.Response(
        status=400,
        body=orjson.dumps({"accepted": 0, "faults": said, "more_faults": len(faults) - len(said)}),
        content_type="application/json",
    )


class _CompleteSubmission(msgspec.Struct):
    """The fields that `POST /submissions` adds; a value that has them is complete."""

    event_id: str
    deadline_at: datetime


_read_complete: Final = msgspec.json.Decoder(_CompleteSubmission).decode


def complete(known: SubmittingAccounts) -> Callable[[bytes], bytes]:
    """
    Return what makes a row of the topic's value: of one that another program wrote, with what `POST` takes.

    It raises `RefusedError` for any other value.
    """

    def completed(value: bytes) -> bytes:
        try:
            _read_complete(value)
        except msgspec.DecodeError:
            return _completed(value, known)
        return value

    return completed


def _completed(value: bytes, known: SubmittingAccounts) -> bytes:
    try:
        submission = read_submission(value, known, datetime.now(UTC))
    except MalformedError as error:
        raise RefusedError(f"{Fault(error.why)}: {error}") from error
    return submission_record(submission).value
