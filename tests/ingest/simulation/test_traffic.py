"""The traffic of the providers: planned from a seed, in the mix that was asked for."""

import re
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import phonenumbers
import pytest

from ingest.simulation.dialects import DIALECTS
from ingest.simulation.plan import PlannedInbound, PlannedOutcome, PlannedReject, PlannedReport
from ingest.simulation.traffic import Mix, Schedule, Traffic
from normalizers import PROVIDERS
from normalizers.model import Reason, Status
from normalizers.smpp import MESSAGE_STATES
from normalizers.testing.codes_contract import transcribed
from tests.ingest.simulation.planning import NOON, RUN, plan
from tests.normalizers.examples import CODES

#: Codes that stand for a family of codes: some of the family.
_FAMILIES = {"MO:NNNN": ("MO:0012", "MO:1042")}


def _reports(*providers: str, **mix: Any) -> list[PlannedReport]:
    return [report for callback in plan(*providers, **mix) for report in callback.reports if not callback.spoil]


def _outcomes(provider: str) -> list[PlannedOutcome]:
    return [*DIALECTS[provider].steps, *DIALECTS[provider].finals]


def _key(provider: str, outcome: PlannedOutcome) -> str:
    """Return a code as the table has it."""
    return f"{outcome.code}|{outcome.error}" if provider == "santo" else outcome.code


def test_the_same_seed_makes_the_same_traffic() -> None:
    """A run can be had again: the same seed plans the same callbacks, and another seed plans others."""
    assert plan(seed=5) == plan(seed=5)
    assert plan(seed=5) != plan(seed=6)


@pytest.mark.parametrize("provider", DIALECTS)
def test_every_code_of_a_provider_is_said(provider: str) -> None:
    """The traffic covers the provider's whole code table, and means by each code what the document says."""
    known = {
        code: (row.status, row.reason)
        for name, row in transcribed(CODES / f"{provider}.csv").items()
        if not name.startswith("poll:")
        for code in _FAMILIES.get(name, (name,))
    }
    said = {_key(provider, outcome): (outcome.status, outcome.reason) for outcome in _outcomes(provider)}
    if provider == "cm":
        said |= {o.code: (o.status, o.reason) for o in _outcomes(provider) if not o.error}
    assert {code: said.get(code) for code in known} == known


def test_every_error_code_of_cm_is_said() -> None:
    """CM's traffic covers the error codes, each with the reason that its document gives."""
    known = {code: row.reason for code, row in transcribed(CODES / "cm-errors.csv").items()}
    said = {outcome.error: outcome.reason for outcome in _outcomes("cm") if outcome.code == "3"}
    assert {code: said.get(code) for code in known} == known


def _is_smpp_word(outcome: PlannedOutcome) -> bool:
    """Tell whether an outcome is told by a word of SMPP that does not contradict it."""
    word = MESSAGE_STATES.find(outcome.error or outcome.code)
    return word is not None and (word.status, word.reason) == (outcome.status, outcome.reason)


@pytest.mark.parametrize("provider", DIALECTS)
def test_codes_that_are_in_no_table_are_said(provider: str) -> None:
    """Every provider also says codes that no table has, and means nothing known by them."""
    strange = {
        _key(provider, outcome): outcome.status
        for outcome in _outcomes(provider)
        if _key(provider, outcome) not in transcribed(CODES / f"{provider}.csv") and not outcome.code.startswith("MO:")
        if not (PROVIDERS[provider].speaks_smpp and _is_smpp_word(outcome))
    }
    assert strange
    assert set(strange.values()) == {Status.UNKNOWN}


@pytest.mark.parametrize("provider", DIALECTS)
def test_what_can_be_said_is_said_as_often_as_its_weight(provider: str) -> None:
    """Over many messages, every outcome that is not very rare comes up, and delivery is what happens mostly."""
    counts = Counter(report.outcome for report in _reports(provider, callbacks=6000))
    finals = DIALECTS[provider].finals
    total = sum(outcome.weight for outcome in finals)
    said = sum(counts[outcome] for outcome in finals)
    assert not [outcome for outcome in finals if said * outcome.weight / total > 15 and not counts[outcome]]
    assert 0.8 < sum(counts[o] for o in finals if o.status is Status.DELIVERED) / said < 0.97


@pytest.mark.parametrize("provider", DIALECTS)
def test_every_number_is_a_valid_mobile_number_of_its_country(provider: str) -> None:
    """Recipients are numbers that exist, in the countries that the provider serves."""
    numbers = {report.number for report in _reports(provider, callbacks=1500)}
    assert {number.country for number in numbers} == set(DIALECTS[provider].countries)
    for number in numbers:
        parsed = phonenumbers.parse(number.e164)
        assert phonenumbers.is_valid_number(parsed), number
        assert phonenumbers.region_code_for_number(parsed) == number.country


def test_message_ids_have_their_providers_shape() -> None:
    """Each provider's message ids look like its document's, and begin with what tells this run from others."""
    shapes = {
        "cm": r"[0-9a-f]{32}",
        "juhe": r"[0-9A-F]{16}",
        "santo": r"[0-9a-f]{14}",
        "cloudsms": r"[0-9A-F]{13}X\d\d[0-9A-F]{14}",
    }
    for provider, shape in shapes.items():
        ids = {report.message_id for report in _reports(provider, callbacks=200)}
        assert len(ids) > 90
        for message_id in ids:
            assert message_id.lower().startswith(RUN)
            assert re.fullmatch(shape, message_id)


@pytest.mark.parametrize("provider", ["cm", "cloudsms"])
def test_a_message_is_accepted_before_it_arrives(provider: str) -> None:
    """A message's reports come in the order in which they happened, and each says more than the one before."""
    lives = defaultdict(list)
    for report in _reports(provider, repeated=0, disordered=0, conflicting=0):
        lives[report.message_id, report.number].append(report)
    assert max(map(len, lives.values())) > 1
    for life in lives.values():
        for earlier, later in pairwise(life):
            assert _at(earlier) <= _at(later)
            assert earlier.outcome.status.rank < later.outcome.status.rank or later.outcome.status is Status.UNKNOWN


def test_disordered_messages_change_places() -> None:
    """With disorder, some reports come after one that happened later; without, none does."""
    assert _overtaken(_reports("cloudsms", repeated=0, disordered=0)) == 0
    assert _overtaken(_reports("cloudsms", repeated=0, disordered=1)) > 100


def _overtaken(reports: list[PlannedReport]) -> int:
    latest: dict[tuple[str, object], datetime] = {}
    overtaken = 0
    for report in reports:
        key = report.message_id, report.number
        overtaken += key in latest and _at(report) < latest[key]
        latest[key] = max(_at(report), latest.get(key, _at(report)))
    return overtaken


def _at(report: PlannedReport) -> datetime:
    assert report.occurred_at is not None
    return report.occurred_at


@pytest.mark.parametrize("provider", DIALECTS)
def test_repeats_are_exact(provider: str) -> None:
    """Repeated reports come again with everything they said, as often as was asked for."""
    counts = Counter(_reports(provider, callbacks=3000, repeated=0.2))
    assert 0.1 < (counts.total() - len(counts)) / counts.total() < 0.25
    assert max(Counter(_reports(provider, callbacks=3000, repeated=0)).values()) == 1


def test_late_reports_happened_hours_or_days_ago() -> None:
    """Late reports are hours to days old and the others minutes at most; none is of the future."""
    ages = [NOON - _at(report) for report in _reports("juhe", late=0.3)]
    late = [age for age in ages if age > timedelta(hours=1)]
    assert 0.25 < len(late) / len(ages) < 0.35
    assert max(late) > timedelta(days=3)
    assert min(ages) >= timedelta()


def test_reports_happen_as_time_goes_on() -> None:
    """At a rate, reports happen a moment before they are sent, and not all when the run began."""
    last = plan("juhe", callbacks=600, seconds_between=1.0, late=0, disordered=0, repeated=0, malformed=0)[-1]
    assert timedelta(0) <= NOON + timedelta(seconds=599) - _at(last.reports[-1]) < timedelta(seconds=60)


def test_malformed_callbacks_come_in_their_share() -> None:
    """As many callbacks are spoiled as was asked for, in every way that the provider's dialect knows."""
    for provider, dialect in DIALECTS.items():
        callbacks = plan(provider, malformed=0.25)
        spoils = Counter(callback.spoil for callback in callbacks)
        assert 0.22 < 1 - spoils.pop(None) / len(callbacks) < 0.28
        assert set(spoils) == set(dialect.spoils)
        assert not any(callback.spoil for callback in plan(provider, malformed=0))


def test_a_provider_can_be_made_to_fail() -> None:
    """The share of failed messages is what was asked for that provider, and the usual one for the others."""
    failing = {"santo": 0.6}
    assert 0.6 < _failed(_reports("santo", failing=failing)) < 0.75
    assert _failed(_reports("cloudsms", failing=failing)) < 0.15


def test_an_outage_has_a_reason() -> None:
    """Most messages of a provider that is made to fail do so for one and the same reason, which its code tells."""
    for provider in DIALECTS:
        failed = [
            report.outcome for report in _reports(provider, failing={provider: 0.6}) if report.outcome.status.failed
        ]
        [(outcome, often)] = Counter(failed).most_common(1)
        assert often > 0.7 * len(failed)
        assert outcome.reason not in {None, Reason.UNKNOWN}


def _failed(reports: list[PlannedReport]) -> float:
    finals = [report.outcome.status for report in reports if report.outcome.status.final]
    return sum(status.failed for status in finals) / len(finals)


def test_juhe_mixes_reports_and_inbound_messages_in_batches() -> None:
    """Juhe's batches have 1 to 100 items, inbound messages and unreadable items among them."""
    callbacks = plan("juhe", callbacks=3000)
    assert {1, 2, 3, 100} <= {len(callback.items) for callback in callbacks} <= set(range(1, 102))
    kinds = Counter(type(item) for callback in callbacks for item in callback.items)
    assert min(kinds[kind] for kind in (PlannedReport, PlannedInbound, PlannedReject)) > 20


def test_one_message_can_have_many_recipients() -> None:
    """Santo and CloudSMS use one id for many recipients: apart in Santo's callbacks, together in CloudSMS'."""
    for provider, together in (("santo", False), ("cloudsms", True)):
        callbacks = plan(provider)
        recipients = defaultdict(set)
        for callback in callbacks:
            for report in callback.reports:
                recipients[report.message_id].add(report.number)
        assert max(map(len, recipients.values())) > 1
        assert any(len(callback.reports) > 1 for callback in callbacks) is together


def test_some_messages_end_in_two_ways() -> None:
    """A few messages are reported delivered and failed, so that conflicts are seen."""
    ends = defaultdict(set)
    for report in _reports("cm", conflicting=0.1):
        if report.outcome.status.final:
            ends[report.message_id].add(report.outcome.status)
    conflicts = [found for found in ends.values() if len(found) > 1]
    assert 0.05 < len(conflicts) / len(ends) < 0.12
    assert all(Status.DELIVERED in found for found in conflicts)


def test_dlrhub_is_told_of_most_messages_first() -> None:
    """Most messages are submitted with the callback that first reports on them, at or before what it tells."""
    callbacks = plan("juhe", malformed=0, inbound=0, silent=0, disordered=0, late=0)
    submitted: dict[str, datetime] = {}
    told = set()
    for callback in callbacks:
        submitted |= {each.message_id: each.submitted_at for each in callback.submissions}
        for report in callback.reports:
            told.add(report.message_id)
            if report.message_id in submitted:
                assert report.occurred_at is not None
                assert submitted[report.message_id] <= report.occurred_at
    assert set(submitted) <= told
    assert 0.9 < len(submitted) / len(told) < 1


def test_some_submitted_messages_are_never_reported_on() -> None:
    """Silent messages are submitted, and no callback reports on them."""
    callbacks = plan("santo", malformed=0, silent=0.5, submitted=0)
    submitted = {each.message_id for callback in callbacks for each in callback.submissions}
    reported = {report.message_id for callback in callbacks for report in callback.reports}
    assert len(submitted) > 500
    assert not submitted & reported


def test_a_day_can_be_played() -> None:
    """With a spread, times and submissions lie evenly over the time before the start, but Santo's just before it."""
    day = timedelta(days=1)
    schedule = Schedule(run=RUN, started_at=NOON, callbacks=2000, spread=day)
    traffic = Traffic([DIALECTS["cm"], DIALECTS["santo"]], Mix(late=0, malformed=0), schedule, 1)
    planned = list(traffic)
    at = [report.occurred_at for callback in planned for report in callback.reports if report.occurred_at]
    assert min(at) < NOON - day * 0.95
    assert max(at) > NOON - day * 0.05
    assert 0.4 < sum(each < NOON - day / 2 for each in at) / len(at) < 0.6
    sent = [each for callback in planned for each in callback.submissions]
    assert all(each.submitted_at > NOON - timedelta(hours=2) for each in sent if each.provider == "santo")
    assert min(each.submitted_at for each in sent if each.provider == "cm") < NOON - day * 0.95
