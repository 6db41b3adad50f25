"""Fixtures that the tests of the query interface share."""

from tests.ingest.query.fixtures import query_server, writable_server

__all__ = ["query_server", "writable_server"]
