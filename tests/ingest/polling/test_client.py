"""Polling over HTTP: the outcome of a request for each kind of answer."""

import asyncio
import ssl
import subprocess
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web

from ingest.metrics import catalogue
from ingest.polling.client import PollAnswer, ProviderClient
from ingest.simulation import wrong_answers
from ingest.simulation.wrong_answers import Handler
from normalizers.polling import PollOutcome
from tests.ingest.polling.accounts import make_account, make_server
from tests.ingest.polling.simulated import SimulatedProviders, answer_late


@asynccontextmanager
async def asker_of(url: str, provider: str = "cmessages", **given: Any) -> AsyncIterator[ProviderClient]:
    """Make an client, and hang up in the end."""
    client = ProviderClient(make_account(provider, url, **given))
    try:
        yield client
    finally:
        await client.close()


async def ask_balance(client: ProviderClient) -> PollAnswer[float]:
    """Ask the simplest question."""
    balance = client.account.poll.balance
    assert balance is not None
    return await client.ask("balance", lambda: balance.request(client.account.asking()), balance.read)


async def outcome_of(server: SimulatedProviders, **given: Any) -> PollOutcome:
    """Ask a server once."""
    async with server.serve() as url, asker_of(url, **given) as client:
        return (await ask_balance(client)).outcome


@pytest.mark.parametrize(
    ("handler", "outcome"),
    [
        (wrong_answers.answer_500, PollOutcome.FAILED),
        (wrong_answers.answer_502, PollOutcome.FAILED),
        (wrong_answers.answer_429, PollOutcome.RATE_LIMITED),
        (wrong_answers.answer_rubbish, PollOutcome.UNREADABLE),
        (wrong_answers.answer_half, PollOutcome.UNREADABLE),
        (answer_late, PollOutcome.UNREACHABLE),
    ],
)
async def test_whatever_is_answered_has_an_outcome(handler: Handler, outcome: PollOutcome) -> None:
    """Errors, rate limits, rubbish, half an answer and none in time are told apart, and raise nothing."""
    server = make_server(forced={"cmessages": deque([handler])})
    assert await outcome_of(server, timeout_s=1) is outcome


@pytest.mark.parametrize("provider", ["cmessages", "santo", "juhe"])
async def test_the_credentials_are_those_of_the_settings(provider: str) -> None:
    """Each provider's server, which knows its credentials and its clock, lets an account in."""
    async with make_server().serve() as url, asker_of(url, provider) as client:
        answer = await ask_balance(client)
        assert (answer.outcome, answer.value) == (
            PollOutcome.ANSWERED,
            {"cmessages": 10, "santo": 100, "juhe": -153278040}[provider],
        )


async def test_an_address_may_end_in_the_path() -> None:
    """A Juhe address is taken with or without the `/sms` that its document prints."""
    async with make_server().serve() as url, asker_of(f"{url}/sms", "juhe") as client:
        assert (await ask_balance(client)).outcome is PollOutcome.ANSWERED


async def test_nobody_there() -> None:
    """A server that does not listen is unreachable."""
    async with make_server().serve() as url:
        pass
    async with asker_of(url) as client:
        assert (await ask_balance(client)).outcome is PollOutcome.UNREACHABLE


async def test_a_redirect_is_not_followed() -> None:
    """Credentials go to the address in the settings, and nowhere else."""
    elsewhere = make_server()
    async with elsewhere.serve() as other:

        async def redirect(_: web.Request) -> web.StreamResponse:
            raise web.HTTPTemporaryRedirect(f"{other}/sms/get_balance")

        server = make_server(forced={"cmessages": deque([redirect])})
        assert await outcome_of(server) is PollOutcome.DENIED
    assert elsewhere.requests == []


async def test_a_rejected_signature_is_one_line_and_no_storm() -> None:
    """A signature that is turned down (403) is one line in the log, a metric, and silence for a quarter of an hour."""
    labels = ("cmessages", "default", "denied")
    before = catalogue.POLL_REQUESTS.values.get(labels, 0)
    server = make_server()
    with structlog.testing.capture_logs() as logs:
        async with server.serve() as url, asker_of(url, app_key="wr0ng", concurrency=8) as client:
            asking = [asyncio.create_task(ask_balance(client)) for _ in range(20)]
            await asyncio.wait(asking, timeout=2.0)
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
    sent = len(server.requests)
    assert sent <= 8, "only what was under way already"
    assert catalogue.POLL_REQUESTS.values[labels] - before == sent
    [line] = logs
    assert (line["log_level"], line["provider"], line["account"]) == ("error", "cmessages", "default")
    assert "signature" in line["why"]
    assert "wr0ng" not in str(line)


async def test_trouble_is_told_once() -> None:
    """A provider that is down is one line in the log, however often it is asked."""
    server = make_server(forced={"cmessages": deque([wrong_answers.answer_500] * 3)})
    with structlog.testing.capture_logs() as logs:
        async with server.serve() as url, asker_of(url) as client:
            for _ in range(3):
                await ask_balance(client)
    assert [line["outcome"] for line in logs] == [PollOutcome.FAILED]


async def test_a_stranger_with_a_certificate_of_its_own_is_told_nothing(tmp_path: Path) -> None:
    """A server with a certificate of no trusted authority gets no request."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("openssl can't make a certificate")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    server = make_server()
    runner = web.AppRunner(server.app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    port = runner.addresses[0][1]
    with structlog.testing.capture_logs() as logs:
        async with asker_of(f"https://localhost:{port}") as client:
            assert (await ask_balance(client)).outcome is PollOutcome.UNREACHABLE
    await runner.cleanup()
    assert "Certificate" in logs[0]["why"]
    assert server.requests == []


async def test_what_is_under_way_is_finished_at_the_end() -> None:
    """A request under way is finished even if its caller was cancelled, and its answer is kept."""
    kept: list[bytes] = []

    async def keep(body: bytes) -> None:
        kept.append(body)

    async def slow(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.5)
        return web.json_response({"balance": 1})

    server = make_server(forced={"cmessages": deque([slow])})
    async with server.serve() as url, asker_of(url) as client:
        balance = client.account.poll.balance
        assert balance is not None
        asking = asyncio.create_task(
            client.ask("balance", lambda: balance.request(client.account.asking()), balance.read, keep)
        )
        while not server.requests:
            await asyncio.sleep(0.01)
        asking.cancel()
    assert kept == [b'{"balance": 1}']
