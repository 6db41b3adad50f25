"""The search of a test run's output and files finds secrets and numbers."""

from pathlib import Path

import pytest

from tests.leaks import search, used_numbers, used_secrets


def test_the_tests_secrets_and_numbers_are_known() -> None:
    """The search knows the secrets in the tests' settings and the numbers in the example payloads."""
    assert {"right-one", "hush-key-of-cloudsms"} <= used_secrets()
    assert {"8618688888888", "447400123456"} <= used_numbers()


@pytest.mark.parametrize(
    ("found", "file", "text"),
    [
        (True, "log", '{"timestamp": "2026", "error": "GET /callbacks/cm/default/right-one"}'),
        (True, "log", '{"timestamp": "2026", "error": "GSM=00447400123456"}'),
        (False, "log", '{"timestamp": "2026", "error": "GSM=0044**56"}'),
        (True, "dlrhub-data/journal/receiver-0/1.seg", "AUTH_KEY=right-one"),
        (False, "dlrhub-data/journal/receiver-0/1.seg", "8618688888888"),
        (False, "settings.toml", "right-one"),
    ],
)
def test_leaks_are_found(tmp_path: Path, file: str, text: str, *, found: bool) -> None:
    """Secrets are found in logs and data, numbers in logs; settings are not searched."""
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    leaks = search(tmp_path, [])
    path.unlink()  # it is itself searched after the last test
    assert bool(leaks) is found


def test_printed_log_lines_are_searched(tmp_path: Path) -> None:
    """Only the log lines of a test's output are searched, because commands may print numbers."""
    assert search(tmp_path, [("a test", "2026-11-20 12:00:00 [warning  ] forbidden secret=right-one")])
    assert not search(tmp_path, [("a test", "right-one 8618688888888")])
