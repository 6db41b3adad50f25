"""Builds a provider's package, installs it into a folder, and runs its tests."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def install(package: Path, into: Path) -> dict[str, str]:
    """Build a package, install it into a folder, and return an environment in which Python finds both."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(into.parent)]
    subprocess.run(build, cwd=package, check=True, capture_output=True)
    for wheel in into.parent.glob("*.whl"):  # unpacking installs a wheel of pure Python
        with zipfile.ZipFile(wheel) as files:
            files.extractall(into)
        wheel.unlink()
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(into), str(ROOT)])}


def run(environment: dict[str, str], *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a module of Python with arguments, for at most five minutes."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def run_tests(environment: dict[str, str], package: Path) -> subprocess.CompletedProcess[str]:
    """Run a package's own tests, with warnings as errors."""
    options = ("-q", "-W", "error", "-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function")
    return run(environment, "pytest", *options, "tests", cwd=package)
