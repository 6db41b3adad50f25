"""Replays dead letters for the page: one replay at a time, with limits on letters and seconds."""

import asyncio
from collections.abc import Iterable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiohttp import web

from ingest.connections.clickhouse import StoreClient
from ingest.page.parameters import LetterParameters, LettersParameters
from ingest.page.rows import Mask
from ingest.reprocessing.letters import START, LetterFilter, LetterPosition, count_letters
from ingest.reprocessing.replay import Replayed, replay
from ingest.reprocessing.rereading import Rereader
from ingest.settings.accounts import EffectiveAccount
from sinks.stream import Producer

_MOST_LETTERS: Final = 1000
#: The page waits for 30 seconds; the rest is for the last letter and the store.
_MOST_SECONDS: Final = 15.0


class Replays:
    """Replays dead letters by the accounts of today's settings, at most `most_letters` in one call."""

    def __init__(
        self, accounts: Iterable[EffectiveAccount], producer: Producer, mask: Mask, *, most_letters: int = _MOST_LETTERS
    ) -> None:
        self._rereader = Rereader(accounts)
        self._producer = producer
        self._mask = mask
        self._most_letters = most_letters
        self._running = asyncio.Lock()
        self._stopping = False

    async def run_one(self, store: StoreClient, asked: LetterParameters) -> dict[str, Any]:
        """Replay one letter; returns and raises as `run_all`."""
        return await self._run(store, LetterFilter(letter_id=asked.id), START)

    async def run_all(self, store: StoreClient, asked: LettersParameters) -> dict[str, Any]:
        """
        Replay the matching letters after a position; return the outcome of each, how many are left, and where to go on.

        Raises `HTTPConflict` while another replay runs, `StoreError`, `BusyError` if the stream takes nothing, and
        `InvalidSettingsError` if Kafka refuses our credentials. Letters that were replayed before an error stay so.
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
            replayed, are_all = await self._replay(store, wanted, after)
            last = replayed[-1].position if replayed else after
            left = 0 if are_all else await count_letters(store, wanted, last)
        return {
            "letters": [
                {"id": each.position.letter_id, "resolved": each.resolved, "resolution": self._mask.text(each.words)}
                for each in replayed
            ],
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
        """Replay letters up to the limits; return the outcomes, and whether these are all letters that match."""
        clock = asyncio.get_running_loop().time
        until = clock() + _MOST_SECONDS
        done: list[Replayed] = []
        async with aclosing(replay(store, self._producer, self._rereader, wanted, after)) as running:
            async for each in running:
                done.append(each)
                if len(done) >= self._most_letters or clock() >= until or self._stopping:
                    return done, False
        return done, True


def _text(position: LetterPosition) -> str:
    """Write a position as text: microseconds since 1970, and the id."""
    return f"{(position.first_received_at - START.first_received_at) // timedelta(microseconds=1)}-{position.letter_id}"


def _position(text: str) -> LetterPosition:
    microseconds, _, letter_id = text.partition("-")
    return LetterPosition(START.first_received_at + timedelta(microseconds=int(microseconds)), letter_id)
