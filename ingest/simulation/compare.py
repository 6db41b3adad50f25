"""Compares the rows that were sent with the rows that the store holds; does no I/O."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Final

from ingest.simulation.ledger import Row
from normalizers.model import Status

_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Tally:
    """
    The comparison of the store's rows with the acknowledged ones.

    `acknowledged` counts the distinct acknowledged rows, `stored` all rows in the store. Of the faulty rows, `lost`
    ones were acknowledged and are not stored, `doubled` ones are stored more than once, `wrong` ones are stored with
    other values, and `never_sent` ones are stored but were not sent. `examples` are message ids of some of them.
    """

    acknowledged: int = 0
    stored: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    never_sent: int = 0
    examples: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """The counts, by name."""
        return {name: count for name, count in asdict(self).items() if name != "examples"}

    @property
    def differences(self) -> dict[str, int]:
        """The counts of faulty rows, by kind of fault, without those that are 0."""
        return {name: count for name, count in self.counts.items() if count and name not in {"acknowledged", "stored"}}

    def __add__(self, other: "Tally") -> "Tally":
        theirs = other.counts
        sums = {name: count + theirs[name] for name, count in self.counts.items()}
        return Tally(**sums, examples=(self.examples + other.examples)[:_SHOWN])


def compare(sent: Mapping[Row, bool], stored: Iterable[Row]) -> Tally:
    """Compare the rows that were sent (True: and acknowledged) with the rows of the store."""
    copies = Counter(stored)
    missing = _ids(row for row, acknowledged in sent.items() if acknowledged and row not in copies)
    never_sent = _ids(row for row in copies if row not in sent)
    doubled = _ids((copies - Counter(set(copies))).elements())
    wrong = missing & never_sent
    return Tally(
        acknowledged=sum(sent.values()),
        stored=copies.total(),
        lost=(missing - wrong).total(),
        doubled=doubled.total(),
        wrong=wrong.total(),
        never_sent=(never_sent - wrong).total(),
        examples=tuple(missing | never_sent | doubled)[:_SHOWN],
    )


def compare_totals(expected: int, stored: int) -> Tally:
    """Compare two numbers that have to be equal."""
    return Tally(expected, stored, lost=max(0, expected - stored), doubled=max(0, stored - expected))


def _ids(rows: Iterable[Row]) -> Counter[str]:
    return Counter(str(row[0]) for row in rows)


def messages_of(reports: Mapping[Row, bool]) -> dict[Row, bool]:
    """
    Return the rows of `dlr.messages` that follow from reports: id, recipient, status, number of reports, conflict.

    A message has the state of its report with the highest rank; two different final states are a conflict. If a report
    was not acknowledged, the store may have it or not. Then every row that the message may have is returned, and counts
    as not acknowledged: none of them has to be in the store, and each of them may be.
    """
    by_message: defaultdict[Row, dict[Row, bool]] = defaultdict(dict)
    for row, acknowledged in reports.items():
        by_message[row[:2]][row] = acknowledged
    return {(*message, *state): all(rows.values()) for message, rows in by_message.items() for state in _states(rows)}


def _states(rows: Mapping[Row, bool]) -> Iterator[Row]:
    """Yield every state that the store may have for a message: only one, if all its reports were acknowledged."""
    certain = tuple(row for row, acknowledged in rows.items() if acknowledged)
    uncertain = [row for row, acknowledged in rows.items() if not acknowledged]
    for size in range(len(uncertain) + 1):
        for some in combinations(uncertain, size):
            if certain or some:
                yield _state(certain + some)


def _state(rows: Sequence[Row]) -> Row:
    statuses = [Status(str(row[3])) for row in rows]
    finals = {status for status in statuses if status.final}
    return max(statuses, key=lambda status: status.rank), len(rows), len(finals) > 1
