"""A polled account: makes its requests from the settings, and parses its answers into records."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
import yarl

from ingest.metrics import catalogue
from ingest.settings.accounts import EffectiveAccount
from ingest.settings.polling import PollSettings
from normalizers.errors import MalformedError, parser_failure
from normalizers.model import Callback, Item, Reject, Source
from normalizers.polling import Asking, Poll, PollQuestion, PollRequest, Subject
from sinks.origin import Origin
from sinks.records import LetterKind
from sinks.stream import Record

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PolledAccount:
    """An account with `poll`: its settings, and how its provider is polled."""

    effective: EffectiveAccount
    settings: PollSettings
    poll: Poll

    @property
    def provider(self) -> str:
        """The provider's name."""
        return self.effective.provider.name

    @property
    def name(self) -> str:
        """The account's name."""
        return self.effective.name

    @property
    def size(self) -> int:
        """How many items an answer may have, or how many messages a request may be about."""
        return self.settings.size or self.poll.sizes.default

    def asking(self, subjects: Sequence[Subject] = ()) -> Asking:
        """Return the values for a request about `subjects`."""
        credentials = self.settings.credentials(self.poll.credentials)
        return Asking(credentials=credentials, at=datetime.now(UTC), size=self.size, subjects=subjects)

    def url(self, request: PollRequest) -> yarl.URL:
        """Return a request's URL; the address in the settings may already end in the path."""
        base = (self.settings.url or self.poll.url).rstrip("/")
        address = base if base.endswith(request.path) else base + request.path
        return yarl.URL(f"{address}?{request.query}" if request.query else address, encoded=True)

    def read(
        self, question: PollQuestion, body: bytes, received_at: datetime, subjects: Sequence[Subject] = ()
    ) -> Sequence[Item]:
        """Parse an answer; raises `MalformedError`, also for a bug in the parser."""
        account = self.effective.reading
        answer = Callback(account=account, method="POST", body=body, received_at=received_at, source=Source.POLL)
        try:
            return question.read(answer, subjects)
        except MalformedError:
            raise
        except Exception as error:
            failure = parser_failure(error)
            _log.error("parser failed", provider=self.provider, error=failure.detail)
            raise failure from error

    def origin(self, question: str, received_at: datetime) -> Origin:
        """Return the origin of the items in an answer to a question."""
        return Origin(
            kind=LetterKind.ANSWER,
            provider=self.provider,
            account=self.name,
            method="POLL",
            path=f"/polls/{self.provider}/{self.name}/{question}",
            received_at=received_at,
            mask=self.effective.mask,
            privacy=self.effective.privacy,
        )

    def records(self, items: Sequence[Item], question: str, received_at: datetime) -> list[Record]:
        """Return the items of an answer as records, and count those that can't be read."""
        for item in items:
            if isinstance(item, Reject):
                catalogue.count_dead_letter(self.provider, item.error.why)
        origin = self.origin(question, received_at)
        return [origin.record(item) for item in items]

    def dead_letter(self, error: MalformedError, body: bytes, question: str, received_at: datetime) -> Record:
        """Return a dead letter for an answer that can't be read, and count it."""
        catalogue.count_dead_letter(self.provider, error.why)
        return self.origin(question, received_at).dead_letter(error, body)


def polled_accounts(accounts: Iterable[EffectiveAccount]) -> list[PolledAccount]:
    """Return the accounts that are polled."""
    return [
        PolledAccount(account, account.poll, account.provider.poll)
        for account in accounts
        if account.poll is not None and account.provider.poll is not None
    ]
