"""What the trials share."""

from tests.program.conftest import name

__all__ = ["name"]
