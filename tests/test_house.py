"""Rules of the code base that no linter checks: sizes of files and functions, and unique class names."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_FILES = [path for room in ("ingest", "normalizers", "sinks") for path in sorted((_ROOT / room).rglob("*.py"))]
_LONGEST_FILE = 400
_LONGEST_FUNCTION = 50


def _nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def test_no_two_classes_share_a_name() -> None:
    """No two classes of the product have the same name."""
    places: dict[str, list[str]] = defaultdict(list)
    for path in _FILES:
        for node in _nodes(path):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{path.relative_to(_ROOT)}:{node.lineno}")
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


@pytest.mark.parametrize("path", _FILES, ids=lambda path: str(path.relative_to(_ROOT)))
def test_files_and_functions_are_short(path: Path) -> None:
    """A file has at most 400 lines, the body of a function at most 50."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= _LONGEST_FILE
    long = [
        f"{node.name}: {lines} lines"
        for node in _nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (lines := _body_lines(node)) > _LONGEST_FUNCTION
    ]
    assert long == []


def _body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function below its signature and docstring."""
    first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
    return (node.end_lineno or 0) - first.lineno + 1
