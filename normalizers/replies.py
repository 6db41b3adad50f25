"""Replies in one line of plain text, for providers that read the HTTP status and little more."""

from types import MappingProxyType
from typing import Final

from normalizers.errors import MalformedError
from normalizers.model import Callback
from normalizers.provider import Replies, Reply

#: Seconds; the time that a provider is asked to wait before it tries again, if it can be told.
RETRY_AFTER: Final = MappingProxyType({"Retry-After": "10"})

_STORED: Final = Reply(200, b"OK")
_FORBIDDEN: Final = Reply(403, b"forbidden: the secret is wrong or missing")
_BUSY: Final = Reply(503, b"busy: nothing was stored, try again", headers=RETRY_AFTER)


def _stored(_: Callback) -> Reply:
    return _STORED


def _malformed(_: Callback, error: MalformedError) -> Reply:
    return Reply(400, str(error).encode())


def _forbidden(_: Callback) -> Reply:
    return _FORBIDDEN


def _busy(_: Callback) -> Reply:
    return _BUSY


PLAIN_TEXT: Final = Replies(stored=_stored, malformed=_malformed, forbidden=_forbidden, busy=_busy)
