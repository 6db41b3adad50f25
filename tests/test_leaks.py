"""The search for secrets and numbers in what a test run printed and kept finds them."""

from pathlib import Path

import pytest

from tests.leaks import search, used_numbers, used_secrets


def test_what_the_tests_use_is_known() -> None:
    """The secrets of the tests' settings and the numbers of the example payloads are known to the search."""
    assert {"right-one", "hush-key-of-cloudsms"} <= used_secrets()
    assert {"8618688888888", "447400123456"} <= used_numbers()


@pytest.mark.parametrize(
    ("file", "text", "found"),
    [
        ("log", '{"timestamp": "2026", "error": "GET /callbacks/cm/default/right-one"}', True),
        ("log", '{"timestamp": "2026", "error": "GSM=00447400123456"}', True),
        ("log", '{"timestamp": "2026", "error": "GSM=0044**56"}', False),
        ("dlrhub-data/journal/receiver-0/1.seg", "AUTH_KEY=right-one", True),
        ("dlrhub-data/journal/receiver-0/1.seg", "8618688888888", False),
        ("settings.toml", "right-one", False),
    ],
)
def test_leaks_are_found(tmp_path: Path, file: str, text: str, *, found: bool) -> None:
    """Secrets are found in logs and data, numbers in logs; a test's own settings are not searched."""
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    leaks = search(tmp_path, [])
    path.unlink()  # it is itself searched after the last test
    assert bool(leaks) is found


def test_printed_log_lines_are_searched(tmp_path: Path) -> None:
    """Of a test's output only log lines are searched: commands may print numbers to the person who asked."""
    assert search(tmp_path, [("a test", "2026-11-20 12:00:00 [warning  ] forbidden secret=right-one")])
    assert not search(tmp_path, [("a test", "right-one 8618688888888")])
