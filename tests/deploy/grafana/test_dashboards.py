"""Every query of the dashboards works on a running dlrhub with traffic, and every metric is watched."""

import json
from pathlib import Path

import pytest
import yaml

from tests.deploy.alerts.fixtures import Watched
from tests.deploy.alerts.rules import exposed_names, rules, used_names
from tests.deploy.grafana.dashboards import (
    DASHBOARDS,
    GRAFANA,
    Query,
    as_sent_to_clickhouse,
    as_sent_to_prometheus,
    panels,
    promql,
    sql,
)
from tests.waiting import until

#: Queries cover this long from the beginning of the traffic, which may have ended when a test runs.
_TRAFFIC_SECONDS = 120
#: Panels without data here: there is no Kafka, no poll, no submission and no fault.
_EMPTY = {
    "Failed and refused A", "Failed and refused B", "Failed and refused C", "Age of the spill A", "Waiting B",
    "Requests by outcome A", "Behind A", "Balance A", "Copies and oddities B", "Refused before authentication A",
    "Time to deliver", "Countries that return reports", "Missing reports", "Submissions",
}  # fmt: skip


@pytest.mark.parametrize("query", promql(), ids=str)
async def test_promql_runs_and_finds_series(watched: Watched, query: Query) -> None:
    """Prometheus answers every PromQL query of the dashboards, with series if there was such traffic."""
    expression = as_sent_to_prometheus(query.text)

    def found() -> bool:
        since, until = watched.began_at, watched.began_at + _TRAFFIC_SECONDS
        return bool(watched.prometheus.ask("query_range", query=expression, start=since, end=until, step=1)["result"])

    if query.panel in _EMPTY:
        found()
    else:
        await until(found, seconds=40)


@pytest.mark.parametrize("query", sql(), ids=str)
async def test_sql_runs_and_finds_rows(watched: Watched, query: Query) -> None:
    """The store answers every SQL query of the dashboards, with rows if there was such traffic."""
    statement = as_sent_to_clickhouse(query.text)
    if query.panel in _EMPTY:
        watched.program.ask(statement)
    else:
        await until(lambda: bool(watched.program.ask(statement)), seconds=40)


def test_every_series_is_watched() -> None:
    """Every metric of dlrhub is on a dashboard or in an alert rule, and the dashboards use no others."""
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    shown = set().union(*(used_names(query.text) for query in promql()))
    assert shown <= exposed_names() | recorded
    watched = shown.union(*(used_names(rule["expr"]) for rule in rules()))
    stems = {name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for name in watched}
    assert {name for name in exposed_names() if not name.endswith(("_bucket", "_sum", "_count"))} <= watched
    assert {name.removesuffix("_bucket") for name in exposed_names() if name.endswith("_bucket")} <= stems


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_do_not_overlap(path: Path) -> None:
    """Panels do not overlap, stay within Grafana's 24 columns, and have unique ids."""
    dashboard = json.loads(path.read_text(encoding="utf-8"))
    cells: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        rows, columns = range(place["y"], place["y"] + place["h"]), range(place["x"], place["x"] + place["w"])
        own = {(y, x) for y in rows for x in columns}
        assert columns.stop <= 24
        assert not own & cells, panel["title"]
        cells |= own
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)


def test_dashboards_use_provisioned_sources() -> None:
    """Every panel queries a provisioned data source of its type, and compose mounts the dashboards at Grafana's path."""
    [file] = (GRAFANA / "provisioning" / "datasources").glob("*.yml")
    sources = {source["uid"]: source["type"] for source in yaml.safe_load(file.read_text())["datasources"]}
    for panel in panels():
        assert sources[panel["datasource"]["uid"]] == panel["datasource"]["type"], panel["title"]
    [file] = (GRAFANA / "provisioning" / "dashboards").glob("*.yml")
    [provider] = yaml.safe_load(file.read_text())["providers"]
    compose = (GRAFANA.parent / "compose.yaml").read_text(encoding="utf-8")
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in compose
