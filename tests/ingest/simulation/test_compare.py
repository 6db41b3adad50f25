"""The comparison of sent and stored rows finds lost, doubled, wrong and foreign rows."""

from ingest.simulation.compare import Tally, compare, compare_totals, messages_of
from ingest.simulation.ledger import Ledger, RecordKind, Row
from normalizers.model import Status
from tests.ingest.simulation.planning import plan

_SENT: dict[Row, bool] = {
    ("m1", "+447911123456", "GB", "accepted", "", "0", "", 1): True,
    ("m1", "+447911123456", "GB", "delivered", "", "2", "", 2): True,
    ("m2", "+447911123457", "GB", "delivered", "", "2", "", 2): True,
}


def test_equal_rows_do_not_differ() -> None:
    """If the store holds every acknowledged row once, nothing differs."""
    assert compare(_SENT, list(_SENT)) == Tally(acknowledged=3, stored=3)


def test_a_missing_row_is_lost() -> None:
    """An acknowledged report without its row is lost, and named."""
    tally = compare(_SENT, list(_SENT)[:2])
    assert (tally.lost, sum(tally.differences.values()), tally.examples) == (1, 1, ("m2",))


def test_a_row_too_many_is_doubled() -> None:
    """A report with two equal rows is doubled, once for each row too many."""
    [first, *_] = _SENT
    tally = compare(_SENT, [*_SENT, first, first])
    assert (tally.doubled, sum(tally.differences.values()), tally.examples) == (2, 2, ("m1",))


def test_a_row_that_says_something_else_is_wrong() -> None:
    """A report whose row has another status, recipient, reason or time is wrong, not lost."""
    good = list(_SENT)
    for column in range(1, 8):
        other: Row = (*good[2][:column], "other", *good[2][column + 1 :])
        tally = compare(_SENT, [*good[:2], other])
        assert (tally.wrong, sum(tally.differences.values()), tally.examples) == (1, 1, ("m2",))


def test_a_row_that_nobody_sent_is_foreign() -> None:
    """A row under this run's prefix that was never sent is a difference."""
    tally = compare(_SENT, [*_SENT, ("m9", "+447911123456", "GB", "delivered", "", "2", "", 2)])
    assert (tally.never_sent, sum(tally.differences.values()), tally.examples) == (1, 1, ("m9",))


def test_what_was_not_acknowledged_may_be_stored_or_not() -> None:
    """A report that was never acknowledged is no difference, whether it is stored or not."""
    sent = dict.fromkeys(_SENT, False)
    assert compare(sent, []).differences == {}
    assert compare(sent, list(_SENT)).differences == {}
    assert compare(sent, [*_SENT, *_SENT]).doubled == 3


def test_totals_have_to_be_equal() -> None:
    """A sum below what is expected is a loss, and one above it is a double."""
    assert compare_totals(5, 5).differences == {}
    assert compare_totals(5, 3).lost == 2
    assert compare_totals(5, 6).doubled == 1


def test_tallies_add_up() -> None:
    """The comparison of two ranges is that of the whole."""
    lost, doubled = compare(_SENT, []), compare(_SENT, [*_SENT, *_SENT])
    assert lost + doubled == Tally(acknowledged=6, stored=6, lost=3, doubled=3, examples=("m1", "m2", "m1"))


def test_a_message_is_in_the_state_of_its_highest_rank() -> None:
    """A message is what its report of the highest rank says, with the number of its reports."""
    assert messages_of(_SENT) == {
        ("m1", "+447911123456", Status.DELIVERED, 2, False): True,
        ("m2", "+447911123457", Status.DELIVERED, 1, False): True,
    }


def test_two_different_ends_are_a_conflict() -> None:
    """A message that was reported delivered and failed is delivered, in conflict."""
    failed: Row = ("m2", "+447911123457", "GB", "undeliverable", "unknown", "3", "", 3)
    [state] = [row for row in messages_of({**_SENT, failed: True}) if row[0] == "m2"]
    assert state == ("m2", "+447911123457", Status.DELIVERED, 2, True)


def test_a_message_with_an_unacknowledged_report_may_be_in_either_state() -> None:
    """If a report was not acknowledged, the message may have its state with or without it, or be absent."""
    accepted, delivered, _ = _SENT
    states = messages_of({accepted: True, delivered: False})
    assert states == {
        ("m1", "+447911123456", Status.ACCEPTED, 1, False): False,
        ("m1", "+447911123456", Status.DELIVERED, 2, False): False,
    }


def test_the_ledger_knows_a_repeat() -> None:
    """A report that was sent many times is one row, acknowledged where one of them was."""
    [callback] = plan("juhe", callbacks=1, malformed=0)
    ledger = Ledger()
    for acknowledged in (False, True, False):
        ledger.record(callback, acknowledged=acknowledged)
    rows = list(ledger.rows(RecordKind.REPORTS, "juhe", "", "z"))
    assert len(rows) == len(callback.reports) == ledger.acknowledged(RecordKind.REPORTS, "juhe")
    assert all(acknowledged for _, acknowledged in rows)
    ledger.close()


def test_the_ledger_gives_out_ranges() -> None:
    """Rows are read in ranges of message ids that together are all of them."""
    ledger = Ledger()
    callbacks = plan("cm", callbacks=200)
    for callback in callbacks:
        ledger.record(callback, acknowledged=True)
    middle = next(callback.reports[0].message_id for callback in callbacks[100:] if not callback.spoil)
    low = list(ledger.rows(RecordKind.REPORTS, "cm", "", middle))
    high = list(ledger.rows(RecordKind.REPORTS, "cm", middle, "z"))
    assert low
    assert high
    assert len(low) + len(high) == ledger.acknowledged(RecordKind.REPORTS, "cm")
    ledger.close()
