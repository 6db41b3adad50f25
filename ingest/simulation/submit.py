"""Posts submissions to `POST /submissions`, as applications that send messages do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import aiohttp
import orjson

from ingest.simulation.ledger import Ledger
from ingest.simulation.persistence import PATIENCE_SECONDS, UnreachableError, persist
from ingest.simulation.plan import PlannedSubmission
from ingest.simulation.targets import Target

_ACCEPTED: Final = 202
_SHOWN_BYTES: Final = 200


@dataclass(slots=True)
class SubmissionSender:
    """Posts submissions to the admin listener at `url`, with the `token` if there is one."""

    url: str
    token: str = ""
    sent: int = 0
    retries: int = 0

    async def send(
        self, session: aiohttp.ClientSession, target: Target, submissions: Sequence[PlannedSubmission], ledger: Ledger
    ) -> None:
        """Post submissions of one account, and record them; raises `UnreachableError` if they are not accepted."""
        url = f"{self.url}/submissions"
        body = orjson.dumps([_fields(target, submission) for submission in submissions])
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        accepted = False
        try:
            answer = await persist(
                session, url, "POST", url, patience_seconds=PATIENCE_SECONDS, data=body, headers=headers
            )
            accepted = answer.status == _ACCEPTED
        finally:
            ledger.record_submissions(submissions, acknowledged=accepted)
        if not accepted:
            said = answer.body[:_SHOWN_BYTES].decode("utf-8", "replace")
            raise UnreachableError(f"{url} answers {answer.status}: {said}")
        self.sent += len(submissions)
        self.retries += answer.retries


def _fields(target: Target, submission: PlannedSubmission) -> dict[str, object]:
    return {
        "provider": submission.provider,
        "account": target.account.name,
        "message_id": submission.message_id,
        "recipient": submission.number.e164,
        "submitted_at": submission.submitted_at.isoformat(),
        "tags": {"campaign": submission.campaign},
    }
