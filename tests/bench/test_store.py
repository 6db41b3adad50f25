"""The benchmark of the store runs, at a size that takes seconds: every question it asks is one that the store answers."""

import subprocess
import sys


def test_every_question_of_the_benchmark_is_answered() -> None:
    """The benchmark fills a store and asks each question, with the parameters that the page gives."""
    command = [sys.executable, "-m", "tests.bench", "store", "--rows", "3000", "--days", "3"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert "page plot, 30d" in printed
    assert "provider_comparison" in printed
