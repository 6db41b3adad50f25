"""A provider that comes as a package is served and tested like one of this repository, which does not know of it."""

import shutil
from pathlib import Path

import pytest

from tests.packages import ROOT, install, run, run_tests


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the example out of the repository."""
    folder = tmp_path_factory.mktemp("twilio") / "package"
    shutil.copytree(ROOT / "deploy" / "example-provider", folder)
    return folder


@pytest.fixture(scope="module")
def environment(package: Path) -> dict[str, str]:
    """Install it."""
    return install(package, package.parent / "site")


def test_the_example_keeps_the_contract(package: Path, environment: dict[str, str]) -> None:
    """The example's own tests, the contract of every provider among them, pass where it is installed."""
    tested = run_tests(environment, package)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_an_installed_provider_is_one_of_the_program_s(package: Path, environment: dict[str, str]) -> None:
    """An installed provider has its codes shown, its settings read, and a wrong key of it refused."""
    shown = run(environment, "ingest", "codes", "twilio", "--format", "csv", cwd=package.parent)
    assert "twilio,,error,30007,,content_rejected,permanent,Message filtered" in shown.stdout
    settings = package.parent / "dlrhub.toml"
    settings.write_text('[[accounts]]\nprovider = "twilio"\nkeys = { token = "x" }\n')
    refused = run(environment, "ingest", "codes", "twilio", cwd=package.parent)
    assert refused.returncode == 78
    assert "twilio has no such key; it has auth_token" in refused.stderr
    settings.unlink()


def test_a_package_that_can_not_be_used_is_named(package: Path, environment: dict[str, str]) -> None:
    """A package that brings a provider that there is already stops the program in one line that names the package."""
    second = package.parent / "second"
    shutil.copytree(package, second)
    project = second / "pyproject.toml"
    project.write_text(project.read_text("utf-8").replace('name = "dlrhub-twilio"', 'name = "another-twilio"'))
    both = install(second, package.parent / "second-site")
    paths = {**both, "PYTHONPATH": both["PYTHONPATH"] + ":" + environment["PYTHONPATH"]}
    refused = run(paths, "ingest", "codes", "twilio", cwd=package.parent)
    assert refused.returncode == 78
    assert "there is another provider twilio" in refused.stderr
    assert "Traceback" not in refused.stderr
