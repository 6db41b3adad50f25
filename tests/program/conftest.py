"""What the tests of the program share."""

from tests.query.fixtures import writable_door

__all__ = ["writable_door"]
