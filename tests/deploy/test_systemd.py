"""The units in `deploy/systemd/` are valid and hardened."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.files import DEPLOY, assert_is_a_command

_ALONE = DEPLOY / "systemd" / "dlrhub.service"
_PART = DEPLOY / "systemd" / "dlrhub@.service"
#: systemd's scale goes from 0 (sandboxed) to 100 (exposed).
_MOST_EXPOSED = 15


@pytest.fixture(params=["dlrhub.service", "dlrhub@ingest.service", "dlrhub@drain.service", "dlrhub@poll.service"])
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a unit as it would be installed, with an existing program in it."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    name: str = request.param
    source = _PART if "@" in name else _ALONE
    installed = tmp_path / name
    installed.write_text(source.read_text().replace("/opt/dlrhub/bin/dlrhub", "/bin/true"))
    return installed


def test_units_are_valid(unit: Path) -> None:
    """`systemd-analyze verify` finds nothing wrong."""
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_units_are_hardened(unit: Path) -> None:
    """`systemd-analyze security` calls the exposure low."""
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={_MOST_EXPOSED}", str(unit)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("part", ["run", "ingest", "drain", "poll"])
def test_units_run_a_command(part: str) -> None:
    """A unit starts a command that dlrhub has."""
    source = _ALONE if part == "run" else _PART
    [line] = re.findall("^ExecStart=/opt/dlrhub/bin/dlrhub (.+)$", source.read_text(), re.MULTILINE)
    assert_is_a_command(line.replace("%i", part).split())


def test_both_units_are_hardened_alike() -> None:
    """Both units have the same sandbox."""
    assert _PART.read_text().split("\n\n")[2:] == _ALONE.read_text().split("\n\n")[2:]
