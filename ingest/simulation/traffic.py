"""
Plans the callbacks of a simulation, one after the other, from a seed.

Nothing is sent and no clock is read here: the same arguments plan the same callbacks. Memory is bounded, because only
reports that are due soon are remembered.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count, zip_longest
from random import Random
from typing import Final

from ingest.simulation.dialect import Dialect, happens
from ingest.simulation.numbers import number_in
from ingest.simulation.plan import (
    Number,
    PlannedCallback,
    PlannedInbound,
    PlannedItem,
    PlannedOutcome,
    PlannedReject,
    PlannedReport,
    PlannedSubmission,
    stem,
)
from normalizers.model import Reason, Status

#: Items that have to be in the same callback.
Group = tuple[PlannedItem, ...]

#: After how many callbacks at most the next report of a message comes, or an exact repeat of a report.
_NEXT_STEPS: Final = 40
_REPEAT_STEPS: Final = 200
_LATE_HOURS: Final = (1, 120)
#: The share of an outage's failures that have the outage's main reason.
_OUTAGE_SHARE: Final = 0.9
_CONTENTS: Final = ("TD", "退订", "回复1", "好的谢谢", "STOP", "Y", "请问还有货吗")
_ACCESS_CODES: Final = ("106901234", "1069055512")
_CAMPAIGNS: Final = ("verification", "reminder", "autumn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """
    The probability of each kind of event.

    Of messages: `disordered` (reported in another order), `late` (reported hours or days afterwards), `unfinished`
    (without the last report), `conflicting` (two final reports), `silent` (no report), `submitted` (posted to
    `POST /submissions` first). Of reports: `repeated` (posted twice). Of callbacks: `malformed` (unreadable). Of
    batches: `rejected` (one unreadable item). Of items: `inbound` (an inbound message). `failing` is the share of each
    provider's messages that fail in an outage, most of them for one reason.
    """

    repeated: float = 0.03
    disordered: float = 0.05
    late: float = 0.02
    unfinished: float = 0.02
    conflicting: float = 0.003
    submitted: float = 0.97
    silent: float = 0.01
    malformed: float = 0.01
    rejected: float = 0.02
    inbound: float = 0.04
    failing: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """
    The run that the traffic belongs to (`run`, six hexadecimal digits), its start, its rate and its length.

    The times of reports and submissions are spread over the time `spread` before the start.
    """

    run: str
    started_at: datetime
    callbacks: int
    seconds_between: float = 0.0
    spread: timedelta = timedelta()


class Traffic:
    """The callbacks of a run, to be iterated over once; `messages` is the number of messages so far."""

    def __init__(self, dialects: Sequence[Dialect], mix: Mix, schedule: Schedule, seed: int) -> None:
        self._dialects = dialects
        self._mix = mix
        self._schedule = schedule
        self._rng = Random(seed)
        self._due: dict[str, list[tuple[int, int, Group]]] = {dialect.name: [] for dialect in dialects}
        self._order = count()
        self._submissions: list[PlannedSubmission] = []
        self._outages = {dialect.name: self._outage(dialect) for dialect in dialects if dialect.name in mix.failing}
        self.messages = 0

    def __iter__(self) -> Iterator[PlannedCallback]:
        """Yield the callbacks in the order in which they are to be sent."""
        weights = [dialect.weight for dialect in self._dialects]
        for step in range(self._schedule.callbacks):
            [dialect] = self._rng.choices(self._dialects, weights)
            yield self._callback(dialect, step)

    def _callback(self, dialect: Dialect, step: int) -> PlannedCallback:
        if self._happens(self._mix.malformed):
            spoil = self._rng.choice(dialect.spoils)
            return PlannedCallback(dialect.name, (self._lone_report(dialect, step),), spoil)
        if self._happens(self._mix.silent):
            self._submit(dialect, self._message_id(dialect), [self._number(dialect)], self._sent_at(dialect, step))
        items = self._batch(dialect, step)
        if dialect.item_spoils and len(items) > 1 and self._happens(self._mix.rejected):
            reject = PlannedReject(self._lone_report(dialect, step), self._rng.choice(dialect.item_spoils))
            items.insert(self._rng.randint(1, len(items)), reject)
        submissions, self._submissions = tuple(self._submissions), []
        return PlannedCallback(dialect.name, tuple(items), submissions=submissions)

    def _batch(self, dialect: Dialect, step: int) -> list[PlannedItem]:
        """Return the items of one callback; an item that can't share it waits for the next one."""
        items = list(self._group(dialect, step))
        for _ in range(dialect.batch(self._rng) - 1):
            group = self._group(dialect, step)
            if all(map(dialect.joins, (*items, *group))):
                items += group
            else:
                self._push(dialect, step, group)  # before the later reports of its messages
        return items

    def _group(self, dialect: Dialect, step: int) -> Group:
        """Return the next items of an earlier message if some are due, else the first ones of a new message."""
        due = self._due[dialect.name]
        if due and due[0][0] <= step:
            return heapq.heappop(due)[-1]
        if dialect.inbound and self._happens(self._mix.inbound):
            groups: list[Group] = [(self._inbound(dialect, step),)]
        else:
            groups = self._message(dialect, step)
        self._remember(dialect, step, groups)
        return groups[0]

    def _remember(self, dialect: Dialect, step: int, groups: list[Group]) -> None:
        """Schedule all groups but the first for later callbacks, and some groups a second time."""
        if self._happens(self._mix.disordered):
            self._rng.shuffle(groups)
        for position, group in enumerate(groups):
            if position:
                step += self._rng.randint(1, _NEXT_STEPS)
                self._push(dialect, step, group)
            if self._happens(self._mix.repeated):
                self._push(dialect, step + self._rng.randint(1, _REPEAT_STEPS), group)

    def _push(self, dialect: Dialect, step: int, group: Group) -> None:
        heapq.heappush(self._due[dialect.name], (step, next(self._order), group))

    def _message(self, dialect: Dialect, step: int) -> list[Group]:
        """Return a message's reports in the order of their times, in groups that have to be in the same callback."""
        message_id = self._message_id(dialect)
        lives = self._lives(dialect)
        numbers = self._numbers(dialect, len(lives))
        stages = list(zip_longest(*lives))
        times = self._times(dialect, step, len(stages))
        created_at = self._created(times[0])
        if self._happens(self._mix.submitted):
            submitted_at = self._created(created_at) or self._sent_at(dialect, step)
            self._submit(dialect, message_id, numbers, submitted_at)
        groups: list[Group] = []
        for stage, occurred_at in zip(stages, times, strict=True):
            reports = tuple(
                PlannedReport(message_id, number, outcome, created_at, occurred_at, self._rng.getrandbits(32))
                for number, outcome in zip(numbers, stage, strict=True)
                if outcome is not None
            )
            groups += [reports] if dialect.together else [(report,) for report in reports]
        return groups

    def _submit(self, dialect: Dialect, message_id: str, numbers: Sequence[Number], at: datetime) -> None:
        """Add submissions of a message to the callback that is being planned."""
        campaign = self._rng.choice(_CAMPAIGNS)
        self._submissions += [PlannedSubmission(dialect.name, message_id, number, at, campaign) for number in numbers]

    def _sent_at(self, dialect: Dialect, step: int) -> datetime:
        """
        Return when a message without times in its reports, or without reports, was sent.

        A provider without a clock sends no times, so its reports count as of their receipt: the message is sent just
        before that.
        """
        at = self._now(step) if dialect.clock else self._schedule.started_at
        return (at - timedelta(seconds=self._rng.lognormvariate(1.4, 1.0))).replace(microsecond=0)

    def _created(self, first: datetime | None) -> datetime | None:
        """Return when a message was sent, given the time of its first report."""
        return first - timedelta(seconds=self._rng.randrange(90)) if first else None

    def _lone_report(self, dialect: Dialect, step: int) -> PlannedReport:
        final = self._final(dialect, failing=False)
        [occurred_at] = self._times(dialect, step, 1)
        created_at = self._created(occurred_at)
        message_id, number = self._message_id(dialect), self._number(dialect)
        return PlannedReport(message_id, number, final, created_at, occurred_at, self._rng.getrandbits(32))

    def _inbound(self, dialect: Dialect, step: int) -> PlannedInbound:
        return PlannedInbound(
            message_id=self._message_id(dialect),
            number=self._number(dialect),
            recipient=self._rng.choice(_ACCESS_CODES),
            content=self._rng.choice(_CONTENTS),
            occurred_at=self._now(step),
            seed=self._rng.getrandbits(32),
        )

    def _lives(self, dialect: Dialect) -> list[list[PlannedOutcome]]:
        """Return the outcomes for each recipient of a message: the same steps, then each its own final outcome."""
        steps = [outcome for outcome in dialect.steps if self._happens(outcome.weight)]
        recipients = dialect.recipients(self._rng)
        if steps and self._happens(self._mix.unfinished):
            return [steps] * recipients
        return [[*steps, *self._ends(dialect)] for _ in range(recipients)]

    def _ends(self, dialect: Dialect) -> list[PlannedOutcome]:
        ends = [self._end(dialect)]
        if self._happens(self._mix.conflicting) and ends[0].status is Status.DELIVERED:
            ends.append(self._final(dialect, failing=True))
        return ends

    def _end(self, dialect: Dialect) -> PlannedOutcome:
        if dialect.name not in self._outages or not self._happens(self._mix.failing[dialect.name]):
            return self._final(dialect, failing=False)
        if self._happens(_OUTAGE_SHARE):
            return self._outages[dialect.name]
        return self._final(dialect, failing=True)

    def _outage(self, dialect: Dialect) -> PlannedOutcome:
        """Choose the outcome of most messages in an outage, one with a known reason."""
        while (outcome := self._final(dialect, failing=True)).reason in {None, Reason.UNKNOWN}:
            pass
        return outcome

    def _final(self, dialect: Dialect, *, failing: bool) -> PlannedOutcome:
        finals = [outcome for outcome in dialect.finals if outcome.status.failed or not failing]
        [final] = self._rng.choices(finals, [outcome.weight for outcome in finals])
        return final

    def _numbers(self, dialect: Dialect, recipients: int) -> list[Number]:
        distinct: dict[Number, None] = {}
        while len(distinct) < recipients:
            distinct[self._number(dialect)] = None
        return list(distinct)

    def _number(self, dialect: Dialect) -> Number:
        [country] = self._rng.choices(list(dialect.countries), list(dialect.countries.values()))
        return number_in(country, self._rng)

    def _message_id(self, dialect: Dialect) -> str:
        self.messages += 1
        return dialect.message_id(stem(self._schedule.run, self.messages), self._rng)

    def _times(self, dialect: Dialect, step: int, stages: int) -> Sequence[datetime | None]:
        """Return the time of each stage; the last one is just before its report is sent, or much earlier."""
        if not dialect.clock:
            return [None] * stages
        at = self._now(step)
        if self._happens(self._mix.late):
            at -= timedelta(hours=self._rng.uniform(*_LATE_HOURS))
        times = [at.replace(microsecond=0)]
        for _ in range(stages - 1):
            at -= timedelta(seconds=min(3600.0, self._rng.lognormvariate(1.4, 1.0)))
            times.append(at.replace(microsecond=0))
        return times[::-1]

    def _now(self, step: int) -> datetime:
        """Return a time shortly before a callback is sent, to the second, as providers give it."""
        ago = self._rng.lognormvariate(0.5, 0.8)
        schedule = self._schedule
        long_ago = schedule.spread * (1 - step / schedule.callbacks)
        at = schedule.started_at - long_ago + timedelta(seconds=step * schedule.seconds_between - ago)
        return at.replace(microsecond=0)

    def _happens(self, share: float) -> bool:
        return happens(share, self._rng)
