"""The receiver's side of TLS."""

import ssl
from pathlib import Path

from ingest.settings.errors import InvalidSettingsError


def server_context(cert: Path | None, key: Path | None, client_ca: Path | None) -> ssl.SSLContext | None:
    """
    Return a context with our certificate, which asks clients for theirs if `client_ca` is given; None without one.

    Raises `InvalidSettingsError` if a file can't be used.
    """
    if cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
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
