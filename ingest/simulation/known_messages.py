"""The messages that the polled providers of the simulation know, and the state of each."""

import zlib
from random import Random
from typing import Final

#: Of a hundred messages, how many are delivered, and how many failed or are delivered; the rest are pending.
_DELIVERED: Final = 90
_DECIDED: Final = 95


class KnownMessages:
    """The messages that were sent through the providers, by ids from `seed`; a hash of the id decides the state."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)
        self._mobiles: dict[str, str] = {}

    def send(self, mobile: str) -> str:
        """Accept a message to a number, and return its id."""
        message_id = f"{self._rng.getrandbits(52):013X}"
        self._mobiles[message_id] = mobile
        return message_id

    def mobile(self, message_id: str) -> str:
        """Return the number that a message went to."""
        return self._mobiles.get(message_id) or mobile_of(message_id)

    def state(self, message_id: str) -> str:
        """Return the state of a message: delivered, failed or pending."""
        bucket = zlib.crc32(message_id.encode()) % 100
        return "delivered" if bucket < _DELIVERED else "failed" if bucket < _DECIDED else "pending"


def mobile_of(message_id: str) -> str:
    """Return a made-up recipient for a message that was not sent here, always the same one."""
    return f"139{zlib.crc32(message_id.encode()) % 10**8:08}"
