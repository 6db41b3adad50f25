"""How the program starts, or says why it does not."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.program.running import Program


def run(folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run `dlrhub run`, which has to end by itself; return its exit status and what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "ingest", "run"],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("listener", ["RECEIVER", "ADMIN", "QUERY"])
def test_a_second_hub_with_an_address_of_the_first_does_not_start(tmp_path: Path, listener: str) -> None:
    """If an address is in use, dlrhub ends with status 78 and one line that names the setting."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    variable = f"DLRHUB_{listener}__LISTEN"
    with Program(tmp_path / "one") as first:
        environment = {**Program(tmp_path / "other").environment, variable: first.environment[variable]}
        status, said = run(tmp_path / "other", environment)
    assert status == 78
    [line] = said.splitlines()
    assert line.startswith(
        f"dlrhub: {listener.lower()}.listen = {first.environment[variable]}: another program listens"
    )


def test_an_interrupted_hub_says_what_it_does(tmp_path: Path) -> None:
    """Ctrl-C is answered with a line when dlrhub begins to stop and one when it has stopped; it exits with 0."""
    with ExitStack() as running:
        program = running.enter_context(Program(tmp_path))
        assert program.process is not None
        program.process.send_signal(signal.SIGINT)
        assert program.process.wait(15) == 0
    log = program.log.read_text()
    assert log.index('"dlrhub is ready"') < log.index('"signal": "SIGINT"') < log.index('"dlrhub has stopped"')
    assert f'"status_page": "http://127.0.0.1:{program.admin}/"' in log


def test_check_fails_where_the_start_would(tmp_path: Path) -> None:
    """`dlrhub check` exits with 0 before a start, and with 1 while a dlrhub has the addresses and the data."""
    program = Program(tmp_path)
    assert "will be made" in program.call("check")
    with program:
        done = subprocess.run(
            [sys.executable, "-m", "ingest", "check"],
            cwd=tmp_path,
            env={**os.environ, **program.environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == ""
    assert done.stdout.count("another program listens there") == 3
    assert "another dlrhub works in it" in done.stdout
