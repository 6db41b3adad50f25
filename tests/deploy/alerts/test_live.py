"""A real Prometheus evaluates the rules on a running dlrhub."""

from collections.abc import Sequence
from typing import Any

from tests.deploy.alerts.fixtures import FAILING, Watched
from tests.waiting import until


async def test_prometheus_sees_a_provider_fail(watched: Watched) -> None:
    """While one provider's messages fail, Prometheus' API shows the alert firing for that provider alone."""
    await until(lambda: bool(watched.prometheus.firing("DlrFailuresSurge")), seconds=60)
    [alert] = watched.prometheus.firing("DlrFailuresSurge")
    assert alert["labels"]["provider"] == FAILING
    assert alert["annotations"]["summary"].startswith(f"{FAILING}/default: ")
    assert alert["annotations"]["runbook_url"] == "https://runbook.example/operating.md#dlrfailuressurge"
    assert watched.prometheus.firing("DlrhubAbsent") == []


async def test_prometheus_evaluates_every_rule(watched: Watched) -> None:
    """On real series no rule has an error, which the invented series of a unit test could hide."""
    await until(lambda: all(rule["health"] != "unknown" for rule in evaluated(watched)))
    assert [rule["lastError"] for rule in evaluated(watched) if rule["health"] == "err"] == []


def evaluated(watched: Watched) -> Sequence[dict[str, Any]]:
    """Return the rules with their state in Prometheus."""
    return [rule for group in watched.prometheus.ask("rules")["groups"] for rule in group["rules"]]
