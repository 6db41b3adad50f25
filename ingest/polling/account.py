"""One account that is asked: what it takes from the settings, and how its answers become records of the stream."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog
import yarl

from ingest.metrics import catalogue
from ingest.settings.accounts import EffectiveAccount
from ingest.settings.polling import PollSettings
from normalizers.errors import Fault, MalformedError
from normalizers.model import Account, Callback, DeliveryReport, InboundMessage, Item, Reject, Source
from normalizers.polling import Asking, Poll, PollQuestion, PollRequest, Subject
from sinks.records import dead_letter_record, inbound_record, report_record
from sinks.stream import Record

_log = structlog.get_logger(__name__)

_MASK: Final = b"***"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolledAccount:
    """An account with `poll`."""

    provider: str
    account: Account
    poll: Poll
    settings: PollSettings
    credentials: Mapping[str, str]
    age_out_seconds: float

    @property
    def name(self) -> str:
        """Return the account's name."""
        return self.account.name

    @property
    def size(self) -> int:
        """Return how many items an answer may have, or messages a request may be about."""
        return self.settings.size or self.poll.sizes.default

    def asking(self, subjects: Sequence[Subject] = ()) -> Asking:
        """Return what goes into a request, now."""
        return Asking(credentials=self.credentials, at=datetime.now(UTC), size=self.size, subjects=subjects)

    def url(self, request: PollRequest) -> yarl.URL:
        """Return where a request goes; an address that ends in its path already is taken as it is."""
        base = (self.settings.url or self.poll.url).rstrip("/")
        address = base if base.endswith(request.path) else base + request.path
        return yarl.URL(f"{address}?{request.query}" if request.query else address, encoded=True)

    def read(
        self, question: PollQuestion, body: bytes, received_at: datetime, subjects: Sequence[Subject] = ()
    ) -> Sequence[Item]:
        """Read an answer; raises `MalformedError`, where our own parser fails too."""
        answer = Callback(account=self.account, method="POST", body=body, received_at=received_at, source=Source.POLL)
        try:
            return question.read(answer, subjects)
        except MalformedError:
            raise
        except Exception as error:
            _log.error("parser failed", provider=self.provider, error=type(error).__name__)
            raise MalformedError(Fault.PARSER_ERROR, "$", type(error).__name__) from error

    def record(self, item: Item, question: str, received_at: datetime) -> Record:
        """Return an item as a record."""
        match item:
            case DeliveryReport():
                return report_record(item)
            case InboundMessage():
                return inbound_record(item)
            case Reject():
                return self.dead_letter(item.error, item.raw, question, received_at)

    def dead_letter(self, error: MalformedError, body: bytes, question: str, received_at: datetime) -> Record:
        """Return what can't be read of an answer as a record, and count it."""
        catalogue.count_dead_letter(self.provider, error.why)
        secret = self.credentials[self.poll.credentials[-1]]
        return dead_letter_record(
            provider=self.provider,
            account=self.name,
            why=error.why,
            location=error.where,
            detail=error.detail,
            method="POLL",
            path=f"/polls/{self.provider}/{self.name}/{question}",
            body=body.replace(secret.encode(), _MASK),
            received_at=received_at,
        )


def polled_accounts(accounts: Iterable[EffectiveAccount]) -> list[PolledAccount]:
    """Return the accounts whose provider is asked."""
    return [_polled(account, account.poll) for account in accounts if account.poll is not None]


def _polled(account: EffectiveAccount, settings: PollSettings) -> PolledAccount:
    poll = account.provider.poll
    assert poll is not None  # noqa: S101 - the settings were checked
    return PolledAccount(
        provider=account.provider.name,
        account=account.reading,
        poll=poll,
        settings=settings,
        credentials=settings.credentials(poll.credentials),
        age_out_seconds=account.reports_within.total_seconds(),
    )
