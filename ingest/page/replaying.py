"""Replays of dead letters from the page: one replay at a time, of a bounded number of letters and seconds."""

import asyncio
from collections.abc import Iterable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiohttp import web

from ingest.connections.clickhouse import StoreClient
from ingest.page.parameters import LetterAsked, LettersAsked
from ingest.page.rows import Mask
from ingest.reprocessing.letters import START, LetterFilter, LetterPosition, count_letters
from ingest.reprocessing.replay import Replayed, replay
from ingest.reprocessing.rereading import Rereader
from ingest.settings.accounts import EffectiveAccount
from sinks.stream import Producer

_MOST_LETTERS: Final = 1000
#: The page waits for 30 seconds; the last letter and the store have the rest of them.
_MOST_SECONDS: Final = 15.0


class Replays:
    """Replays dead letters with the accounts of today's settings."""

    def __init__(
        self,
        accounts: Iterable[EffectiveAccount],
        producer: Producer,
        mask: Mask,
        *,
        most_letters: int = _MOST_LETTERS,
        most_seconds: float = _MOST_SECONDS,
    ) -> None:
        """Append to the stream; one call replays at most `most_letters`."""
        self._rereader = Rereader(accounts)
        self._producer = producer
        self._mask = mask
        self._most_letters = most_letters
        self._most_seconds = most_seconds
        self._running = asyncio.Lock()
        self._stopping = False

    async def run_one(self, store: StoreClient, asked: LetterAsked) -> dict[str, Any]:
        """Replay one letter; the answer and the errors are those of `run_all`."""
        return await self._run(store, LetterFilter(letter_id=asked.id), START)

    async def run_all(self, store: StoreClient, asked: LettersAsked) -> dict[str, Any]:
        """
        Replay the letters that match after a position, and return what became of each, how many are left, and `next`.

        Raises `HTTPConflict` while another replay runs, `StoreError`, `InvalidSettingsError` if Kafka refuses our credentials, and `BusyError`
        if the stream takes nothing; letters that were replayed before an error stay replayed.
        """
        since = datetime.fromtimestamp(asked.period.since / 1000, UTC)
        wanted = LetterFilter(
            provider=asked.provider or "", account=asked.account or "", why=asked.why or "", since=since
        )
        return await self._run(store, wanted, _position(asked.after) if asked.after else START)

    async def _run(self, store: StoreClient, wanted: LetterFilter, after: LetterPosition) -> dict[str, Any]:
        if self._running.locked():
            raise web.HTTPConflict(text="another replay is running: try again when it has ended")
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
        """Let a running replay finish its current letter, then end it."""
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
        words = self._mask.text(replayed.words)
        return {"id": replayed.letter_id, "resolved": replayed.resolved, "resolution": words}


def _text(position: LetterPosition) -> str:
    """Return a position as the page sends it back: microseconds since 1970, and the id."""
    return f"{(position.first_received_at - START.first_received_at) // timedelta(microseconds=1)}-{position.letter_id}"


def _position(text: str) -> LetterPosition:
    microseconds, _, letter_id = text.partition("-")
    return LetterPosition(START.first_received_at + timedelta(microseconds=int(microseconds)), letter_id)
