"""The page's JavaScript agrees with the Python behind it: ranges, levels and thresholds; and CI lints it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ingest.page import levels
from ingest.page.levels import Level
from ingest.page.queries import RANGES
from normalizers.model import Persistence

_ROOT = Path(__file__).parents[3]
_STATIC = _ROOT / "ingest" / "page" / "static"
_TOOLS = _ROOT / ".ci" / "javascript"


def _object(file: str, name: str) -> dict[str, str]:
    """Return the entries of an object that a module declares, each with its value as it is written."""
    text = (_STATIC / file).read_text(encoding="utf-8")
    found = re.search(rf"^(?:export )?const {name} = \{{(.*?)\}};$", text, re.DOTALL | re.MULTILINE)
    assert found is not None, name
    entries = re.findall(r'"?(\w+)"?: (\[.*?\]|"[^"]*")(?:,|\s*$)', found[1], re.DOTALL)
    return dict(entries)


def test_the_ranges_are_those_that_can_be_asked() -> None:
    """The page offers every range that the server takes, in the same order."""
    assert list(_object("words.js", "RANGES")) == list(RANGES)


def test_the_levels_are_those_that_are_judged() -> None:
    """The page has words for every level, in the order of their rank."""
    assert list(_object("words.js", "LEVELS")) == list(Level)


@pytest.mark.parametrize(
    ("level", "numbers"),
    [
        (Level.FAILING, (f"{levels.SURGE.share:.0%}", levels.SURGE.least)),
        (Level.RAISED, (f"{levels.RAISED.share:.0%}", levels.RAISED.least)),
        (Level.UNMAPPED, (levels.LEAST_UNMAPPED,)),
    ],
)
def test_thresholds_in_words_are_those_that_are_judged_by(level: Level, numbers: tuple[object, ...]) -> None:
    """A level whose meaning names a number names the one that it is judged by."""
    said = re.findall(r"\d+%?", _object("words.js", "LEVELS")[level])
    assert said == [str(number) for number in numbers]


def test_every_persistence_has_words() -> None:
    """Whether sending again helps is said for each answer that there is."""
    assert set(_object("meaning.js", "AGAIN")) == set(Persistence)
    assert set(_object("account.js", "SHORT_AGAIN")) == set(Persistence)


def test_the_javascript_is_linted_and_formatted() -> None:
    """The linter and the formatter of `.ci/javascript/check` find no fault."""
    eslint, prettier = (_TOOLS / "node_modules" / ".bin" / name for name in ("eslint", "prettier"))
    if shutil.which("node") is None or not eslint.exists():
        pytest.skip("eslint is not installed: .ci/javascript/check installs it")
    lint = [str(eslint), "--config", str(_TOOLS / "eslint.config.js"), "--max-warnings", "0", "ingest/page/static"]
    layout = [str(prettier), "--config", str(_TOOLS / ".prettierrc.json"), "--check", "ingest/page/static/*.js"]
    for command in (lint, layout):
        done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_tools_are_locked_and_name_no_registry() -> None:
    """Every package of the JavaScript tools is locked by hash, and the lock does not say from where it comes."""
    lock = (_TOOLS / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock
    assert lock.count('"integrity": "sha512-') == lock.count('"node_modules/')
