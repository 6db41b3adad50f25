"""Fixtures of the trials."""

from tests.program.conftest import name

__all__ = ["name"]
