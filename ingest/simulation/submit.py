"""Posts submissions to `POST /submissions`, as an application does that sends messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import aiohttp
import orjson

from ingest.simulation.ledger import Ledger
from ingest.simulation.persistence import PATIENCE_SECONDS, UnreachableError, persist
from ingest.simulation.plan import PlannedSubmission
from ingest.simulation.targets import Line

_ACCEPTED: Final = 202
_SHOWN_BYTES: Final = 200


@dataclass(slots=True)
class SubmissionSender:
    """Posts submissions to the admin listener at `url`, with its `token` where it asks for one."""

    url: str
    token: str = ""
    patience_seconds: float = PATIENCE_SECONDS
    sent: int = 0
    retries: int = 0

    async def send(
        self, session: aiohttp.ClientSession, line: Line, submissions: Sequence[PlannedSubmission], ledger: Ledger
    ) -> None:
        """
        Post submissions of one account, and write them into the ledger.

        Raises `UnreachableError` if they are not accepted.
        """
        body = orjson.dumps([_fields(line, submission) for submission in submissions])
        accepted = False
        try:
            status, answer, _ = await persist(
                f"{self.url}/submissions",
                lambda: self._post(session, body),
                patience_seconds=self.patience_seconds,
                on_retry=self._count_retry,
            )
            accepted = status == _ACCEPTED
        finally:
            ledger.record_submissions(submissions, acknowledged=accepted)
        if not accepted:
            said = answer[:_SHOWN_BYTES].decode("utf-8", "replace")
            raise UnreachableError(f"{self.url}/submissions answers {status}: {said}")
        self.sent += len(submissions)

    async def _post(self, session: aiohttp.ClientSession, body: bytes) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        async with session.post(f"{self.url}/submissions", data=body, headers=headers) as response:
            return response.status, await response.read()

    def _count_retry(self) -> None:
        self.retries += 1


def _fields(line: Line, submission: PlannedSubmission) -> dict[str, object]:
    return {
        "provider": submission.provider,
        "account": line.account.name,
        "message_id": submission.message_id,
        "recipient": submission.number.e164,
        "submitted_at": submission.submitted_at.isoformat(),
        "tags": {"campaign": submission.campaign},
    }
