"""
Polls by message: every tick asks about the messages that have reached one of the ages and have no final report.

The messages are read from the store page by page, and the position is saved after each page, so a restart asks about
one page again at most. A tick that takes longer than the interval between ticks delays the next one.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from ingest.metrics import catalogue
from ingest.polling.account import PolledAccount
from ingest.polling.ages import ages, windows
from ingest.polling.client import PollAnswer, ProviderClient
from ingest.polling.retry import append, until_done
from ingest.polling.state import PollState, Tick
from normalizers.polling import PollOutcome, PollQuestion, Subject
from sinks.clickhouse.pending import Message, Position, Window
from sinks.stream import Producer, Record

#: Reads up to `most` of an account's submissions in a window, after a position; raises a `SinkError`.
ReadPage = Callable[[str, str, Window, Position | None, int], Awaitable[Sequence[Message]]]

_PAGE_MESSAGES: Final = 500
#: How long a submission takes at most from its receipt to the store.
_SETTLE_SECONDS: Final = 2.0
#: How often a request is tried; less often if others are answered meanwhile, because then it is itself at fault.
_MOST_TRIES: Final = 12
_MOST_TRIES_AT_FAULT: Final = 3


@dataclass
class MessagePoller:
    """
    Polls one account's provider about single messages.

    It asks through `client` about the messages that `read` finds, keeps its position in `state`, and appends the
    reports to `producer`. `clock` returns seconds since 1970.
    """

    client: ProviderClient
    question: PollQuestion
    state: PollState
    producer: Producer
    read: ReadPage
    clock: Callable[[], float] = time.time
    _asked_until: float = field(default_factory=time.time)

    @property
    def _account(self) -> PolledAccount:
        return self.client.account

    async def tick(self) -> None:
        """Ask about the messages that reached one of the ages since the last tick, or finish an interrupted tick."""
        provider, name = self._account.provider, self._account.name
        now = self.clock() - _SETTLE_SECONDS
        tick = await self.state.tick(provider, name)
        if tick is None:
            tick = self._first_tick(now)
        elif tick.end is None:
            tick = Tick(tick.until, max(tick.until, now))
        is_first = tick.after == self._first_tick(tick.until).after
        self._asked_until = tick.until if is_first else tick.after  # before the first tick, nothing was due
        self._set_behind()
        for window in self._remaining_windows(tick):
            position = tick.position if window.end == tick.end else None
            await self._ask_about_all(tick, window, position)
        await self.state.save_tick(provider, name, Tick(tick.after, tick.until))
        self._asked_until = tick.until
        self._set_behind()

    def _first_tick(self, until: float) -> Tick:
        """Return the first tick of an account, which leaves out messages that are too old to be asked about."""
        return Tick(until - self._account.effective.reports_within.total_seconds(), until)

    def _set_behind(self) -> None:
        """Set the metric of how far polling is behind."""
        catalogue.POLL_BEHIND.set(self.clock() - self._asked_until, self._account.provider, self._account.name)

    def _remaining_windows(self, tick: Tick) -> Sequence[Window]:
        """Return the tick's windows, from the interrupted one on; all of them if the ages have changed."""
        settings, account = self._account.settings, self._account.effective
        at_ages = ages(settings.first_delay_s, settings.growth, account.reports_within.total_seconds())
        found = windows(tick.after, tick.until, at_ages)
        ends = [window.end for window in found]
        return found[ends.index(tick.end) :] if tick.end in ends else found

    async def _ask_about_all(self, tick: Tick, window: Window, position: Position | None) -> None:
        while page := await self._page(window, position):
            subjects = dict.fromkeys(
                Subject(message.position.message_id, message.position.recipient)
                for message in page
                if not message.final
            )
            await self._ask_about(list(subjects))
            position = page[-1].position
            await self.state.save_tick(
                self._account.provider, self._account.name, Tick(tick.after, tick.until, window.end, position)
            )

    async def _page(self, window: Window, position: Position | None) -> Sequence[Message]:
        provider, name = self._account.provider, self._account.name
        return await until_done(
            lambda: self.read(provider, name, window, position, _PAGE_MESSAGES),
            "pending messages can't be read now",
            self._set_behind,
        )

    async def _ask_about(self, subjects: Sequence[Subject]) -> None:
        size = self._account.size
        async with asyncio.TaskGroup() as tasks:
            for start in range(0, len(subjects), size):
                tasks.create_task(self._ask(subjects[start : start + size]))

    async def _ask(self, subjects: Sequence[Subject]) -> None:
        """Ask about messages in one request; if it is refused, ask about each half to find the one at fault."""
        answer = await self._answer(subjects)
        if answer.outcome is PollOutcome.REFUSED and len(subjects) > 1:
            middle = len(subjects) // 2
            await self._ask(subjects[:middle])
            await self._ask(subjects[middle:])
        elif answer.error is not None:
            letter = self._account.dead_letter(answer.error, answer.body, self.question.name, datetime.now(UTC))
            await append(self.producer, [letter])
        else:
            await append(self.producer, answer.value or ())

    async def _answer(self, subjects: Sequence[Subject]) -> PollAnswer[Sequence[Record]]:
        """Send a request, and again while a later try may be answered."""
        pace, tries = self.client.pace, 0
        answered = pace.answered
        while True:
            answer = await self.client.ask(
                self.question.name,
                lambda: self.question.request(self._account.asking(subjects)),
                lambda body: self._records(body, subjects),
            )
            self._set_behind()
            tries += answer.outcome is not PollOutcome.DENIED
            most = _MOST_TRIES_AT_FAULT if pace.answered > answered else _MOST_TRIES
            if not answer.outcome.passing or tries >= most:
                return answer

    def _records(self, body: bytes, subjects: Sequence[Subject]) -> Sequence[Record]:
        received_at = datetime.now(UTC)
        items = self._account.read(self.question, body, received_at, subjects)
        return self._account.records(items, self.question.name, received_at)
