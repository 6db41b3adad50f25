"""Finds the line of each key in a TOML file, because the standard library's parser does not return lines."""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

#: The names and list positions that lead to a value, as in ("accounts", 0, "poll", "url").
KeyPath = tuple[str | int, ...]


def key_lines(text: str) -> dict[KeyPath, int]:
    """
    Return the line of every key and table header of a valid TOML text, counted from 1.

    The text is split into statements (a header, or a key with its value, maybe over several lines): a statement is
    complete as soon as the standard library's parser accepts it.
    """
    lines: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for number, statement in _statements(text):
        keys = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            table = _table_path(keys, counts)
            lines.setdefault(table, number)
        else:
            for path in _paths(keys):
                lines.setdefault((*table, *path), number)
    return lines


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each complete statement with the number of its first line."""
    statement, started = "", 1
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        started = number if not statement else started
        statement += line
        try:
            tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        yield started, statement
        statement = ""


def _table_path(keys: Mapping[str, Any], counts: dict[KeyPath, int]) -> KeyPath:
    """Return the path of a table header; `counts` holds the number of elements of each list of tables so far."""
    path: KeyPath = ()
    value: Any = keys
    while value:
        [(key, value)] = value.items()
        path = (*path, key)
        if isinstance(value, list):
            counts[path] = counts.get(path, 0) + 1
            value = value[0]
        if path in counts:
            path = (*path, counts[path] - 1)
    return path


def _paths(value: Any) -> Iterator[KeyPath]:
    """Yield the paths of everything within a table or list."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (key,)
        yield from ((key, *path) for path in _paths(child))
