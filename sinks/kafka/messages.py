"""A record as a Kafka message, and back: key, headers, and values of older schema versions."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import orjson

from sinks.records import SCHEMA_VERSION

Headers = Sequence[tuple[str, bytes]]
Upgrade = Callable[[dict[str, Any]], dict[str, Any]]

CONTENT_TYPE: Final = b"application/json"
_VERSION: Final = "schema-version"
_PROVIDER: Final = "provider"

#: What makes a value of the next schema version out of one of the version that it stands under. A field that is new
#: and may be missing needs none: the store fills in its default.
UPGRADES: Final[Mapping[int, Upgrade]] = {}


@lru_cache(maxsize=256)
def headers(provider: str) -> Headers:
    """Return the headers of a provider's records."""
    return [
        ("content-type", CONTENT_TYPE),
        (_VERSION, str(SCHEMA_VERSION).encode()),
        (_PROVIDER, provider.encode()),
    ]


def provider_of(given: Headers) -> str:
    """Return the provider that the headers name, if they do."""
    return dict(given).get(_PROVIDER, b"").decode("utf-8", "replace")


def read_value(value: bytes | None, given: Headers) -> bytes:
    """
    Return a message's value as one of the present schema version.

    A newer version's is returned as it is (the store skips fields that it doesn't know), and so is what can't be read:
    the store refuses it, and it becomes a dead letter.
    """
    version = dict(given).get(_VERSION, b"")
    if not version.isdigit() or int(version) >= SCHEMA_VERSION:
        return value or b""
    try:
        fields = orjson.loads(value or b"")
        for step in range(int(version), SCHEMA_VERSION):
            fields = UPGRADES[step](fields) if step in UPGRADES else fields
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return value or b""
    return orjson.dumps(fields)
