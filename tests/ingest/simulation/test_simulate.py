"""`dlrhub simulate` against a real `dlrhub run`."""

import asyncio
from pathlib import Path

from aiohttp import web

from tests.ingest.simulation.receiver import receiver
from tests.program.running import Program

_ACCOUNTS = """
[[accounts]]
provider = "cm"
name = "eu"
secrets = ["new-secret", "old-secret"]
timezone = "Europe/Amsterdam"
fields = { STATUS = "state", GSM = "to" }
[[accounts]]
provider = "juhe"
secrets = ["s"]
acknowledge_unreadable = true
[[accounts]]
provider = "santo"
open = true
[[accounts]]
provider = "cloudsms"
auth_key = "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
"""


def test_everything_that_was_acknowledged_is_stored_once(tmp_path: Path) -> None:
    """All providers, played against dlrhub with guarded accounts: nothing lost, doubled or wrong, and it is said so."""
    (tmp_path / "dlrhub.toml").write_text(_ACCOUNTS, encoding="utf-8")
    with Program(tmp_path) as dlrhub:
        done = dlrhub.execute(
            "simulate", "--rate=0", "--count=600", "--malformed=0.1", "--fail=santo=0.7", "--seed=3", seconds=180
        )
        sql = "SELECT countIf(status IN ('rejected', 'undeliverable')) / count() AS share FROM dlr.messages"
        [row] = dlrhub.ask(f"{sql} WHERE provider = 'santo'")
    last = done.stdout.strip().splitlines()[-1]
    assert (done.returncode, last) == (0, "everything acknowledged is stored once"), done.stdout
    assert done.stderr == ""
    assert row["share"] > 0.6


async def test_what_is_acknowledged_and_not_stored_is_told(tmp_path: Path) -> None:
    """Against a receiver that acknowledges without storing, every report is lost, and the exit status is 1."""
    options = ("--rate=0", "--count=50", "--malformed=0", "--provider=cm", "--wait=1")
    with Program(tmp_path) as dlrhub:
        async with receiver(lambda *_: web.Response(text="OK")) as (url, _):
            done = await asyncio.to_thread(dlrhub.execute, "simulate", *options, f"--url={url}")
    assert done.returncode == 1
    assert "cm reports: 5" in done.stdout
    assert "lost, such as" in done.stdout


def test_a_receiver_that_is_not_there_is_told(tmp_path: Path) -> None:
    """If no receiver answers, the exit status is 2."""
    done = Program(tmp_path).execute("simulate", "--url=http://127.0.0.1:9")
    assert done.returncode == 2
    assert "can't be reached" in done.stdout
