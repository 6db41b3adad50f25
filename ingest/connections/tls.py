"""Loads the receiver's certificate and its clients' certificate authority, and again when their files change."""

import asyncio
import contextlib
import ssl
from pathlib import Path
from typing import Final

import structlog

from ingest.settings.errors import InvalidSettingsError

_log = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 5.0


class Certificates:
    """
    A TLS context whose files are read again when they change, so that a renewed certificate needs no restart.

    `context` is None if there is no certificate. A handshake uses the files that were read last; open connections
    stay. If changed files can't be used, that is logged, and the old ones stay in use. The constructor raises
    `InvalidSettingsError` if a file can't be used.
    """

    def __init__(self, cert: Path | None, key: Path | None, client_ca: Path | None) -> None:
        self._files = (cert, key, client_ca)
        self._seen = self._stamps()
        self.context = self._current = server_context(*self._files)
        if self.context is not None:
            self.context.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject, _name: str, _context: ssl.SSLContext) -> None:
        """Use the newest context for a handshake; OpenSSL calls this at every ClientHello."""
        if self._current is not None:
            connection.context = self._current

    async def watch(self, look_seconds: float = _LOOK_SECONDS) -> None:
        """Read the files again whenever they change, until cancelled."""
        while self.context is not None:
            await asyncio.sleep(look_seconds)
            stamps = self._stamps()
            if stamps != self._seen:
                self._seen = stamps
                self._read_again()

    def _read_again(self) -> None:
        try:
            self._current = server_context(*self._files)
        except InvalidSettingsError as error:
            _log.error("changed certificates can't be used: the last ones stay in use", error=str(error))
        else:
            _log.info("changed certificates are in use", cert=str(self._files[0]))

    def _stamps(self) -> list[tuple[int, int, int]]:
        """Return inode, time and size of each file: they change if the file or a symbolic link to it is replaced."""
        found = []
        for path in filter(None, self._files):
            with contextlib.suppress(OSError):
                stat = path.stat()
                found.append((stat.st_ino, stat.st_mtime_ns, stat.st_size))
        return found


def server_context(cert: Path | None, key: Path | None, client_ca: Path | None) -> ssl.SSLContext | None:
    """
    Return a context with our certificate (None without one), which asks clients for theirs if `client_ca` is given.

    Raises `InvalidSettingsError` if a file can't be used.
    """
    if cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    # A resumed session would skip the check of the client's certificate, even after its authority has changed.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    try:
        context.load_cert_chain(cert, key)
    except OSError as error:  # SSLError is one, too
        raise InvalidSettingsError(f"receiver.tls_cert, receiver.tls_key: can't be used: {error}") from None
    if client_ca is not None:
        try:
            context.load_verify_locations(client_ca)
        except OSError as error:
            raise InvalidSettingsError(f"receiver.tls_client_ca = {client_ca}: can't be used: {error}") from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context
