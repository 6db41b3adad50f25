"""A fixture: dlrhub and a Prometheus that scrapes it, while simulated providers post and most of one's messages fail."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from os import environ

import pytest

from tests.deploy.alerts.live import Prometheus
from tests.program.running import Program

FAILING = "juhe"
_TOKEN = "t0ken"


@dataclass(frozen=True)
class Watched:
    """A running dlrhub, the Prometheus that scrapes it, and when the traffic began (seconds since 1970)."""

    program: Program
    prometheus: Prometheus
    began_at: float


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Run dlrhub and Prometheus for a minute of traffic in which nine in ten of Juhe's messages fail."""
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed")
    folder = tmp_path_factory.mktemp("watched")
    program = Program(folder, settings={"DLRHUB_ADMIN__TOKEN": _TOKEN})
    with program, Prometheus(folder / "prometheus", f"127.0.0.1:{program.admin}", _TOKEN) as prometheus:
        options = (f"--fail={FAILING}=0.9", "--rate=50", "--count=2500", "--malformed=0.02", "--concurrency=4")
        began_at = time.time()
        simulating = subprocess.Popen(
            [sys.executable, "-m", "ingest", "simulate", *options],
            cwd=folder,
            env={**environ, **program.environment},
            stdout=subprocess.DEVNULL,
        )
        try:
            yield Watched(program, prometheus, began_at)
        finally:
            simulating.kill()
            simulating.wait(10)
