"""Telling dlrhub what was sent."""

import aiohttp
import orjson
import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer

from ingest.settings.settings import Settings
from ingest.simulation.ledger import Ledger, RecordKind
from ingest.simulation.persistence import UnreachableError
from ingest.simulation.submit import SubmissionSender
from ingest.simulation.targets import open_targets
from tests.ingest.simulation.planning import plan

CALLBACK = next(callback for callback in plan("cm", submitted=1.0, malformed=0) if callback.submissions)


async def _send(sender: SubmissionSender, ledger: Ledger) -> None:
    async with aiohttp.ClientSession() as session:
        [target] = open_targets(Settings(), providers=("cm",)).values()
        await sender.send(session, target, CALLBACK.submissions, ledger)


async def test_submissions_are_posted_with_the_token(aiohttp_server: AiohttpServer) -> None:
    """Submissions go to the admin listener with its token, are tried again while it is busy, and are in the ledger."""
    posted: list[web.Request] = []

    async def take(request: web.Request) -> web.Response:
        await request.read()
        posted.append(request)
        return web.Response(status=202 if len(posted) > 1 else 503)

    app = web.Application()
    app.router.add_post("/submissions", take)
    server = await aiohttp_server(app)
    sender, ledger = SubmissionSender(f"http://127.0.0.1:{server.port}", "t0ken"), Ledger()
    await _send(sender, ledger)
    assert (len(posted), sender.sent, sender.retries) == (2, len(CALLBACK.submissions), 1)
    assert posted[1].headers["Authorization"] == "Bearer t0ken"
    [first, *_] = orjson.loads(await posted[1].read())
    sent = CALLBACK.submissions[0]
    assert (first["message_id"], first["recipient"]) == (sent.message_id, sent.number.e164)
    assert ledger.acknowledged(RecordKind.SUBMISSIONS, "cm") == len(CALLBACK.submissions)


async def test_refused_submissions_end_the_run(aiohttp_server: AiohttpServer) -> None:
    """If submissions are refused, the run ends with the answer, and the ledger has them as not acknowledged."""
    app = web.Application()
    server = await aiohttp_server(app)
    ledger = Ledger()
    with pytest.raises(UnreachableError, match="/submissions answers 404"):
        await _send(SubmissionSender(f"http://127.0.0.1:{server.port}"), ledger)
    assert ledger.acknowledged(RecordKind.SUBMISSIONS, "cm") == 0
