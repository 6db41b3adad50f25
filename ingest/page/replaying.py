"""Replays of dead letters that people ask for on the page: one at a time, of a bounded number of letters and seconds."""

import asyncio
from collections.abc import Iterable
from contextlib import aclosing
from datetime import timedelta
from typing import Any, Final

from ingest.connections.clickhouse import StoreClient
from ingest.page.masks import shown
from ingest.reprocessing.letters import START, LetterFilter, LetterPosition, count_letters
from ingest.reprocessing.replay import Replayed, replay
from ingest.reprocessing.rereading import Rereader
from ingest.settings.accounts import EffectiveAccount
from sinks.stream import Producer

_MOST_LETTERS: Final = 1000
#: The page waits for 30 seconds; the last letter and the store have the rest of them.
_MOST_SECONDS: Final = 15.0


class ReplayRunningError(Exception):
    """Somebody else's replay has not ended."""


class Replays:
    """Replays dead letters with the accounts of today's settings."""

    def __init__(
        self,
        accounts: Iterable[EffectiveAccount],
        producer: Producer,
        *,
        show_numbers: bool,
        most_letters: int = _MOST_LETTERS,
        most_seconds: float = _MOST_SECONDS,
    ) -> None:
        """Append to the stream; one call replays at most `most_letters`."""
        self._rereader = Rereader(accounts)
        self._producer = producer
        self._show_numbers = show_numbers
        self._most_letters = most_letters
        self._most_seconds = most_seconds
        self._running = asyncio.Lock()
        self._stopping = False

    async def run(self, store: StoreClient, wanted: LetterFilter, after: LetterPosition = START) -> dict[str, Any]:
        """
        Replay the letters that match after a position, and return what became of each, how many are left, and `next`.

        Raises `ReplayRunningError`, `StoreError`, `InvalidSettingsError` if Kafka refuses our credentials, and `BusyError`
        if the stream takes nothing; letters that were replayed before an error stay replayed.
        """
        if self._running.locked():
            raise ReplayRunningError("another replay is running: try again when it has ended")
        async with self._running:
            replayed, is_whole = await self._replay(store, wanted, after)
            last = replayed[-1].position if replayed else after
            left = 0 if is_whole else await count_letters(store, wanted, last)
        return {
            "letters": [self._told(each) for each in replayed],
            "resolved": sum(each.resolved for each in replayed),
            "left": left,
            "next": _text(last) if left else None,
        }

    def stop(self) -> None:
        """End a replay that is running after the letter that it is at."""
        self._stopping = True

    async def _replay(
        self, store: StoreClient, wanted: LetterFilter, after: LetterPosition
    ) -> tuple[list[Replayed], bool]:
        """Return what became of the letters, and whether these were all that match."""
        clock = asyncio.get_running_loop().time
        until = clock() + self._most_seconds
        done: list[Replayed] = []
        async with aclosing(replay(store, self._producer, self._rereader, wanted, after)) as running:
            async for each in running:
                done.append(each)
                if len(done) >= self._most_letters or clock() >= until or self._stopping:
                    return done, False
        return done, True

    def _told(self, replayed: Replayed) -> dict[str, Any]:
        words = shown(replayed.words, show_numbers=self._show_numbers)
        return {"id": replayed.letter_id, "resolved": replayed.resolved, "resolution": words}


def _text(position: LetterPosition) -> str:
    """Return a position as the page sends it back: microseconds since 1970, and the id."""
    return f"{(position.first_received_at - START.first_received_at) // timedelta(microseconds=1)}-{position.letter_id}"
