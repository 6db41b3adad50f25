"""Rules for every test: fixtures that all may use, and that nothing is skipped in CI."""

import os
from collections.abc import Iterator

import pytest

pytest_plugins = [
    "tests.deploy.alerts.fixtures",
    "tests.sinks.kafka.fixtures",
    "tests.sinks.clickhouse.fixtures",
    "tests.sinks.streams.fixtures",
]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test of `external("VARIABLE")` where that environment variable names no server."""
    for marker in item.iter_markers("external"):
        if marker.args[0] not in os.environ:
            pytest.skip(f"{marker.args[0]} names no server")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI, fail where a test was skipped."""
    if any(_forbidden_skips(session.config)) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """In CI, name what was skipped."""
    for report in _forbidden_skips(config):
        terminalreporter.write_line(f"SKIPPED IN CI: {report.nodeid}", red=True)


def _forbidden_skips(config: pytest.Config) -> Iterator[pytest.TestReport | pytest.CollectReport]:
    reporter: pytest.TerminalReporter | None = config.pluginmanager.getplugin("terminalreporter")
    if "CI" in os.environ and reporter is not None:  # workers of pytest-xdist have none, and report to the one that has
        skipped = reporter.stats.get("skipped", [])
        yield from (report for report in skipped if "external" not in getattr(report, "keywords", ()))
