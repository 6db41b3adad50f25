"""The commands, queries, settings and links in the documents work."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args

import pytest
from pydantic import BaseModel

from ingest.settings.settings import Settings
from tests.deploy.docs.blocks import DOCUMENTS, ROOT, Block, blocks, commands, matches
from tests.deploy.docs.terminal import Terminal
from tests.program.running import Program

#: Why a `sh` block is not run by the test of its page.
_NOT_RUN: Final = {
    "run": "run by .ci/run",
    "tests": "run by .ci/run",
    "run by tests/program": "takes minutes, and has a test of its own",
    "needs docker": "no container engine",
    "needs kubernetes": "no cluster",
    "needs systemd": "no init system, no root",
    "needs a clone": "the repository's own checks, which CI runs by themselves",
}
_LINK: Final = re.compile(r"\]\((?!https?:)([^)#]+)?(?:#([^)]+))?\)")


def _id(document: Path) -> str:
    return str(document.relative_to(ROOT))


def _of(document: Path, *kinds: str) -> list[Block]:
    return [block for block in blocks(document) if block.kind in kinds]


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """Run dlrhub as the README says, in a folder of its own."""
    with Program(tmp_path_factory.mktemp("docs")) as program:
        yield Terminal(program)


@pytest.mark.parametrize("document", [each for each in DOCUMENTS if _of(each, "console", "sql")], ids=_id)
def test_commands_and_queries_do_what_is_printed(document: Path, terminal: Terminal) -> None:
    """Every command of a page succeeds with the output that is printed below it, and every query is answered."""
    for block in _of(document, "console", "sql"):
        text = block.text if block.kind == "console" else f"$ dlrhub query {shlex.quote(block.text)}"
        for command in commands(text):
            terminal.run(command)


@pytest.mark.parametrize("document", [each for each in DOCUMENTS if _of(each, "toml")], ids=_id)
def test_settings_are_valid(document: Path) -> None:
    """The program accepts every settings file in a page."""
    for block in _of(document, "toml"):
        Settings.model_validate(tomllib.loads(block.text))


def test_every_setting_is_described() -> None:
    """The page of the settings names every setting."""
    text = (ROOT / "deploy" / "docs" / "settings.md").read_text(encoding="utf-8")
    assert [name for name in _names(Settings) if not re.search(rf"`[^`]*\b{name}\b[^`]*`", text)] == []


def _names(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        sections = [kind for kind in _types(field.annotation) if issubclass(kind, BaseModel)]
        for section in sections:
            yield from _names(section)
        if not sections:
            yield name


def _types(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for argument in get_args(annotation):
        yield from _types(argument)


def test_every_column_is_named(terminal: Terminal) -> None:
    """The page of the tables names every column of the views that analysts read."""
    text = (ROOT / "deploy" / "docs" / "tables-and-statuses.md").read_text(encoding="utf-8")
    views = re.findall(r"^\| `dlr\.(\w+)` \|.*$", text, re.MULTILINE)
    assert views
    for view in views:
        columns = [row["name"] for row in terminal.program.ask(f"DESCRIBE TABLE {view}")]
        assert [name for name in columns if f"`{name}`" not in text] == [], view


@pytest.mark.parametrize("document", DOCUMENTS, ids=_id)
def test_every_block_is_checked_or_says_why_not(document: Path) -> None:
    """A block is run or read by a test; a `sh` block has a comment with the reason why it is not run."""
    for block in blocks(document):
        assert block.kind in {"console", "sql", "toml", "text", "mermaid", "sh", "python"}, f"line {block.line}"
        assert block.kind != "sh" or block.mark in _NOT_RUN, f"line {block.line}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=_id)
def test_links_lead_somewhere(document: Path) -> None:
    """A link to a file or a section of this repository has its target."""
    for path, section in _LINK.findall(document.read_text(encoding="utf-8")):
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), path
        if section:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert section in {_anchor(heading) for heading in headings}, f"{path}#{section}"


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_an_output_is_compared_line_by_line() -> None:
    """`...` stands for any text in a line, and alone for any lines; nothing else may differ."""
    assert matches('{"TIME":"...","OK":1}', '{"TIME":"2026-11-21 05:12:53","OK":1}\n')
    assert matches("first\n...\nlast", "first\na\nb\nlast")
    assert not matches("OK", "OK\nmore")
    assert not matches("OK", "KO")


def test_a_command_goes_on_until_its_quotes_are_closed() -> None:
    """A command may take several lines; the lines after it are its output."""
    first, second = commands("$ curl -d '{\n  1}' \\\n  x\nOK\n$ true\n")
    assert (first.text, first.output) == ("curl -d '{\n  1}' \\\n  x", "OK")
    assert (second.text, second.output) == ("true", "")
