"""
Reads submissions: those of `POST /submissions` on the admin listener, and those that others write to Kafka's topic.

A request is stored whole or not at all. If any of its submissions is wrong, the answer lists every fault.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec
import orjson
import structlog
from aiohttp import web

from ingest.http_server.bodies import BodyReader
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionsEndpoint:
    """
    The handler of `POST /submissions`: reads submissions of `accounts`, and appends them to the stream.

    `guarded` says that callers need a token.
    """

    accounts: SubmittingAccounts
    producer: Producer
    guarded: bool
    bodies: BodyReader

    async def post(self, request: web.Request) -> web.Response:
        """Answer 202 once every submission is durable; else keep nothing, and answer 400 with the faults, or 503."""
        if is_foreign(request, guarded=self.guarded):
            raise web.HTTPForbidden(text="not for web pages\n")
        body = await self.bodies.read_or_refuse(request)
        try:
            found = await asyncio.to_thread(read_submissions, body, self.accounts, datetime.now(UTC))
        except MalformedError as error:
            return _refuse([error])
        faults = [fault for fault in found if isinstance(fault, MalformedError)]
        if faults:
            return _refuse(faults)
        return await self._store([submission for submission in found if isinstance(submission, Submission)])

    async def _store(self, submissions: list[Submission]) -> web.Response:
        try:
            await self.producer.append([submission_record(submission) for submission in submissions])
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
    """The fields that `POST /submissions` adds to what was posted."""

    event_id: str
    deadline_at: datetime


_read_complete: Final = msgspec.json.Decoder(_CompleteSubmission).decode


def complete(accounts: Iterable[SubmittingAccount]) -> Callable[[bytes], bytes]:
    """
    Return a function that adds the missing fields to a value of Kafka's topic.

    Another program may have written the value in the form that `POST /submissions` takes. The function raises
    `RefusedError` for a value that is no submission.
    """
    known = {account.key: account for account in accounts}

    def completed(value: bytes) -> bytes:
        with suppress(msgspec.DecodeError):
            _read_complete(value)
            return value
        try:
            submission = read_submission(value, known, datetime.now(UTC))
        except MalformedError as error:
            raise RefusedError(f"{Fault(error.why)}: {error}") from error
        return submission_record(submission).value

    return completed
