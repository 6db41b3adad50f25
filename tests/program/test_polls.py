"""The running program polls simulated providers, and combines submissions, callbacks and polls."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from ingest.simulation.known_messages import mobile_of
from tests.ingest.polling.accounts import CREDENTIALS, make_server, poll_settings
from tests.ingest.polling.simulated import SimulatedProviders, juhe_report
from tests.program.running import Program
from tests.waiting import wait_until


@pytest.fixture
async def server() -> AsyncIterator[tuple[SimulatedProviders, str]]:
    """Serve the simulated providers."""
    simulated = make_server()
    async with simulated.serve() as url:
        yield simulated, url


def write_settings(folder: Path, url: str, *providers: str, **given: Any) -> None:
    """Write settings with a polled account of each provider."""
    lines = []
    for provider in providers:
        poll = poll_settings(provider, url, **{"first_delay_s": 1, "balance": True, **given})
        inline = ", ".join(f"{name} = {orjson.dumps(value).decode()}" for name, value in poll.items())
        lines += ["[[accounts]]", f'provider = "{provider}"', f"poll = {{ {inline} }}"]
    (folder / "dlrhub.toml").write_text("\n".join(lines), encoding="utf-8")


async def until(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait in a thread, so that the simulated providers keep answering, until the condition holds."""
    await asyncio.to_thread(wait_until, condition, seconds=seconds)


@asynccontextmanager
async def started(program: Program) -> AsyncIterator[None]:
    """Start a program, and kill what is still running at the end."""
    await asyncio.to_thread(program.start)
    try:
        yield
    finally:
        await asyncio.to_thread(program.__exit__)


def count(program: Program, where: str) -> int:
    """Count messages."""
    return int(program.ask(f"SELECT count() AS n FROM dlr.messages WHERE {where}")[0]["n"])


def sources(program: Program, message_id: str) -> list[str]:
    """Return the sources of the reports on a message."""
    return [row["source"] for row in program.ask(f"SELECT source FROM dlr.reports WHERE message_id = '{message_id}'")]


def santo_callback(message_id: str, state: str, code: str) -> str:
    """Return the path of a Santo callback about a message that the simulated providers know."""
    text = f"{message_id}%7C{state}%7C{code}"
    return f"santo?command=RT_REQUEST&msgid={message_id}&da=86{mobile_of(message_id)}&rsm={text}"


def submission(provider: str, message_id: str) -> dict[str, str]:
    """Return a submission of a message that the simulated providers know."""
    return {"provider": provider, "message_id": message_id, "recipient": f"+86{mobile_of(message_id)}"}


async def test_submitted_called_back_polled_and_missing(tmp_path: Path, server: tuple[SimulatedProviders, str]) -> None:
    """
    Messages without a callback are polled, and those that no provider knows stay pending.

    A callback with the same result as an earlier poll takes its place.
    """
    simulated, url = server
    write_settings(tmp_path, url, "santo", "cmessages", "juhe")
    simulated.states |= {"s-poll": "delivered", "s-never": "pending", "c-poll": "failed", "c-never": "pending"}
    simulated.reports.append(juhe_report("j-poll"))
    owners = {"s": "santo", "c": "cmessages", "j": "juhe"}
    names = ("s-call", "s-poll", "s-never", "c-poll", "c-never", "j-poll")
    body = orjson.dumps([submission(owners[name[0]], name) for name in names])
    program = Program(tmp_path)
    async with started(program):
        assert (await asyncio.to_thread(program.callback, santo_callback("s-call", "400", "402")))[0] == 200
        assert (await asyncio.to_thread(program.post, program.admin, "/submissions", body))[0] == 202
        await until(lambda: count(program, "final") == 4 and count(program, "reports > 0") >= 5)
        assert (await asyncio.to_thread(program.callback, santo_callback("s-poll", "0", "DELIVRD")))[0] == 200
        await until(lambda: sources(program, "s-poll") == ["callback"])
        found = await asyncio.to_thread(program.ask, "SELECT * FROM dlr.messages ORDER BY message_id")
        status, shown = await asyncio.to_thread(program.get, program.admin, "/metrics")
        assert await asyncio.to_thread(program.stop) == 0
    assert {row["message_id"]: (row["status"], bool(row["orphan"])) for row in found} == {
        "c-never": ("scheduled", False),
        "c-poll": ("undeliverable", False),
        "j-poll": ("delivered", False),
        "s-call": ("rejected", False),
        "s-never": ("unknown", False),
        "s-poll": ("delivered", False),
    }
    assert status == 200
    for line in (
        'dlr_balance{account="default",provider="juhe"} -153278040.0',
        'dlr_balance{account="default",provider="santo"} 100.0',
        'dlr_balance{account="default",provider="cmessages"} 10.0',
        'dlr_submissions_total{account="default",provider="santo"} 3.0',
        'dlr_poll_requests_total{account="default",outcome="denied",provider="cmessages"} 0.0',
    ):
        assert line in shown.decode(), shown.decode()
    log = program.log.read_text()
    assert not any(secret in log for secrets in CREDENTIALS.values() for secret in list(secrets.values())[1:])


def kept(folder: Path) -> list[str]:
    """Return the message ids in answers that are stored and not yet parsed."""
    with closing(sqlite3.connect(folder / "dlrhub-data" / "poll.db")) as database:
        bodies = [body for (body,) in database.execute("SELECT body FROM answers")]
    return [item["mid"] for body in bodies for item in orjson.loads(body).get("list", [])]


async def test_consuming_reads_lose_nothing_to_sigkill(tmp_path: Path, server: tuple[SimulatedProviders, str]) -> None:
    """Every report that Juhe handed over is stored once, except those of an answer in flight during the kill."""
    simulated, url = server
    write_settings(tmp_path, url, "juhe", size=10, every_s=0.2)
    program, in_flight, durable = Program(tmp_path), set[str](), set[str]()
    for kill in range(3):
        simulated.reports.extend(juhe_report(f"k{kill}-{n:05}") for n in range(400))
        most = len(simulated.handed_over) + 5 + 6 * kill
        async with started(program):
            await until(partial(has_handed_over, simulated, most))
            await asyncio.to_thread(program.kill)
        in_flight |= set(next((batch for batch in reversed(simulated.handed_over) if batch), []))
        durable |= set(await asyncio.to_thread(kept, tmp_path))
    async with started(program):
        await until(lambda: not simulated.reports, seconds=120)
        handed = {mid for batch in simulated.handed_over for mid in batch}
        await until(lambda: count(program, "final") >= len(handed - (in_flight - durable)))
        found = await asyncio.to_thread(program.ask, "SELECT message_id FROM dlr.reports")
        assert await asyncio.to_thread(program.stop) == 0
    stored = {row["message_id"] for row in found}
    assert len(handed) == 1200
    assert handed - stored <= in_flight - durable
    assert len(found) == len(stored)
    assert await asyncio.to_thread(kept, tmp_path) == []


def has_handed_over(server: SimulatedProviders, most: int) -> bool:
    """Tell whether a server has handed over `most` answers."""
    return len(server.handed_over) >= most
