"""An address belongs to one dlrhub, and is shared by its processes."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from ingest.connections.ports import reserve
from ingest.settings.errors import InvalidSettingsError


@contextmanager
def shared(port: int) -> Iterator[socket.socket]:
    """Listen as a receiver process does, sharing the port."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        yield listener


def refuse(address: str) -> str:
    """Return the error of reserving an address that can't be reserved."""
    with pytest.raises(InvalidSettingsError) as caught, reserve("receiver.listen", address):
        pass
    return str(caught.value)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_reserved_address_is_refused_to_a_second_program(unused_tcp_port: int, workers: int) -> None:
    """A second dlrhub can't have the first one's address, on one interface or all, with and without workers."""
    with ExitStack() as running:
        running.enter_context(reserve("receiver.listen", f"127.0.0.1:{unused_tcp_port}"))
        for _ in range(workers):
            running.enter_context(shared(unused_tcp_port))
        for address in (f"127.0.0.1:{unused_tcp_port}", f"0.0.0.0:{unused_tcp_port}"):
            assert refuse(address) == (
                f"receiver.listen = {address}: another program listens there: stop it, or choose another port"
            )


def test_receivers_share_the_connections_to_one_address(unused_tcp_port: int) -> None:
    """Each receiver process gets connections, and the reservation itself gets none."""
    with (
        reserve("receiver.listen", f"127.0.0.1:{unused_tcp_port}"),
        shared(unused_tcp_port) as first,
        shared(unused_tcp_port) as second,
        ExitStack() as clients,
    ):
        for _ in range(100):
            clients.enter_context(socket.create_connection(("127.0.0.1", unused_tcp_port), timeout=10))
        taken = [accept_all(listener) for listener in (first, second)]
    assert sum(taken) == 100
    assert all(taken)


def accept_all(listener: socket.socket) -> int:
    """Count the connections that wait to be accepted."""
    listener.settimeout(0)
    count = 0
    while True:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return count
        connection.close()
        count += 1


def test_an_address_that_another_program_has_is_refused(unused_tcp_port: int) -> None:
    """A port on which something listens is refused in words, as is an address of another machine."""
    with socket.create_server(("127.0.0.1", unused_tcp_port)):
        assert "another program listens there" in refuse(f"127.0.0.1:{unused_tcp_port}")
    assert refuse("192.0.2.1:8080") == "receiver.listen = 192.0.2.1:8080: this machine has no such address"


def test_an_address_is_free_again_after_a_stop(unused_tcp_port: int) -> None:
    """A dlrhub that was stopped while callers were connected can start again at once."""
    with reserve("receiver.listen", f"127.0.0.1:{unused_tcp_port}"), shared(unused_tcp_port) as listener:
        caller = socket.create_connection(("127.0.0.1", unused_tcp_port), timeout=10)
        connection, _ = listener.accept()
        connection.close()  # the side that closes first keeps the port in TIME_WAIT
        caller.close()
    with reserve("receiver.listen", f"127.0.0.1:{unused_tcp_port}"), shared(unused_tcp_port):
        pass
