"""
Example requests, and the records that they must be read into.

`<case>.http` is a request, written by the provider's document, or an answer to a poll. `<case>.json` beside it holds the
expected `items` or `error` (`{"forbidden": true}` for a wrong secret), and the expected `reply`. It may also set fields of
the `account`, and the `url` that was called. Fields of a record that are not named have their defaults; fields that are
the same in every case (`_CONSTANT`) are not compared.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import orjson

from normalizers.errors import MalformedError
from normalizers.model import Account, Callback, DeliveryReport, Item, Reject, Source

RECEIVED_AT: Final = datetime(2025, 11, 20, 12, 0, 10, tzinfo=UTC)

_CONSTANT: Final = frozenset(
    "event_id supersedes provider account received_at source raw normalizer identity revision".split()
)
#: Defaults of an inbound message's and of a report's fields.
_INBOUND_DEFAULTS: Final[Mapping[str, Any]] = {"stamp_day": "1970-01-01"}
_REPORT_DEFAULTS: Final[Mapping[str, Any]] = {
    "message_stamp": "",
    "reference": "",
    "operator": "",
    "sender": "",
    "reason": None,
    "code_source": "document",
    "provider_code": "",
    "provider_text": "",
    "custom": None,
    "unmapped": False,
    "notes": [],
    "stamp_day": "1970-01-01",
}


@dataclass(frozen=True)
class Example:
    """One example request; `expected` is the content of its `.json`."""

    provider: str
    case: str
    callback: Callback
    expected: Mapping[str, Any]

    def __str__(self) -> str:
        """Name the case in a test's id."""
        return f"{self.provider}/{self.case}"


def read_examples(folder: Path, provider: str) -> list[Example]:
    """Return the example requests of a provider that are in a folder."""
    return [_read(path, provider) for path in sorted(folder.glob("*.http"))]


def _read(path: Path, provider: str) -> Example:
    head, _, body = path.read_bytes().partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    expected = json.loads(path.with_suffix(".json").read_text("utf-8"))
    method, target, _ = first.split(b" ")
    polled = method.startswith(b"HTTP/")
    callback = Callback(
        account=account(expected.get("account", {})),
        method="POST" if polled else method.decode(),
        url=expected.get("url", ""),
        query=target.partition(b"?")[2],
        headers={name.lower(): value for name, value in (line.decode().split(": ", 1) for line in lines)},
        body=body,
        received_at=RECEIVED_AT,
        source=Source.POLL if polled else Source.CALLBACK,
    )
    return Example(provider, path.stem, callback, expected)


def account(settings: Mapping[str, Any]) -> Account:
    """Return an account with some settings."""
    timezone = settings.get("timezone")
    return Account(**{**settings, "timezone": timezone and ZoneInfo(timezone)})


def described(item: Item) -> dict[str, Any]:
    """Return an item in the form of a case's `items`."""
    if isinstance(item, Reject):
        return {"reject": fault(item.error)}
    kind = "report" if isinstance(item, DeliveryReport) else "inbound"
    return {kind: {name: value for name, value in fields(item).items() if name not in _CONSTANT}}


def completed(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return one of a case's `items` with its defaults."""
    defaults = {"report": _REPORT_DEFAULTS, "inbound": _INBOUND_DEFAULTS, "reject": {}}
    return {kind: {**defaults[kind], **values} for kind, values in item.items()}


def fault(error: MalformedError) -> dict[str, str]:
    """Return an error in the form of a case's `error`."""
    return {"why": error.why, "where": error.where}


def fields(item: Item) -> dict[str, Any]:
    """Return a record's fields as they are written in JSON."""
    written: dict[str, Any] = orjson.loads(msgspec.json.encode(item))
    return written


def event_ids(items: Sequence[Item]) -> list[str]:
    """Return the ids of the items that could be read."""
    return [item.event_id for item in items if not isinstance(item, Reject)]
