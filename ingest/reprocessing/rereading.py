"""Reads kept bytes again: dead letters by what they are, and stored records by their raw item."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ingest.reprocessing.letters import Letter
from ingest.settings.accounts import EffectiveAccount
from normalizers.errors import Fault, MalformedError, parser_failure
from normalizers.model import Callback, DeliveryReport, Item, Source
from normalizers.polling import PollQuestion
from normalizers.provider import Provider
from sinks.records import LetterKind


class Rereader:
    """Reads with the accounts of today's settings."""

    def __init__(self, accounts: Iterable[EffectiveAccount]) -> None:
        """Know these accounts."""
        self._accounts: Mapping[tuple[str, str], EffectiveAccount] = {account.key: account for account in accounts}

    def account(self, provider: str, name: str) -> EffectiveAccount:
        """Return an account of the settings; raises `MalformedError` if they have none by this name."""
        account = self._accounts.get((provider, name))
        if account is None:
            raise MalformedError(Fault.BAD_VALUE, "$", f"the settings have no account {provider}/{name}")
        return account

    def letter(self, letter: Letter) -> Sequence[Item]:
        """
        Return the items of a dead letter; raises `MalformedError` if it still can't be read.

        A letter was let in when it came, so the key that CloudSMS puts into the body, which is masked in the letter,
        is not checked again.
        """
        account = self.account(letter.provider, letter.account)
        callback = Callback(
            account=msgspec.structs.replace(account.reading, auth_key=None),
            method=letter.method,
            query=letter.query,
            headers=letter.headers,
            body=letter.body,
            received_at=letter.first_received_at,
            source=Source.REPLAY,
        )
        try:
            return _read(account.provider, letter, callback)
        except MalformedError:
            raise
        except Exception as error:
            raise parser_failure(error) from error

    def stored(self, report: DeliveryReport) -> DeliveryReport:
        """Return the report that a stored report's raw item makes today; raises `MalformedError`."""
        known = self.account(report.provider, report.account)
        callback = Callback(
            account=known.reading,
            method="POST",
            body=report.raw.encode(),
            received_at=report.received_at,
            source=report.source,
        )
        try:
            item = known.provider.reread(callback)
        except MalformedError:
            raise
        except Exception as error:
            raise parser_failure(error) from error
        if not isinstance(item, DeliveryReport):
            raise MalformedError(Fault.BAD_VALUE, "$", "reads as an inbound message, and was stored as a report")
        return item


def _read(provider: Provider, letter: Letter, callback: Callback) -> Sequence[Item]:
    match letter.kind:
        case LetterKind.CALLBACK:
            return provider.parse(callback)
        case LetterKind.ANSWER:
            return _question(provider, letter.path).read(callback, ())
        case LetterKind.ITEM:
            return [provider.reread(callback)]
        case LetterKind.RECORD:
            raise MalformedError(Fault.BAD_VALUE, "$", "is a value of the stream, and no provider's")


def _question(provider: Provider, path: str) -> PollQuestion:
    """Return the question whose answer a letter holds: its name is the last part of the path."""
    poll = provider.poll
    questions = [] if poll is None else [*poll.mailbox, *([] if poll.by_message is None else [poll.by_message])]
    for question in questions:
        if question.name == path.rpartition("/")[2]:
            return question
    raise MalformedError(Fault.BAD_VALUE, "$", "answers a question that is not asked any more")
