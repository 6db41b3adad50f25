"""Reserves an address for one dlrhub, whose receiver processes share it by SO_REUSEPORT."""

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ingest.settings.errors import InvalidSettingsError
from ingest.settings.values import split_address

_CLICKHOUSE_PORT: Final = 8123
_REASONS: Final = {
    errno.EADDRINUSE: "another program listens there: stop it, or choose another port",
    errno.EADDRNOTAVAIL: "this machine has no such address",
    errno.EACCES: "this user may not listen on this port: choose one from 1024 on",
}


@contextmanager
def reserve(setting: str, address: str) -> Iterator[None]:
    """
    Reserve an address during the block: this dlrhub's processes can listen there, a second dlrhub can't.

    A socket is bound there without SO_REUSEPORT, which fails if any other socket is bound there. Then SO_REUSEPORT is
    set on it, so that processes of the same user can bind sockets with SO_REUSEPORT, too. It never listens, so it gets
    no connections. Raises `InvalidSettingsError` that names the setting.
    """
    host, port = split_address(address)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as guard:
        try:
            guard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # old connections in TIME_WAIT don't count
            guard.bind((host, port))
        except OSError as error:
            raise InvalidSettingsError(f"{setting} = {address}: {_reason(error, port)}") from None
        guard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        guard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        yield


def require_free(setting: str, address: str) -> None:
    """Raise `InvalidSettingsError` that names the setting if this process can't listen at its address."""
    with reserve(setting, address):
        pass


def _reason(error: OSError, port: int) -> str:
    reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
    if error.errno == errno.EADDRINUSE and port == _CLICKHOUSE_PORT:
        return f"{reason} ({port} is also the default port of a ClickHouse server)"
    return reason
