"""Set-up of the test run: shared fixtures, no leaked secrets, and no skipped test in CI."""

import os
from collections.abc import Iterator

import hypothesis
import pytest

from tests.leaks import search

# Examples have no deadline, because other work on the machine may slow them down.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

pytest_plugins = [
    "tests.deploy.alerts.fixtures",
    "tests.sinks.kafka.fixtures",
    "tests.sinks.clickhouse.fixtures",
    "tests.sinks.streams.fixtures",
]


#: The folders with the slowest files, which are run first, so that all workers end at about the same time.
_LONGEST = ("tests/program/", "tests/faults/", "tests/sinks/kafka/", "tests/deploy/", "tests/sinks/")


def pytest_xdist_auto_num_workers() -> int:
    """Run one more worker than there are processors, because tests often wait for other processes."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slowest files first."""
    items.sort(key=lambda item: next((n for n, folder in enumerate(_LONGEST) if item.nodeid.startswith(folder)), 9))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test with the marker `external("VARIABLE")` unless that environment variable is set."""
    for marker in item.iter_markers("external"):
        if marker.args[0] not in os.environ:
            pytest.skip(f"{marker.args[0]} names no server")


_leaks = pytest.StashKey[list[str]]()


class _Printed:
    """A plugin that keeps the tests' output."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the output of one test."""
        if report.when == "teardown":
            self.texts += [(report.nodeid, text) for _, text in report.sections]


def pytest_configure(config: pytest.Config) -> None:
    """Keep the tests' output, which is searched for secrets and phone numbers."""
    config.pluginmanager.register(_Printed(), "printed")


@pytest.hookimpl(tryfirst=True)  # before pytest removes the folders of the tests
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if a secret or a number was printed or stored, or, in CI, if a test was skipped."""
    config = session.config
    printed: _Printed | None = config.pluginmanager.getplugin("printed")
    factory = getattr(config, "_tmp_path_factory", None)
    if factory is not None and printed is not None and not hasattr(config, "workerinput"):  # pytest-xdist's controller
        config.stash[_leaks] = search(factory.getbasetemp(), printed.texts)
    if (config.stash.get(_leaks, []) or any(_forbidden_skips(config))) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name leaked secrets and numbers, and in CI skipped tests."""
    for leak in config.stash.get(_leaks, []):
        terminalreporter.write_line(f"LEAKED: {leak}", red=True)
    for report in _forbidden_skips(config):
        terminalreporter.write_line(f"SKIPPED IN CI: {report.nodeid}", red=True)


def _forbidden_skips(config: pytest.Config) -> Iterator[pytest.TestReport | pytest.CollectReport]:
    reporter: pytest.TerminalReporter | None = config.pluginmanager.getplugin("terminalreporter")
    if "CI" in os.environ and reporter is not None:  # only pytest-xdist's controller has one
        skipped = reporter.stats.get("skipped", [])
        yield from (report for report in skipped if "external" not in getattr(report, "keywords", ()))
