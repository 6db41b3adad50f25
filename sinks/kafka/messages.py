"""A record as a Kafka message, and back: key, headers, and values of older schema versions."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import orjson

from sinks.records import SCHEMA_VERSION

Header = tuple[str, bytes]
Upgrade = Callable[[dict[str, Any]], dict[str, Any]]

CONTENT_TYPE: Final = b"application/json"
_VERSION: Final = "schema-version"
_PROVIDER: Final = "provider"

#: What makes a value of the next schema version out of one of the version that it stands under. A field that is new
#: and may be missing needs none: the store fills in its default.
UPGRADES: Final[Mapping[int, Upgrade]] = {}


@lru_cache(maxsize=256)
def headers(provider: str) -> list[Header]:
    """Return the headers of a provider's records; the same list each time."""
    return [
        ("content-type", CONTENT_TYPE),
        (_VERSION, str(SCHEMA_VERSION).encode()),
        (_PROVIDER, provider.encode()),
    ]


@lru_cache(maxsize=256)
def read_headers(given: tuple[Header, ...]) -> tuple[str, int]:
    """Return the provider that the headers name (or none), and the schema version (the present one, if they don't)."""
    named = dict(given)
    version = named.get(_VERSION, b"")
    provider = named.get(_PROVIDER, b"").decode("utf-8", "replace")
    return provider, int(version) if version.isdigit() else SCHEMA_VERSION


def read_value(value: bytes | None, version: int) -> bytes:
    """
    Return a message's value as one of the present schema version.

    A newer version's is returned as it is (the store skips fields that it doesn't know), and so is what can't be read:
    the store refuses it, and it becomes a dead letter.
    """
    if version >= SCHEMA_VERSION:
        return value or b""
    try:
        fields = orjson.loads(value or b"")
        for step in range(version, SCHEMA_VERSION):
            fields = UPGRADES[step](fields) if step in UPGRADES else fields
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return value or b""
    return orjson.dumps(fields)
