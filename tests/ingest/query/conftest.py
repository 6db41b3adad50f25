"""What the tests of the query door share."""

from tests.ingest.query.fixtures import door, writable_door

__all__ = ["door", "writable_door"]
