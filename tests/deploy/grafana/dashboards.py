"""The dashboards of `deploy/grafana`, and their queries as Grafana sends them."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GRAFANA = Path(__file__).parents[3] / "deploy" / "grafana"
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
_SECONDS_SHOWN = 6 * 3600


@dataclass(frozen=True)
class Query:
    """One query of a panel, or of a variable."""

    panel: str
    text: str

    def __str__(self) -> str:
        """Return a test's id."""
        return self.panel


def panels() -> Iterator[Mapping[str, Any]]:
    """Yield every panel but the rows."""
    for path in DASHBOARDS:
        dashboard = json.loads(path.read_text(encoding="utf-8"))
        yield from (panel for panel in dashboard["panels"] if panel["type"] != "row")


def promql() -> list[Query]:
    """Return the PromQL of all panels."""
    return [
        Query(f"{panel['title']} {target['refId']}", target["expr"])
        for panel in panels()
        for target in panel["targets"]
        if "expr" in target
    ]


def sql() -> list[Query]:
    """Return the SQL of all panels and variables."""
    return [
        Query(panel["title"], target["rawSql"])
        for panel in panels()
        for target in panel["targets"]
        if "rawSql" in target
    ] + [
        Query(f"variable {variable['name']}", variable["query"])
        for path in DASHBOARDS
        for variable in json.loads(path.read_text(encoding="utf-8"))["templating"]["list"]
        if variable["datasource"]["uid"] == "clickhouse"
    ]


def as_sent_to_prometheus(text: str) -> str:
    """Replace Grafana's variables, with every provider and account chosen."""
    values = {"$provider": ".*", "$account": ".*", "$__rate_interval": "10s"}
    return _replaced(text, values)


def as_sent_to_clickhouse(text: str) -> str:
    """Replace the plugin's macros as its pkg/macros/macros.go does, and the variables, with all values chosen."""
    until = int(time.time()) + 60
    since = until - _SECONDS_SHOWN
    text = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 >= toDateTime({since}) AND \1 <= toDateTime({until})", text)
    text = re.sub(r"\$__timeInterval\((\w+)\)", r"toStartOfInterval(toDateTime(\1), INTERVAL 60 second)", text)
    values = {
        "${provider:singlequote}": "'cm','juhe','santo','cloudsms'",
        "${account:singlequote}": "'default'",
    }
    return _replaced(text, values)


def _replaced(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    assert "$" not in text, f"unknown macro: {text}"
    return text
