"""Replies in one line of plain text, for providers that read the HTTP status and little more."""

from types import MappingProxyType
from typing import Final

from normalizers.provider import Replies, Reply

#: Seconds; the time that a provider is asked to wait before it tries again, if it can be told.
RETRY_AFTER: Final = MappingProxyType({"Retry-After": "10"})

_STORED: Final = Reply(200, b"OK")
_FORBIDDEN: Final = Reply(403, b"forbidden: the secret is wrong or missing")
_BUSY: Final = Reply(503, b"busy: nothing was stored, try again", headers=RETRY_AFTER)


PLAIN_TEXT: Final = Replies(
    stored=lambda _: _STORED,
    malformed=lambda _, error: Reply(400, str(error).encode()),
    forbidden=lambda _: _FORBIDDEN,
    busy=lambda _: _BUSY,
)
