"""The Dockerfile is valid, and the wheel has every file of the program and no others."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.deploy.files import DEPLOY, ROOT

_DOCKERFILE = DEPLOY / "Dockerfile"
_PACKAGES = ("ingest", "normalizers", "sinks")


def test_the_dockerfile_is_clean() -> None:
    """Hadolint reports nothing."""
    hadolint = shutil.which("hadolint", path=Path(sys.executable).parent)
    if hadolint is None:
        pytest.skip("hadolint is not made for this system")
    done = subprocess.run([hadolint, str(_DOCKERFILE)], stdout=subprocess.PIPE, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


def test_every_copied_file_exists() -> None:
    """Every file that the Dockerfile copies exists, and is not excluded by .dockerignore."""
    sources = [
        source
        for line in re.findall(r"^COPY (?!--)(.+) \S+$", _DOCKERFILE.read_text(), re.MULTILINE)
        for source in line.split()
    ]
    let_through = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert sources
    for source in sources:
        assert list(ROOT.glob(source)), source
        assert f"!{source}" in let_through


def test_the_wheel_holds_every_file(tmp_path: Path) -> None:
    """The installed package has every file of the three packages, migrations and pages included."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    [wheel] = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    files = {
        str(path.relative_to(ROOT))
        for package in _PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files - held == set()
    assert not [
        name
        for name in held
        if not name.startswith(tuple(f"{package}/" for package in _PACKAGES)) and "dist-info" not in name
    ]
