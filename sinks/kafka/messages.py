"""A record as a Kafka message, and back: key, headers, and values of older schema versions."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import orjson

from sinks.errors import RefusedError
from sinks.records import SCHEMA_VERSION

Header = tuple[str, bytes]
Upgrade = Callable[[dict[str, Any]], dict[str, Any]]

CONTENT_TYPE: Final = b"application/json"
_VERSION: Final = "schema-version"
_PROVIDER: Final = "provider"
_LONGEST_VERSION: Final = 9
_LONGEST_PROVIDER: Final = 64

#: By schema version: turns a value of that version into one of the next. Older versions without an entry are refused.
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
def read_headers(given: tuple[tuple[str, bytes | None], ...]) -> tuple[str, int | None]:
    """
    Return the provider in the headers (or an empty text), and the schema version.

    The version is the present one if there is no such header, and None if it is no number.
    """
    named = dict(given)
    provider = (named.get(_PROVIDER) or b"")[:_LONGEST_PROVIDER].decode("utf-8", "replace")
    if _VERSION not in named:
        return provider, SCHEMA_VERSION
    version = named[_VERSION] or b""
    return provider, int(version) if version.isdigit() and len(version) <= _LONGEST_VERSION else None


def read_value(value: bytes | None, version: int | None, upgrades: Mapping[int, Upgrade] = UPGRADES) -> bytes:
    """
    Return a message's value in the present schema version; a value of a newer version is not changed.

    Raises `RefusedError` for a message without a value (a tombstone) and for an old version that can't be upgraded.
    """
    if value is None:
        raise RefusedError("a message without a value")
    if version is None:
        raise RefusedError(f"the header {_VERSION} holds no number")
    if version >= SCHEMA_VERSION:
        return value
    try:
        fields = orjson.loads(value)
        for step in range(version, SCHEMA_VERSION):
            fields = upgrades[step](fields)
    except orjson.JSONDecodeError:
        raise RefusedError("no JSON") from None
    except (LookupError, TypeError):
        raise RefusedError(f"{_VERSION} {version} is not read by this version of dlrhub") from None
    return orjson.dumps(fields)
