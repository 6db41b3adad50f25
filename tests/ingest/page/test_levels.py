"""The page judges an account as the alert rules do."""

import re
from pathlib import Path

import pytest
import yaml

from ingest.page import levels
from ingest.page.levels import Counts, Level, judge, usual

_RULES = Path(__file__).parents[3] / "deploy" / "prometheus" / "rules" / "providers.yml"


def _expression(alert: str) -> str:
    rules = [rule for group in yaml.safe_load(_RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]
    [found] = [rule["expr"] for rule in rules if rule.get("alert") == alert]
    return str(found)


@pytest.mark.parametrize(
    ("alert", "pattern", "numbers"),
    [
        ("DlrFailuresSurge", r"share15m > ([\d.]+) .*>= (\d+)\).*<= ([\d.]+) \*", levels.SURGE),
        ("DlrFailuresRaised", r"share2h > ([\d.]+) .*>= (\d+)\).*<= ([\d.]+) \*", levels.RAISED),
        ("DlrProviderSilent", r"< ([\d.]+) \* .*>= (\d+)\)", levels.SILENT[:2]),
        ("DlrUnmappedCodes", r">= (\d+)", (levels.LEAST_UNMAPPED,)),
        (
            "DlrDeadLetters",
            r">= (\d+).*> ([\d.]+) \*",
            (levels.DEAD_LETTERS.least, levels.DEAD_LETTERS.share),
        ),
    ],
)
def test_thresholds_are_those_of_the_alerts(alert: str, pattern: str, numbers: tuple[float, ...]) -> None:
    """Page and alerts have the same thresholds, least volumes, and measure of what is usual."""
    found = re.search(pattern, _expression(alert), re.DOTALL)
    assert found is not None
    assert tuple(map(float, found.groups())) == numbers


@pytest.mark.parametrize(
    ("counts", "level"),
    [
        (Counts(), Level.QUIET),
        (Counts(reports=100, finals=100, failures=5), Level.OK),
        (Counts(reports=100, finals=100, failures=31), Level.FAILING),
        (
            Counts(reports=9000, finals=9000, failures=90, newest_finals=50, newest_failures=40),
            Level.FAILING,
        ),
        (Counts(reports=9000, finals=9000, newest_finals=49, newest_failures=49), Level.OK),
        (Counts(reports=49, finals=49, failures=49), Level.FEW),
        (Counts(reports=100, finals=100, failures=20), Level.FEW),
        (Counts(reports=200, finals=200, failures=21), Level.RAISED),
        (
            Counts(reports=200, finals=200, failures=80, past_finals=1000, past_failures=400),
            Level.USUAL,
        ),
        (
            Counts(reports=200, finals=200, failures=80, past_finals=1000, past_failures=10),
            Level.FAILING,
        ),
        (Counts(reports=200, finals=200, failures=80, past_finals=199, past_failures=199), Level.FAILING),
        (Counts(reports=1, finals=1, usual_reports=40), Level.SILENT),
        (Counts(usual_reports=29), Level.QUIET),
        (Counts(reports=1000, finals=1000, unmapped=10), Level.UNMAPPED),
        (Counts(reports=1000, finals=1000, unmapped=9), Level.OK),
        (Counts(reports=100, finals=100, dead_letters=10), Level.UNREADABLE),
        (Counts(reports=10_000, finals=100, dead_letters=10), Level.OK),
        (Counts(reports=10_000, finals=100, dead_letters=1, parser_errors=1), Level.UNREADABLE),
    ],
)
def test_an_account_is_judged(counts: Counts, level: Level) -> None:
    """Too few reports, or as many failures as usual, are not called failing; the worst level is first."""
    assert judge(counts)[0] is level


def test_all_that_is_wrong_is_said() -> None:
    """An account can have several levels at once; the worst is first."""
    counts = Counts(reports=100, finals=100, failures=50, dead_letters=10, unmapped=10)
    assert judge(counts) == [Level.FAILING, Level.UNREADABLE, Level.UNMAPPED]


def test_nothing_is_usual_where_there_was_nothing_a_week_ago() -> None:
    """A provider may keep quiet at weekends."""
    assert usual([100, 100, 100, 0], 3600, 0) == 0
    assert usual([100, 0, 100, 100], 3600, 0) == 100
    assert usual([0], 7 * 86_400, 500) == 500
