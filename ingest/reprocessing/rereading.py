"""Parses stored bytes again: dead letters by their kind, and stored reports by their raw item."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from ingest.reprocessing.letters import Letter
from ingest.settings.accounts import EffectiveAccount
from normalizers.errors import Fault, MalformedError, parser_failure
from normalizers.model import Callback, DeliveryReport, Item, Source
from normalizers.polling import PollQuestion
from normalizers.provider import Provider
from sinks.records import LetterKind

_T = TypeVar("_T")


class Rereader:
    """Parses with the accounts of today's settings."""

    def __init__(self, accounts: Iterable[EffectiveAccount]) -> None:
        self._accounts: Mapping[tuple[str, str], EffectiveAccount] = {account.key: account for account in accounts}

    def account(self, provider: str, name: str) -> EffectiveAccount:
        """Return an account of the settings; raises `MalformedError` if there is no such account."""
        account = self._accounts.get((provider, name))
        if account is None:
            raise MalformedError(Fault.BAD_VALUE, "$", f"the settings have no account {provider}/{name}")
        return account

    def letter(self, letter: Letter) -> Sequence[Item]:
        """
        Return the items of a dead letter; raises `MalformedError` if it still can't be parsed.

        CloudSMS' key in the body is not checked: it is masked in the letter, and was checked when the callback came.
        """
        origin = letter.origin
        account = self.account(origin.provider, origin.account)
        callback = Callback(
            account=msgspec.structs.replace(account.reading, auth_key=None),
            method=origin.method,
            query=origin.query,
            headers=origin.headers,
            body=letter.body,
            received_at=origin.received_at,
            source=Source.REPLAY,
        )
        return _parsed(lambda: _read(account.provider, origin.kind, origin.path, callback))

    def stored(self, report: DeliveryReport) -> DeliveryReport:
        """Return the report that is parsed today from a stored report's raw item; raises `MalformedError`."""
        known = self.account(report.provider, report.account)
        callback = Callback(
            account=known.reading,
            method="POST",
            body=report.raw.encode(),
            received_at=report.received_at,
            source=report.source,
        )
        item = _parsed(lambda: known.provider.reread(callback))
        if not isinstance(item, DeliveryReport):
            raise MalformedError(Fault.BAD_VALUE, "$", "reads as an inbound message, and was stored as a report")
        return item


def _parsed(parse: Callable[[], _T]) -> _T:
    """Call a parser; an unexpected exception becomes a `MalformedError`."""
    try:
        return parse()
    except MalformedError:
        raise
    except Exception as error:
        raise parser_failure(error) from error


def _read(provider: Provider, kind: LetterKind, path: str, callback: Callback) -> Sequence[Item]:
    match kind:
        case LetterKind.CALLBACK:
            return provider.parse(callback)
        case LetterKind.ANSWER:
            return _question(provider, path).read(callback, ())
        case LetterKind.ITEM:
            return [provider.reread(callback)]
        case LetterKind.RECORD:
            raise MalformedError(Fault.BAD_VALUE, "$", "is a value of the stream, and no provider's")


def _question(provider: Provider, path: str) -> PollQuestion:
    """Return the question that a letter answers: the last part of its path is the question's name."""
    poll = provider.poll
    questions = [] if poll is None else [*poll.mailbox, *([] if poll.by_message is None else [poll.by_message])]
    for question in questions:
        if question.name == path.rpartition("/")[2]:
            return question
    raise MalformedError(Fault.BAD_VALUE, "$", "answers a question that is not asked any more")
