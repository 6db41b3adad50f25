"""The alert rules are valid, tested and described in the runbook."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.alerts.rules import PROMETHEUS, ROOT, RULES, UNIT_TESTS, alerts, exposed_names, rules, used_names

RUNBOOK = ROOT / "deploy" / "docs" / "operating.md"

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def promtool(*arguments: str | Path) -> None:
    """Run promtool, and fail if it finds a fault."""
    command = ["promtool", *map(str, arguments)]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=250, check=False
    )
    assert done.returncode == 0, done.stdout


def unit_tests() -> dict[str, Sequence[Any]]:
    """Return each unit test's expected samples, in the order of time, by its name."""
    tests = [test for path in UNIT_TESTS for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]]
    return {test["name"]: test["promql_expr_test"] for test in tests}


@needs_promtool
def test_rules_and_configuration_are_valid() -> None:
    """Promtool finds no fault in the rules and the configuration."""
    promtool("check", "rules", *RULES)
    promtool("check", "config", "--syntax-only", PROMETHEUS / "prometheus.yml")


@needs_promtool
@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_rules_do_what_their_unit_tests_say(path: Path) -> None:
    """On invented series, each rule fires, clears and stays quiet when it should."""
    promtool("test", "rules", path)


@pytest.mark.parametrize("name", alerts())
def test_every_alert_is_shown_to_fire_to_clear_and_to_stay_quiet(name: str) -> None:
    """Each alert has a unit test in which it fires and clears, and one in which it never fires."""
    tests = unit_tests()
    course, quiet = tests[f"{name} fires and clears"], tests[f"{name} is quiet at low volume"]
    shown = [step for step in course if f'"{name}"' in step["expr"] or step.get("exp_samples")]
    assert [bool(step.get("exp_samples")) for step in (shown[0], shown[-1])] == [False, False]
    assert any(f'alertname="{name}", alertstate="firing"' in str(step.get("exp_samples")) for step in shown)
    assert all(f'"{name}"' in step["expr"] and not step.get("exp_samples") for step in quiet)


def test_rules_use_existing_series() -> None:
    """Every series in a rule is exposed by dlrhub or recorded by another rule, and every recorded one is used."""
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    used = set().union(*(used_names(rule["expr"]) for rule in rules()))
    assert used - exposed_names() == recorded


@pytest.mark.parametrize(("name", "rule"), alerts().items())
def test_every_alert_says_what_to_do(name: str, rule: dict[str, Any]) -> None:
    """Each alert has a severity, a summary, a description, and a section in the runbook."""
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    setting = "{{ with $externalLabels.runbook }}{{ . }}#" + name.lower() + "{{ end }}"
    assert rule["annotations"]["runbook_url"] == setting
    assert f"### {name}\n" in RUNBOOK.read_text(encoding="utf-8")


def test_the_runbooks_address_is_a_setting() -> None:
    """The address of the runbook in the alerts comes from one environment variable, which compose sets."""
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
    assert config["global"]["external_labels"] == {"runbook": "${RUNBOOK_URL}"}
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))
    assert "RUNBOOK_URL" in compose["services"]["prometheus"]["environment"]


def test_the_runbook_names_existing_parts() -> None:
    """The commands of the runbook name services and workloads of the compose file and the manifests."""
    runbook = RUNBOOK.read_text(encoding="utf-8")
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))
    services = re.findall(r"docker compose (?:exec(?: -T)?|run --rm|logs|restart) ([\w-]+)", runbook)
    assert services
    assert set(services) <= set(compose["services"])
    manifests = [*(ROOT / "deploy" / "kubernetes").glob("*.yaml")]
    documents = [each for path in manifests for each in yaml.safe_load_all(path.read_text(encoding="utf-8"))]
    there = {
        f"{each['kind'].lower()}/{each['metadata']['name']}"
        for each in documents
        if "kind" in each and "metadata" in each
    }
    workloads = re.findall(r"\b((?:deployment|statefulset)/[\w-]+)", runbook)
    assert workloads
    assert set(workloads) <= there


def test_the_runbook_has_no_other_alerts() -> None:
    """The sections of the runbook are the alerts, in the same order."""
    runbook = RUNBOOK.read_text(encoding="utf-8").partition("\n## Runbook\n")[2]
    headings = re.findall(r"^### (\w+)$", runbook.partition("\n## ")[0], flags=re.MULTILINE)
    assert headings == list(alerts())
