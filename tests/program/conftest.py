"""Fixtures that the tests of the program share."""

import secrets

import pytest

from tests.ingest.query.fixtures import writable_server

__all__ = ["writable_server"]


@pytest.fixture
def name() -> str:
    """Name topics, a group and a database that nothing else uses."""
    return f"t{secrets.token_hex(4)}"
