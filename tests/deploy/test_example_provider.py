"""The example of a provider in a package of its own works in an installed dlrhub."""

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
    """The installed example passes its own tests, which include the contract of every provider."""
    tested = run_tests(environment, package)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_an_installed_provider_is_known(package: Path, environment: dict[str, str]) -> None:
    """The program shows an installed provider's codes, and checks the keys in its settings."""
    shown = run(environment, "ingest", "codes", "twilio", "--format", "csv", cwd=package.parent)
    assert "twilio,,error,30007,,content_rejected,permanent,Message filtered" in shown.stdout
    settings = package.parent / "dlrhub.toml"
    settings.write_text('[[accounts]]\nprovider = "twilio"\nkeys = { token = "x" }\n')
    refused = run(environment, "ingest", "codes", "twilio", cwd=package.parent)
    assert refused.returncode == 78
    assert "twilio has no such key; it has auth_token" in refused.stderr
    settings.unlink()


def test_a_package_that_can_not_be_used_is_named(package: Path, environment: dict[str, str]) -> None:
    """Two packages with the same provider stop the program with a line that names the provider."""
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
