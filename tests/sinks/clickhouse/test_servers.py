"""Several servers of one store: what fails on one is tried on another, and counts once."""

import secrets
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.servers import Servers
from sinks.clickhouse.store import Store, open_server
from sinks.errors import BusyError
from sinks.stream import Topic
from tests.factories import make_report
from tests.ingest.query.fixtures import QueryServer, writable_server
from tests.sinks.clickhouse.test_resend import ClosingProxy

__all__ = ["writable_server"]

NOBODY = "127.0.0.1:9"
REPORTS = [make_report(message_id=f"m-{number}") for number in range(10)]


class Replicas(NamedTuple):
    """A store, and the addresses under which its two servers are reached: both have the same data."""

    store: Store
    first: ClosingProxy
    second: ClosingProxy


@pytest.fixture
def replicas(writable_server: QueryServer) -> Iterator[Replicas]:
    """Open a store on two servers."""
    first, second = ClosingProxy(writable_server.port), ClosingProxy(writable_server.port)
    store = open_server(f"http://127.0.0.1:{first.port},127.0.0.1:{second.port}", f"t{secrets.token_hex(4)}")
    migrate(store)
    yield Replicas(store, first, second)
    store.close()
    first.close()
    second.close()


def count(store: Store) -> list[int]:
    """Count the reports, and the reports of the messages."""
    sql = "SELECT (SELECT count() FROM {0}.reports), (SELECT sum(reports) FROM {0}.messages)"
    return [int(number) for number in store.client.query(sql.format(store.database)).result_rows[0]]


def test_an_insert_goes_on_with_another_server(replicas: Replicas) -> None:
    """An insert whose server dies before it answers fails; repeated, it goes to another server, and counts once."""
    store, first, second = replicas
    first.kill()
    with pytest.raises(BusyError):
        store.insert(Topic.REPORTS, REPORTS)
    before = second.requests
    store.insert(Topic.REPORTS, REPORTS)
    assert second.requests > before
    assert count(store) == [10, 10]


def test_an_insert_that_was_carried_out_counts_once(replicas: Replicas) -> None:
    """An insert that a server carried out before it died without an answer is repeated on another, and counts once."""
    store, first, _ = replicas
    first.closings = 1_000  # it takes every request, and answers none
    with pytest.raises(BusyError):
        store.insert(Topic.REPORTS, REPORTS)
    store.insert(Topic.REPORTS, REPORTS)
    assert count(store) == [10, 10]


def test_the_first_server_that_answers_is_used(writable_server: QueryServer) -> None:
    """A store opens while its first server is away, and says so where all are."""
    open_server(f"http://{NOBODY},127.0.0.1:{writable_server.port}").close()
    with pytest.raises(BusyError, match="can't be reached"):
        open_server(f"http://{NOBODY},{NOBODY}")


def test_the_only_server_is_kept() -> None:
    """A store of one server has no other to turn to."""
    assert Servers(f"http://{NOBODY}", {}).connect_elsewhere() is None
