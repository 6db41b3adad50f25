"""The fenced blocks of a document, and the commands in them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[3]
#: The documents whose commands are run.
DOCUMENTS: Final = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "deploy" / "README.md",
    ROOT / "deploy" / "SECURITY.md",
    *sorted((ROOT / "deploy" / "docs").glob("*.md")),
]

_FENCE: Final = re.compile(
    r"(?:<!-- (?P<mark>[^>]*) -->\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_PROMPT: Final = "$ "


class Block(NamedTuple):
    """A fenced block: its language, the HTML comment before it, its text, and its line in the document."""

    kind: str
    mark: str
    text: str
    line: int


class Command(NamedTuple):
    """A command, and the output below it in the document; empty if there is none."""

    text: str
    output: str


def blocks(document: Path) -> Iterator[Block]:
    """Yield the blocks of a document."""
    text = document.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        yield Block(found["kind"], found["mark"] or "", found["text"], text.count("\n", 0, found.start()) + 1)


def commands(text: str) -> Iterator[Command]:
    """Yield the commands of a `console` block; one begins with `$ ` and continues until its quotes are closed."""
    lines = text.splitlines()
    while lines:
        command = lines.pop(0).removeprefix(_PROMPT)
        while lines and not _is_complete(command):
            command += "\n" + lines.pop(0)
        output = []
        while lines and not lines[0].startswith(_PROMPT):
            output.append(lines.pop(0))
        yield Command(command, "\n".join(output))


def _is_complete(command: str) -> bool:
    if command.endswith("\\"):
        return False
    try:
        shlex.split(command)
    except ValueError:
        return False
    return True


def matches(expected: str, actual: str) -> bool:
    """Compare an output; `...` stands for any text in a line, and alone for any number of lines."""
    lines = [re.escape(line.rstrip()).replace(r"\.\.\.", ".*") for line in expected.splitlines()]
    pattern = "".join("(?:.*\n)*?" if line == ".*" else f"{line} *\n" for line in lines)
    return re.fullmatch(pattern, actual.rstrip() + "\n") is not None
