"""The expected content of the views after inserts, computed in plain Python."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from normalizers.model import DeliveryReport, Source, Status
from normalizers.submissions import Submission
from tests.factories import NOON, make_report, make_submission

ODD_TIMES = (
    None,
    datetime(1970, 1, 2, tzinfo=UTC),
    datetime(1999, 12, 31, tzinfo=UTC),
    datetime(2099, 12, 31, tzinfo=UTC),
)


class Key(NamedTuple):
    """The key of a message."""

    provider: str
    account: str
    message_id: str
    recipient: str
    message_stamp: str


def key_of(report: DeliveryReport) -> Key:
    """Return the message that a report is on."""
    return Key(report.provider, report.account, report.message_id, report.recipient, report.message_stamp)


def precedence(report: DeliveryReport, received_at: datetime) -> tuple[Any, ...]:
    """Order reports of a message as their documentation says: the greatest decides."""
    callback = report.source is not Source.POLL
    if report.occurred_at is None:
        return (
            report.status.rank,
            False,
            callback,
            received_at.replace(microsecond=received_at.microsecond // 1000 * 1000),
        )
    return (report.status.rank, True, report.occurred_at, callback)


@dataclass
class Oracle:
    """Everything that was inserted: every copy of every report, and every submission."""

    copies: list[DeliveryReport] = field(default_factory=list)
    submissions: list[Submission] = field(default_factory=list)

    def reports(self) -> dict[str, DeliveryReport]:
        """Return the copy that stays of each report that counts."""
        superseded = {report.supersedes for report in self.copies}
        stay: dict[str, DeliveryReport] = {}
        for copy in self.copies:
            other = stay.get(copy.event_id)
            if other is None or (-copy.revision, copy.received_at) < (-other.revision, other.received_at):
                stay[copy.event_id] = copy
        return {event_id: report for event_id, report in stay.items() if event_id not in superseded}

    def messages(self) -> dict[Key, dict[str, Any]]:
        """Return what `messages` must show of each message: `deciding` are the reports that may decide."""
        counted = set(self.reports())
        read_again = {key_of(copy)[:3] for copy in self.copies if copy.revision}
        found: dict[Key, list[DeliveryReport]] = {}
        for copy in self.copies:
            if key_of(copy)[:3] not in read_again:
                found.setdefault(key_of(copy), []).append(copy)
        for report in self.reports().values():
            if key_of(report)[:3] in read_again:
                found.setdefault(key_of(report), []).append(report)
        received = {key: max(copy.received_at for copy in self.copies if key_of(copy) == key) for key in found}
        shown = {key: {**_message(copies, counted), "last": received[key]} for key, copies in found.items()}
        for submission in self.submissions:
            owners = [
                key
                for key in found
                if key[:4] == (submission.provider, submission.account, submission.message_id, submission.recipient)
            ]
            if not owners:
                owners = [Key(submission.provider, submission.account, submission.message_id, submission.recipient, "")]
                shown.setdefault(
                    owners[0],
                    {
                        "deciding": set(),
                        "reports": 0,
                        "first": None,
                        "last": None,
                        "conflict": False,
                        "submitted": None,
                    },
                )
            for owner in owners:
                shown[owner]["submitted"] = submission.submitted_at
        return shown


def _message(copies: Sequence[DeliveryReport], counted: set[str]) -> dict[str, Any]:
    best = max(precedence(copy, copy.received_at) for copy in copies)
    final = {
        copy.status
        for copy in copies
        if copy.status.final and not (copy.source is Source.POLL and copy.occurred_at is None)
    }
    ranks = {copy.status.rank for copy in copies}
    return {
        "deciding": {
            (copy.status.value, copy.event_id) for copy in copies if precedence(copy, copy.received_at) == best
        },
        "reports": len({copy.event_id for copy in copies} & counted),
        "first": min(copy.received_at for copy in copies),
        "conflict": len(final) > 1 or {4, 5} <= ranks,
        "submitted": None,
    }


class Traffic:
    """Random records on few messages: odd and missing times, contradictions, polls, copies, and reports read again."""

    def __init__(self, seed: int) -> None:
        """Begin anew; the same seed gives the same traffic."""
        self._random = random.Random(seed)  # noqa: S311 - traffic, not a secret
        self._reports: list[DeliveryReport] = []

    def records(self, count: int) -> list[DeliveryReport | Submission]:
        """Return so many records in any order."""
        return [self._record() for _ in range(count)]

    def _record(self) -> DeliveryReport | Submission:
        kind = self._random.random()
        if kind < 0.1:
            return make_submission(**self._message(), received_at=self._received(), submitted_at=NOON)
        if self._reports and kind < 0.4:
            copy = self._random.choice(self._reports)
            return msgspec.structs.replace(copy, received_at=self._received())
        if self._reports and kind < 0.45:
            first = self._random.choice(self._reports)
            return msgspec.structs.replace(first, revision=1, status=Status.DELETED)
        report = self._report()
        self._reports.append(report)
        return report

    def _message(self) -> dict[str, str]:
        number = self._random.randrange(12)
        return {
            "provider": ("cm", "juhe", "santo")[number % 3],
            "message_id": f"m{number // 2}",
            "recipient": f"+44791112345{number % 2}",
        }

    def _report(self) -> DeliveryReport:
        message = self._message()
        given: dict[str, Any] = {
            **message,
            "received_at": self._received(),
            "status": self._random.choice(list(Status)),
        }
        if message["provider"] == "santo":
            return self._polled(given)
        if message["provider"] == "cm":
            given["message_stamp"] = self._random.choice(("2026-11-20T12:00:05", "2026-11-20T12:00:06"))
        at = self._random.choice((*ODD_TIMES, *(NOON + timedelta(hours=hours) for hours in range(-60, 60))))
        event_id = str(UUID(int=self._random.getrandbits(128)))
        return make_report(**given, event_id=event_id, occurred_at=at, stamp_day=_stamp_day(at))

    def _polled(self, given: dict[str, Any]) -> DeliveryReport:
        """Make an answer to a poll, or the callback that says the same."""
        given |= {"status": self._random.choice((Status.DELIVERED, Status.UNDELIVERABLE)), "occurred_at": None}
        words = "|".join((given["message_id"], given["recipient"], given["status"]))
        poll, callback = (
            str(UUID(bytes=hashlib.blake2b(f"{way}{words}".encode(), digest_size=16).digest())) for way in "pc"
        )
        stamp_day = datetime(1970, 1, 1, tzinfo=UTC).date()
        if self._random.random() < 0.5:
            return make_report(**given, event_id=poll, source=Source.POLL, stamp_day=stamp_day)
        return make_report(**given, event_id=callback, supersedes=poll, stamp_day=stamp_day)

    def _received(self) -> datetime:
        return NOON + timedelta(microseconds=self._random.randrange(5 * 86_400_000_000))


def _stamp_day(at: datetime | None) -> date:
    return datetime(1970, 1, 1, tzinfo=UTC).date() if at is None or at.year < 2000 else at.date()
