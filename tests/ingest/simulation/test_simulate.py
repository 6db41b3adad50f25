"""`dlrhub simulate` against a real `dlrhub run`."""

from pathlib import Path

import aiohttp
from aiohttp import web

from tests.ingest.simulation.conftest import RunDlrhub, run_command

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


async def test_everything_that_was_acknowledged_is_stored_once(run_dlrhub: RunDlrhub) -> None:
    """All providers, played against dlrhub with guarded accounts: nothing lost, doubled or wrong, and it is said so."""
    dlrhub = await run_dlrhub(_ACCOUNTS)
    status, told, progress = await run_command(
        dlrhub.folder, "simulate", "--rate=0", "--count=600", "--malformed=0.1", "--fail=santo=0.7", "--seed=3"
    )
    assert (status, told.strip().splitlines()[-1]) == (0, "everything acknowledged is stored once"), told
    assert progress == ""
    sql = "SELECT countIf(status IN ('rejected', 'undeliverable')) / count() FROM dlr.messages WHERE provider = 'santo'"
    async with aiohttp.ClientSession() as session, session.post(dlrhub.query, data=sql) as answer:
        assert float(await answer.text()) > 0.6


async def test_what_is_acknowledged_and_not_stored_is_told(run_dlrhub: RunDlrhub) -> None:
    """Against a receiver that acknowledges without storing, every report is lost, and the exit status is 1."""
    dlrhub = await run_dlrhub("")

    async def forget(_: web.BaseRequest) -> web.Response:
        return web.Response(text="OK")

    runner = web.ServerRunner(web.Server(forget))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    status, told, _ = await run_command(
        dlrhub.folder,
        "simulate",
        "--rate=0",
        "--count=50",
        "--malformed=0",
        "--provider=cm",
        "--wait=1",
        f"--url={site.name}",
    )
    await runner.cleanup()
    assert status == 1
    assert "cm reports: 5" in told
    assert "lost, such as" in told


async def test_a_receiver_that_is_not_there_is_told(tmp_path: Path) -> None:
    """If no receiver answers, the exit status is 2."""
    status, told, _ = await run_command(tmp_path, "simulate", "--url=http://127.0.0.1:9")
    assert status == 2
    assert "can't be reached" in told
