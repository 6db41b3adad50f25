"""The locked requirements fit pyproject.toml, and name no registry."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.files import DEPLOY, ROOT

_WHOLE = ROOT / "requirements.lock"
_SLIM = DEPLOY / "requirements.lock"
_EMBEDDED = DEPLOY / "requirements-embedded.lock"


def pins(path: Path) -> set[tuple[str, str]]:
    """Return name and version of each dependency in a lock."""
    return set(re.findall(r"^([a-z0-9-]+)==(\S+)", path.read_text(), re.MULTILINE))


def _asked_for(*, embedded: bool, dev: bool) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lines = list(project["project"]["dependencies"])
    lines += project["project"]["optional-dependencies"]["embedded"] if embedded else []
    lines += project["dependency-groups"]["dev"] if dev else []
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize(
    ("lock", "embedded", "dev"), [(_WHOLE, True, True), (_SLIM, False, False), (_EMBEDDED, True, False)]
)
def test_locks_fit_the_project(lock: Path, *, embedded: bool, dev: bool) -> None:
    """Each dependency is locked at a version that pyproject.toml allows; `.ci/lock` writes the locks."""
    locked = pins(lock)
    for asked in _asked_for(embedded=embedded, dev=dev):
        assert [v for name, v in locked if name == canonicalize_name(asked.name) and v in asked.specifier], str(asked)


def test_images_install_the_tested_packages() -> None:
    """The locks of the images are subsets of the lock that the tests run with."""
    assert pins(_SLIM) < pins(_EMBEDDED) < pins(_WHOLE)


@pytest.mark.parametrize("lock", [_WHOLE, _SLIM, _EMBEDDED])
def test_locks_name_no_registry(lock: Path) -> None:
    """A lock has names, versions and hashes, and no addresses."""
    assert not re.search(r"://|--(index|extra-index|find-links)|@ file", lock.read_text())
