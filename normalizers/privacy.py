"""
Personal data: masks or hashes phone numbers, and drops message texts, as the settings say.

Applied to each record before it enters the stream, so that neither journal, Kafka, ClickHouse nor a backup holds more.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from normalizers.model import DeliveryReport, InboundMessage
from normalizers.msisdn import read_number
from normalizers.written_numbers import digits_of, replace_number, replace_runs, split_number

_SHOWN_DIGITS: Final = 2
_MASK: Final = "*"
_HASH_PREFIX: Final = "hash:"


class StoredNumbers(StrEnum):
    """The form in which a phone number is kept."""

    FULL = "full"
    #: The calling code and the last two digits.
    MASKED = "masked"
    #: An HMAC-SHA256 of the number: the same number gives the same text, which can't be reversed without the key.
    KEYED_HASH = "keyed_hash"


@dataclass(frozen=True, slots=True)
class Privacy:
    """
    How records keep personal data.

    `keys` are those of `StoredNumbers.KEYED_HASH`: numbers are hashed with the first. Event ids are hashed with the
    last, so that adding a key in front does not make a provider's retry a new report.
    """

    numbers: StoredNumbers = StoredNumbers.FULL
    content: bool = True
    keys: Sequence[bytes] = ()

    def report(self, report: DeliveryReport) -> DeliveryReport:
        """Return a report with its recipient's number kept as the settings say, also in `raw` and other texts."""
        if self.numbers is StoredNumbers.FULL:
            return report
        kept = self.number(report.recipient)
        custom = report.custom
        if custom is not None:
            custom = msgspec.Raw(
                _replaced(bytes(msgspec.json.encode(custom)).decode(), report.recipient, kept).encode()
            )
        return msgspec.structs.replace(
            report,
            event_id=self.event_id(report.event_id),
            supersedes=report.supersedes and self.event_id(report.supersedes),
            recipient=kept,
            reference=_replaced(report.reference, report.recipient, kept),
            provider_text=_replaced(report.provider_text, report.recipient, kept),
            custom=custom,
            raw=_replaced(report.raw, report.recipient, kept),
        )

    def inbound(self, message: InboundMessage) -> InboundMessage:
        """Return an inbound message with its sender's number, and its content, kept as the settings say."""
        if not self.content:
            message = msgspec.structs.replace(message, content="", raw="")
        if self.numbers is StoredNumbers.FULL:
            return message
        kept = self.number(message.sender)
        return msgspec.structs.replace(
            message,
            event_id=self.event_id(message.event_id),
            sender=kept,
            content=_replaced(message.content, message.sender, kept),
            raw=_replaced(message.raw, message.sender, kept),
        )

    def body(self, body: bytes) -> bytes:
        """Return the bytes of a dead letter with every number in them kept as the settings say."""
        if self.numbers is StoredNumbers.FULL:
            return body
        try:
            return self._text(body.decode()).encode()
        except UnicodeDecodeError:
            return self._text(body.decode("latin-1")).encode("latin-1")

    def number(self, number: str) -> str:
        """
        Return the form in which a number is kept; `number` is E.164, or as it came if it could not be read.

        A number that is masked or hashed already is returned unchanged: pollers and replays start from stored records.
        """
        if _MASK in number or number.startswith(_HASH_PREFIX):
            return number
        match self.numbers:
            case StoredNumbers.FULL:
                return number
            case StoredNumbers.MASKED:
                return _masked(number)
            case StoredNumbers.KEYED_HASH:
                return hash_number(number, self.keys[0])

    def event_id(self, event_id: str) -> str:
        """Return an event id from which nobody without the key finds the number by trying all numbers."""
        if self.numbers is not StoredNumbers.KEYED_HASH:
            return event_id
        return str(UUID(bytes=hmac.digest(self.keys[-1], UUID(event_id).bytes, hashlib.sha256)[:16]))

    def _text(self, text: str) -> str:
        return replace_runs(text, lambda run: self.number(read_number(digits_of(run))[0]))


#: Records are stored unchanged.
KEEP_ALL: Final = Privacy()


def hash_number(number: str, key: bytes) -> str:
    """Return `hash:KEY:NUMBER`: four bytes that name the key, and 16 of the number's HMAC, in hexadecimal."""
    key_id = hashlib.blake2b(key, digest_size=4).hexdigest()
    return f"{_HASH_PREFIX}{key_id}:{hmac.digest(key, number.encode(), hashlib.sha256)[:16].hex()}"


def _masked(number: str) -> str:
    digits = digits_of(number)
    if len(digits) <= _SHOWN_DIGITS:
        return number
    country_code, _ = split_number(number)
    hidden = _MASK * (len(digits) - len(country_code) - _SHOWN_DIGITS)
    return f"{'+' if country_code else ''}{country_code}{hidden}{digits[-_SHOWN_DIGITS:]}"


def _replaced(text: str, number: str, kept: str) -> str:
    """Return `text` with every spelling of `number` replaced by `kept`."""
    return replace_number(text.replace(number, kept) if number else text, number, kept)
