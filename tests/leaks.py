"""
Searches the output and the files of a test run for secrets and phone numbers.

The secrets are those in the settings of the tests, found in their source; the numbers are those of the example payloads.
After the last test, all log lines are searched for both, and all files of the program for secrets. The store's files are
compressed; their content came through the journal, which is searched.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent
_SETTINGS: Final = frozenset(
    "app_key auth_key cppwd password passwd sasl_password secret secrets ssl_password token".split()
)
#: Shorter ones may be part of other words.
_SHORTEST_SECRET: Final = 6
_NUMBER: Final = re.compile(r"(?<![\w.])\+?\d{11,15}(?![\w.])")
#: A line of the log, as structlog writes it in tests and as the program does.
_LOG_LINE: Final = re.compile(r"\[(?:info|warning|error)\s*\]|^\{\"timestamp\"")
#: Folders that the program keeps its data in.
_KEPT: Final = frozenset({"dlrhub-data", "journal", "spill"})
_MOST_BYTES: Final = 32 * 1024 * 1024


def used_secrets(folder: Path = TESTS) -> set[str]:
    """Return the secrets that tests write into settings and payloads."""
    found = {secret for path in folder.rglob("*.py") for secret in _secrets_in(ast.parse(path.read_text("utf-8")))}
    return {secret for secret in found if len(secret) >= _SHORTEST_SECRET and not secret.isdigit()}


def _secrets_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in _SETTINGS:
            yield from _texts(node.value)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and str(key.value).rpartition("__")[2].lower() in _SETTINGS:
                    yield from _texts(value)


def _texts(value: ast.expr) -> Iterator[str]:
    parts = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
    yield from (part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str))


def used_numbers(folder: Path = TESTS) -> set[str]:
    """Return the phone numbers in the example payloads."""
    texts = (path.read_text("utf-8", "replace") for path in (folder / "payloads").rglob("*.http"))
    return {number.lstrip("+").removeprefix("00") for text in texts for number in _NUMBER.findall(text)}


def leaks_in(text: str, forbidden: Iterable[str]) -> set[str]:
    """Return the forbidden words that are in a text."""
    return {word for word in forbidden if word in text}


def log_lines(printed: str) -> str:
    """Return the log lines of an output; the output of commands may have numbers."""
    return "\n".join(line for line in printed.splitlines() if _LOG_LINE.search(line))


def logged_in(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield the logs below a folder."""
    for path in folder.rglob("log"):
        if path.is_file():
            yield path, log_lines(path.read_text("utf-8", "replace"))


def kept_in(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files below a folder that the program keeps data in."""
    for path in folder.rglob("*"):
        if _KEPT & set(path.relative_to(folder).parts[:-1]) and path.is_file() and path.stat().st_size < _MOST_BYTES:
            yield path, path.read_bytes().decode("latin-1")


def search(folder: Path, printed: Iterable[tuple[str, str]]) -> list[str]:
    """Return where secrets or numbers were found: in the tests' output `printed`, and in files below a folder."""
    secrets = used_secrets()
    both = secrets | used_numbers()
    logs = [(where, log_lines(text)) for where, text in printed]
    logs += [(str(path), text) for path, text in logged_in(folder)]
    found = [(where, leaks_in(text, both)) for where, text in logs]
    found += [(str(path), leaks_in(text, secrets)) for path, text in kept_in(folder)]
    return [f"{where}: {', '.join(sorted(words))}" for where, words in found if words]
