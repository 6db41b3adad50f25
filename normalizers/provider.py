"""The type of a provider: one value with everything that the rest of the program knows about it."""

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
    """How a provider is answered, by outcome; each answer is built from its callback."""

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
    Everything that the rest of the program knows about a provider.

    - `parser`: its name and versions. `identity`: which of its items are the same report.
    - `methods`: the HTTP methods of its callbacks; none if it has to be polled.
    - `parse` reads a callback into items. It raises `MalformedError` if none of them can be read, and `ForbiddenError`
      if the payload's secret is wrong. `reread` reads the `raw` of one stored record or `Reject`, given as the body.
    - `codes`: its code table. `reasons`: a second one, of error codes that refine the reason of a failure. With
      `speaks_smpp`, a code that is not in `codes` is looked up among SMPP's message states.
    - `code_of` joins a report's `provider_status` and `provider_code` into a key of `codes`; `code_form` shows its form.
    - `replies`: how it is answered. `poll`: how it is polled.
    - `home`: the region whose national numbers it writes, None if it writes international ones.
    - `reports_within`: how long after a submission its last report may come.
    - `known_by_reference`: its reports name a message by the customer's reference.
    - `renamable`: the parameters that the customer may rename at the provider, as the document spells them.
    - `secret_fields`: the payload's fields that hold a secret; their values are never kept.
    - `keys`: the names of the secrets that sign its callbacks (`Account.keys`). Only then is `Callback.url` set.
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
        """The provider's name in URLs, metric labels and stored records."""
        return self.parser.provider
