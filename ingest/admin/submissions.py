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

from ingest.same_origin import is_foreign
from ingest.settings.errors import InvalidSettingsError
from normalizers.errors import Fault, MalformedError
from normalizers.submissions import Submission, SubmittingAccount, SubmittingAccounts, read_submission, read_submissions
from sinks.errors import RefusedError, SinkError
from sinks.records import submission_record
from sinks.stream import Producer

_log = structlog.get_logger(__name__)

_MOST_FAULTS: Final = 100
_RETRY_AFTER_SECONDS: Final = "10"


class SubmissionsEndpoint:
    """Takes submissions in: handler of `POST /submissions`."""

    def __init__(
        self,
        accounts: Iterable[SubmittingAccount],
        producer: Producer,
        *,
        guarded: bool,
        body_seconds: float,
        max_body_bytes: int,
    ) -> None:
        """
        Take submissions of these accounts, and append them to the stream.

        `guarded` tells that callers have a token. A body has to arrive whole within `body_seconds`.
        """
        self._accounts = {account.key: account for account in accounts}
        self._producer = producer
        self._guarded = guarded
        self._body_seconds = body_seconds
        self._max_body_bytes = max_body_bytes

    async def post(self, request: web.Request) -> web.Response:
        """Answer 202 once every submission is durable, or 400 with the faults, and nothing kept."""
        if is_foreign(request, guarded=self._guarded):
            raise web.HTTPForbidden(text="not for web pages\n")
        try:
            async with asyncio.timeout(self._body_seconds):
                body = await request.clone(client_max_size=self._max_body_bytes).read()
        except TimeoutError:
            raise web.HTTPRequestTimeout(text="the body took too long\n") from None
        try:
            found = await asyncio.to_thread(read_submissions, body, self._accounts, datetime.now(UTC))
        except MalformedError as error:
            return _refuse([error])
        faults = [fault for fault in found if isinstance(fault, MalformedError)]
        if faults:
            return _refuse(faults)
        return await self._store([submission for submission in found if isinstance(submission, Submission)])

    async def _store(self, submissions: list[Submission]) -> web.Response:
        try:
            await self._producer.append([submission_record(submission) for submission in submissions])
        except (SinkError, InvalidSettingsError) as error:
            _log.error("stream busy", error=str(error))
            raise web.HTTPServiceUnavailable(
                text="busy: nothing was stored, try again\n", headers={"Retry-After": _RETRY_AFTER_SECONDS}
            ) from error
        return web.json_response({"accepted": len(submissions)}, status=202)


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


def complete(accounts: Iterable[SubmittingAccount]) -> Callable[[bytes], bytes]:
    """
    Return a function that makes a complete row of a value of the topic, which another program may have written in the
    form that `POST` takes.

    The function raises `RefusedError` for a value that is no submission.
    """
    known = {account.key: account for account in accounts}

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
