"""The type of a provider: a value that holds all that the rest of the program knows of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

import msgspec

from normalizers.errors import MalformedError
from normalizers.identity import Identity
from normalizers.model import Callback, CodeTable, DeliveryReport, InboundMessage, Item
from normalizers.polling import Poll
from normalizers.records import Parser


class Reply(msgspec.Struct, frozen=True):
    """An HTTP answer."""

    status: int
    body: bytes
    content_type: str = "text/plain"
    headers: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Replies:
    """How a provider is answered, by outcome; each is built from the callback that it answers."""

    stored: Callable[[Callback], Reply]
    malformed: Callable[[Callback, MalformedError], Reply]
    forbidden: Callable[[Callback], Reply]
    busy: Callable[[Callback], Reply]


#: How long a provider is asked to wait before it tries again, in seconds.
RETRY_AFTER: Final = MappingProxyType({"Retry-After": "10"})

_STORED: Final = Reply(200, b"OK")
_FORBIDDEN: Final = Reply(403, b"forbidden: the secret is wrong or missing")
_BUSY: Final = Reply(503, b"busy: nothing was stored, try again", headers=RETRY_AFTER)

#: Replies of one line, for providers that read the HTTP status and little more.
PLAIN_TEXT: Final = Replies(
    stored=lambda _: _STORED,
    malformed=lambda _, error: Reply(400, str(error).encode()),
    forbidden=lambda _: _FORBIDDEN,
    busy=lambda _: _BUSY,
)


def _status_alone(provider_status: str, _: str) -> str:
    return provider_status


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """
    Everything that the rest of the program knows of a provider.

    `parser` has its name and versions. `parse` reads a callback into its items; it raises `MalformedError` if the
    callback can't be read as a whole, or none of its items can, and `ForbiddenError` if the payload's secret is wrong.
    `reread` reads the `raw` of a stored record or of a `Reject`, given as the callback's body: into the same record, or
    with the same fault. `identity` is its rule of identity. `methods` are the HTTP methods it calls back with, none if it
    has to be polled.

    `codes` is its code table; `reasons` is a second one, of error codes that refine the reason of a failure. With
    `speaks_smpp`, SMPP's words for the state of a message are read if `codes` has no such code. `code_of` makes the code
    that `codes` has of a report's `provider_status` and `provider_code`; `code_form` shows how that is written.

    `replies` is how it is answered. `home` is the region whose national numbers it writes, None if it writes
    international ones. `reports_within` is how long after a submission its last report may come. `known_by_reference`
    says that a report names a message by the customer's reference. `poll` is how it is polled, if it can be. `renamable`
    are the parameters whose names the customer may choose at the provider, as the document spells them. `secret_fields`
    are the fields in which its payloads carry a secret, whose values are never kept. `keys` are the names of the secrets
    that it signs its callbacks with (`Account.keys`); `Callback.url` is set for a provider that has some.
    """

    parser: Parser
    identity: Identity
    methods: Sequence[str]
    codes: CodeTable
    reasons: CodeTable | None = None
    speaks_smpp: bool = False
    code_of: Callable[[str, str], str] = _status_alone
    code_form: str = "code"
    parse: Callable[[Callback], Sequence[Item]]
    reread: Callable[[Callback], DeliveryReport | InboundMessage]
    replies: Replies = PLAIN_TEXT
    home: str | None = None
    reports_within: timedelta = timedelta(hours=72)
    known_by_reference: bool = False
    poll: Poll | None = None
    renamable: frozenset[str] = frozenset()
    secret_fields: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The provider's name: a URL's segment, a metric's label and a stored value alike."""
        return self.parser.provider
