"""Fixtures that the tests of the program share."""

import secrets

import pytest

from tests.ingest.query.fixtures import writable_server

__all__ = ["writable_server"]


@pytest.fixture
def name() -> str:
    """Return an unused name for topics, a group and a database."""
    return f"t{secrets.token_hex(4)}"
