"""
The effect of an attack on good traffic: its p99 beside each attack on the receiver, and its p99 alone.

    python -m tests.bench.attacks [--seconds 4] [--swing 2]

Starts `dlrhub ingest` and posts good callbacks at a steady pace, alone and then beside each attack, which comes from a
process of its own. Prints both p99 and their ratio; a ratio of more than 3 fails. tests/program/test_attacks.py measures
the same in short, and repeats a round that the machine's other work may have spoilt.
"""

import argparse
import asyncio
import gzip
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import NamedTuple

from tests.program.running import Program

ACCOUNTS = '[{"provider":"juhe","secrets":["right-one"]}]'
BODY = b'[{"flag":1,"mid":"%d","mobile":"18983437011","stat":"DELIVRD"}]'
GOOD_CONNECTIONS = 8
GOOD_ADDRESS = ("127.0.0.2", 0)  # not the attacker's
GOOD_PAUSE_SECONDS = 0.02
MOST_RATIO = 3.0
#: How long an attack needs to open its connections and send what it sends at first.
SWING_SECONDS = 2.0


class _Target(NamedTuple):
    """The receiver's port, and an event that is set by the first connection to it."""

    port: int
    begun: Event

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection."""
        streams = await asyncio.open_connection("127.0.0.1", self.port)
        self.begun.set()
        return streams


Attack = Callable[[_Target], Awaitable[None]]


def post(path: str, body: bytes, *headers: bytes, length: int | None = None) -> bytes:
    """Return a request as bytes."""
    head = b"POST /callbacks/%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n" % (path.encode(), length or len(body))
    return head + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body


async def bombs(target: _Target) -> None:
    """Send gzip bombs to a wrong secret, ten at a time."""
    bomb = gzip.compress(bytes(200_000_000), 9)
    request = post("juhe/default/wrong", bomb, b"Content-Encoding: gzip")
    await asyncio.gather(*(_again(target, request) for _ in range(10)))


async def partial_bodies(target: _Target) -> None:
    """Hold 400 bodies of a megabyte open, to the right secret, each but for its last byte."""
    request = post("juhe/default/right-one", b"[" + b" " * 999_998, length=1_000_000)
    await asyncio.gather(*(_hold(target, request) for _ in range(400)))


async def trickles(target: _Target) -> None:
    """Keep a thousand connections open that send a byte of a head every second."""
    await asyncio.gather(*(_trickle(target) for _ in range(1000)))


async def wrong_secrets(target: _Target) -> None:
    """Try secrets, as fast as they are refused, over fifty connections."""
    request = post("juhe/default/wrong", b"[]")
    await asyncio.gather(*(_again(target, request) for _ in range(50)))


async def tiny_chunks(target: _Target) -> None:
    """Send bodies in chunks of one byte to a wrong secret, over five connections."""
    head = b"POST /callbacks/juhe/default/wrong HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    await asyncio.gather(*(_again(target, head + b"1\r\n \r\n" * 50_000) for _ in range(5)))


async def endless_heads(target: _Target) -> None:
    """Hold forty heads of a megabyte open, each but for its end."""
    lines = b"".join(b"A%d: %s\r\n" % (number, b"x" * 8000) for number in range(120))
    await asyncio.gather(*(_hold(target, b"GET / HTTP/1.1\r\nHost: x\r\n" + lines) for _ in range(40)))


ATTACKS: tuple[Attack, ...] = (bombs, partial_bodies, trickles, wrong_secrets, tiny_chunks, endless_heads)


async def _again(target: _Target, request: bytes) -> None:
    while True:
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await target.connect()
            writer.write(request)
            await reader.readuntil(b"\r\n\r\n")
            writer.close()


async def _hold(target: _Target, request: bytes) -> None:
    while True:
        with suppress(OSError):
            reader, writer = await target.connect()
            writer.write(request)
            await reader.read()
            writer.close()
        await asyncio.sleep(1)


async def _trickle(target: _Target) -> None:
    while True:
        with suppress(OSError):
            reader, writer = await target.connect()
            while not reader.at_eof():
                writer.write(b"G")
                await writer.drain()
                await asyncio.sleep(1)
        await asyncio.sleep(1)


async def good(port: int, seconds: float) -> list[float]:
    """Post good callbacks for a while; return how long each took, in milliseconds."""
    return [
        taken
        for some in await asyncio.gather(*(_post_good(port, seconds, n) for n in range(GOOD_CONNECTIONS)))
        for taken in some
    ]


async def _post_good(port: int, seconds: float, number: int) -> list[float]:
    taken: list[float] = []
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=GOOD_ADDRESS)
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            started = time.perf_counter()
            writer.write(post("juhe/default/right-one", BODY % (number * 10**6 + len(taken))))
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(2)
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"a good callback was answered {head[:20]!r}")
            taken.append(1000 * (time.perf_counter() - started))
            await asyncio.sleep(GOOD_PAUSE_SECONDS)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    return taken


def _run(attack: Attack, port: int, begun: Event) -> None:
    asyncio.run(attack(_Target(port, begun)))  # type: ignore[arg-type]


@contextmanager
def under(attack: Attack, port: int, swing_seconds: float) -> Iterator[None]:
    """Attack from a process of its own, from `swing_seconds` before the block begins until it ends."""
    spawn = multiprocessing.get_context("spawn")
    begun = spawn.Event()
    process = spawn.Process(target=_run, args=(attack, port, begun), daemon=True)
    process.start()
    try:
        if not begun.wait(60):
            raise TimeoutError("the attack does not begin")
        time.sleep(swing_seconds)
        yield
    finally:
        process.kill()
        process.join()


def p99(port: int, seconds: float) -> float:
    """Return the p99 of good traffic, in milliseconds."""
    return statistics.quantiles(asyncio.run(good(port, seconds)), n=100)[98]


class Slowdown(NamedTuple):
    """The p99 of good traffic in milliseconds, alone and beside an attack."""

    alone: float
    beside: float

    @property
    def ratio(self) -> float:
        """How many times as long good traffic takes."""
        return self.beside / self.alone


def slowdown(attack: Attack, port: int, seconds: float, swing_seconds: float = SWING_SECONDS) -> Slowdown:
    """Measure good traffic alone and then beside an attack, for so many seconds each."""
    alone = p99(port, seconds)
    with under(attack, port, swing_seconds):
        return Slowdown(alone, p99(port, seconds))


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=4)
    arguments.add_argument(
        "--swing",
        type=float,
        default=SWING_SECONDS,
        help="seconds from an attack's first connection to the measurement",
    )
    given = arguments.parse_args()
    worst = 0.0
    with (
        tempfile.TemporaryDirectory() as folder,
        Program(Path(folder), ("ingest",), {"DLRHUB_ACCOUNTS": ACCOUNTS}) as program,
    ):
        p99(program.receiver, 1)
        for attack in ATTACKS:
            found = slowdown(attack, program.receiver, given.seconds, given.swing)
            worst = max(worst, found.ratio)
            print(
                f"{attack.__name__:15} p99 alone {found.alone:6.1f} ms, beside it {found.beside:6.1f} ms, ratio {found.ratio:.2f}",
                flush=True,
            )
    if worst > MOST_RATIO:
        raise SystemExit(f"good traffic took {worst:.1f} times as long as alone")


if __name__ == "__main__":
    main()
