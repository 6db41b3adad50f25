"""
Inserts that the client library sends twice.

clickhouse-connect repeats a request whose connection is closed before the answer came, whatever `query_retries` says:
the server may have carried out the first one.
"""

import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.store import Store, open_server
from sinks.records import report_record, submission_record
from sinks.rows import check
from sinks.stream import Record, Topic
from tests.factories import make_letter, make_report, make_submission
from tests.ingest.query.fixtures import QueryServer, writable_server

__all__ = ["writable_server"]


class ClosingProxy:
    """Passes requests on, and closes the client's connection in place of an answer, as often as it is told to."""

    def __init__(self, port: int) -> None:
        """Listen, for a server on `port`."""
        self.closings = 0
        self.requests = 0
        self._server_port = port
        self._clients: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._clients.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._server_port)) as server, suppress(OSError):
            threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()
            while answer := server.recv(65_536):
                if self.closings:
                    self.closings -= 1
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(answer)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while part := client.recv(65_536):
                self.requests += part.startswith(b"POST")
                server.sendall(part)
            server.shutdown(socket.SHUT_RDWR)  # the client has gone, and the server allows few connections

    def kill(self) -> None:
        """Close every connection, and take no more."""
        self.close()
        for client in self._clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop listening."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextmanager
def through_proxy(server: QueryServer) -> Iterator[tuple[Store, ClosingProxy]]:
    """Open a store, empty, on a server behind such a proxy."""
    proxy = ClosingProxy(server.port)
    store = open_server(f"http://127.0.0.1:{proxy.port}", f"t{secrets.token_hex(4)}")
    try:
        migrate(store)
        yield store, proxy
    finally:
        store.close()
        proxy.close()


def records(topic: Topic) -> list[Record]:
    """Make ten records of a topic."""
    numbers = range(10)
    if topic is Topic.REPORTS:
        return [report_record(make_report(message_id=f"m-{number}")) for number in numbers]
    if topic is Topic.SUBMISSIONS:
        return [submission_record(make_submission(message_id=f"m-{number}")) for number in numbers]
    return [make_letter(body=b"%d" % number) for number in numbers]


def test_an_insert_that_is_sent_twice_counts_once(writable_server: QueryServer) -> None:
    """If the answer to an insert is lost and the library sends the insert again, no count changes."""
    with through_proxy(writable_server) as (store, proxy):
        for topic in (Topic.REPORTS, Topic.SUBMISSIONS, Topic.DEAD_LETTERS):
            proxy.closings, before = 1, proxy.requests
            store.insert(topic, [check(topic, record.value) for record in records(topic)])
            assert proxy.requests - before >= 2, "the insert was not sent again"

        def count(sql: str) -> int:
            return int(store.client.query(sql.format(store.database)).result_rows[0][0])

        assert count("SELECT count() FROM {}.reports") == 10
        assert count("SELECT sum(reports) FROM {}.stats") == 10
        assert count("SELECT sum(reports) FROM {}.messages") == 10
        assert count("SELECT count() FROM {}.submissions") == 10
        assert count("SELECT count() FROM {}.dead_letters") == 10
        assert count("SELECT sum(receipts) FROM {}.dead_letters") == 10
