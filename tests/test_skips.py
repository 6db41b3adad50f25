"""In CI a skipped test fails the run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_SKIPPED = "import pytest\n\ndef test_left_out():\n    pytest.skip('no Kafka')\n"
_MODULE = "import pytest\n\npytest.skip('no Kafka', allow_module_level=True)\n"
_EXTERNAL = "import pytest\n\n@pytest.mark.external('SOME_URL')\ndef test_asks():\n    pass\n"
_PYTEST = (sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", os.devnull)
_PASSED = "def test_runs():\n    pass\n"


def _run(folder: Path, tests: str, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_some.py").write_text(tests, encoding="utf-8")
    (folder / "test_other.py").write_text(_PASSED, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if name not in {"CI", "SOME_URL"}}
    return subprocess.run(
        [*_PYTEST, "--rootdir", str(folder), *options, str(folder)],
        env=kept | {"PYTHONPATH": str(_ROOT)} | variables,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=180,
    )


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one-process", "two-workers"])
@pytest.mark.parametrize(
    ("tests", "named"), [(_SKIPPED, "::test_left_out"), (_MODULE, "test_some.py")], ids=["test", "module"]
)
def test_ci_fails_where_a_test_is_skipped(tmp_path: Path, tests: str, named: str, options: tuple[str, ...]) -> None:
    """In CI a skipped test fails the run and is named; the last line of the output is still the summary."""
    in_ci = _run(tmp_path, tests, *options, CI="true")
    lines = in_ci.stdout.splitlines()
    assert in_ci.returncode == pytest.ExitCode.TESTS_FAILED, in_ci.stdout
    assert any("SKIPPED IN CI" in line and line.endswith(named) for line in lines)
    assert "1 skipped" in lines[-1]


def test_elsewhere_a_test_may_be_skipped(tmp_path: Path) -> None:
    """Outside of CI a skipped test does not fail the run."""
    done = _run(tmp_path, _SKIPPED)
    assert done.returncode == 0
    assert "SKIPPED IN CI" not in done.stdout


def test_ci_passes_without_an_external_server(tmp_path: Path) -> None:
    """A test that needs an external server may be skipped in CI if none is named, and runs if one is."""
    left_out = _run(tmp_path, _EXTERNAL, CI="true")
    assert left_out.returncode == 0, left_out.stdout
    assert "1 passed, 1 skipped" in left_out.stdout
    assert "2 passed" in _run(tmp_path, _EXTERNAL, CI="true", SOME_URL="http://127.0.0.1:1").stdout
