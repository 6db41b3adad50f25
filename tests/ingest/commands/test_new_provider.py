"""The package that `dlrhub new-provider` writes."""

from pathlib import Path

import pytest

from ingest.commands.new_provider import write_provider
from ingest.commands.usage import UsageError
from normalizers import PROVIDERS
from tests.packages import install, run_tests


def test_a_new_provider_keeps_the_contract_at_once(tmp_path: Path) -> None:
    """The files of a new provider can be installed and tested as they are written, outside of the repository."""
    package = write_provider("acme_sms", tmp_path)
    assert package == tmp_path / "dlrhub-acme_sms"
    files = {path.relative_to(package) for path in package.rglob("*") if path.is_file()}
    assert {Path("dlrhub_acme_sms/__init__.py"), Path("tests/codes/acme_sms.csv"), Path("README.md")} <= files
    assert not any(
        "$" in path.read_text("utf-8").replace('"$"', "").replace('"$.', "") for path in package.rglob("*.py")
    )
    tested = run_tests(install(package, tmp_path / "build" / "site"), package)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize("name", ["", "Acme", "1st", "a-b", "a/b", "../a", "x" * 40])
def test_a_name_that_is_no_module_is_refused(name: str, tmp_path: Path) -> None:
    """A provider's name is part of a URL and of a module's name, so that only some characters can be used."""
    with pytest.raises(UsageError, match="lower-case letters, digits and underscores"):
        write_provider(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """The command refuses the name of a known provider, and a folder that exists already."""
    for name in PROVIDERS:
        with pytest.raises(UsageError, match=f"there is a provider {name} already"):
            write_provider(name, tmp_path)
    write_provider("acme", tmp_path)
    with pytest.raises(UsageError, match="exists already"):
        write_provider("acme", tmp_path)
