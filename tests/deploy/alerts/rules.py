"""The alert rules, their unit tests, and the names of series in PromQL."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ingest.metrics import catalogue
from ingest.metrics.series import Counter, Histogram

ROOT = Path(__file__).parents[3]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
UNIT_TESTS = sorted(Path(__file__).parent.glob("*.yml"))


def rules() -> Iterator[Mapping[str, Any]]:
    """Yield every rule, alerts and records."""
    for path in RULES:
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            yield from group["rules"]


def alerts() -> dict[str, Mapping[str, Any]]:
    """Return the alerts by name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def exposed_names() -> set[str]:
    """Return the names of all series that dlrhub exposes."""
    names: set[str] = set()
    for metric in catalogue.ALL:
        if isinstance(metric, Histogram):
            names |= {f"{metric.name}_{part}" for part in ("bucket", "sum", "count")}
        else:
            names.add(f"{metric.name}_total" if isinstance(metric, Counter) else metric.name)
    return names


def used_names(expression: str) -> set[str]:
    """Return the names of dlrhub's series in an expression, recorded ones included."""
    return set(re.findall(r"\bdlr_\w+|\b\w+:\w+:\w+", re.sub(r'"[^"]*"', "", expression)))
