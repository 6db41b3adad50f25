"""Starting and stopping the program, and its messages."""

import signal
from pathlib import Path

import pytest

from tests.program.running import Program


@pytest.mark.parametrize("listener", ["RECEIVER", "ADMIN", "QUERY"])
def test_a_second_program_with_the_same_address_does_not_start(tmp_path: Path, listener: str) -> None:
    """If an address is in use, dlrhub ends with status 78 and one line that names the setting."""
    variable = f"DLRHUB_{listener}__LISTEN"
    with Program(tmp_path / "one") as first:
        address = first.environment[variable]
        done = Program(tmp_path / "other", settings={variable: address}).execute("run")
    assert done.returncode == 78
    [line] = (done.stdout + done.stderr).splitlines()
    assert line.startswith(f"dlrhub: {listener.lower()}.listen = {address}: another program listens")


def test_an_interrupted_program_logs_that_it_stops(tmp_path: Path) -> None:
    """After Ctrl-C dlrhub logs that it is stopping and that it has stopped, and exits with 0."""
    with Program(tmp_path) as program:
        assert program.process is not None
        program.process.send_signal(signal.SIGINT)
        assert program.process.wait(15) == 0
    log = program.log.read_text()
    assert log.index('"dlrhub is ready"') < log.index('"signal": "SIGINT"') < log.index('"dlrhub has stopped"')
    assert f'"status_page": "http://127.0.0.1:{program.admin}/"' in log


def test_check_fails_if_a_start_would(tmp_path: Path) -> None:
    """`dlrhub check` exits with 0 before a start, and with 1 while another dlrhub uses the addresses and the data."""
    program = Program(tmp_path)
    assert "will be made" in program.call("check")
    with program:
        done = program.execute("check")
    assert done.returncode == 1
    assert done.stderr == ""
    assert done.stdout.count("another program listens there") == 3
    assert "another dlrhub works in it" in done.stdout
