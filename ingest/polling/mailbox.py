"""
Polls a mailbox: the provider hands over all new reports at once, and may hand over each report only once.

So an answer is saved to disk before it is parsed, and deleted once its records are in the stream. After a crash, the
saved answers are parsed first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ingest.polling.account import PolledAccount
from ingest.polling.client import ProviderClient
from ingest.polling.retry import append, until_done
from ingest.polling.state import PollState, SavedAnswer
from normalizers.errors import Fault, MalformedError
from normalizers.model import Item
from normalizers.polling import PollOutcome, PollQuestion
from sinks.stream import Producer

#: After so many full answers to one question, the next question gets its turn.
_MOST_IN_A_ROW: Final = 20


@dataclass(frozen=True, slots=True)
class MailboxPoller:
    """Asks one account's provider through `client`, saves the answers in `state`, appends their items to `producer`."""

    client: ProviderClient
    state: PollState
    producer: Producer

    @property
    def _account(self) -> PolledAccount:
        return self.client.account

    async def ask_all(self) -> None:
        """Parse saved answers, then ask every question until its answers are no longer full."""
        await self.read_saved()
        for question in self._account.poll.mailbox:
            for _ in range(_MOST_IN_A_ROW):
                if await self._ask(question) < self._account.size:
                    break

    async def read_saved(self) -> None:
        """Append the records of every saved answer to the stream."""
        while answer := await self.state.oldest_answer(self._account.provider, self._account.name):
            await self._store(answer, *self._read(answer))

    async def _ask(self, question: PollQuestion) -> int:
        """Ask one question, and return how many items the answer held."""
        account = self._account
        saved: list[SavedAnswer] = []

        async def save(body: bytes) -> None:
            saved.append(await self._save(question, body))

        answer = await self.client.ask(
            question.name,
            lambda: question.request(account.asking()),
            lambda body: account.read(question, body, saved[0].received_at if saved else datetime.now(UTC)),
            save,
        )
        items = answer.value or ()
        if saved:
            await self._store(saved[0], items, answer.error)
        return len(items)

    async def _save(self, question: PollQuestion, body: bytes) -> SavedAnswer:
        """Save an answer, and try until it is on disk: the provider does not send it again."""
        now = datetime.now(UTC)
        number = await until_done(
            lambda: self.state.save_answer(self._account.provider, self._account.name, question.name, now, body),
            "an answer can't be saved now",
        )
        return SavedAnswer(number, question.name, now, body)

    def _read(self, answer: SavedAnswer) -> tuple[Sequence[Item], MalformedError | None]:
        question = next((found for found in self._account.poll.mailbox if found.name == answer.question), None)
        if question is None:
            return (), MalformedError(Fault.BAD_VALUE, "$", "answers a question that is not asked any more")
        if self._account.poll.judge(200, answer.body).outcome is not PollOutcome.ANSWERED:
            return (), None
        try:
            return self._account.read(question, answer.body, answer.received_at), None
        except MalformedError as error:
            return (), error

    async def _store(self, answer: SavedAnswer, items: Sequence[Item], error: MalformedError | None) -> None:
        """Append an answer's records to the stream, or the answer as a dead letter; then delete the saved copy."""
        records = self._account.records(items, answer.question, answer.received_at)
        if error is not None:
            records = [self._account.dead_letter(error, answer.body, answer.question, answer.received_at)]
        await append(self.producer, records)
        await self.state.delete_answer(answer.id)
