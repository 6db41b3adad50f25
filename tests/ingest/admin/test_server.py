"""The admin listener's answers and its access control."""

from collections.abc import Mapping

import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from ingest.admin.server import Admin, Check, make_app
from ingest.metrics import catalogue
from ingest.metrics.series import Totals
from ingest.settings.settings import AdminSettings


def saying(fault: str) -> Check:
    """Make a check that finds this fault (empty: none)."""

    async def check() -> str:
        return fault

    return check


async def open_admin(
    aiohttp_client: AiohttpClient, checks: Mapping[str, Check] | None = None, token: str | None = None
) -> TestClient:  # type: ignore[type-arg]
    """Open an admin listener over counted callbacks."""
    totals = Totals(catalogue.ALL)
    totals.update("receiver-0", {"dlr_callbacks": [(("cm", "stored"), 3)]})
    settings = AdminSettings.model_validate({"token": token})
    return await aiohttp_client(make_app(Admin(checks or {}, totals), settings))


async def test_ready_is_what_every_part_is(aiohttp_client: AiohttpClient) -> None:
    """`/readyz` is 200 if every part does its work, else 503 with the faults."""
    client = await open_admin(aiohttp_client, {"receiver-0": saying(""), "store": saying("not started")})
    answer = await client.get("/readyz")
    assert (answer.status, await answer.text()) == (503, "receiver-0: ok\nstore: not started\n")
    client = await open_admin(aiohttp_client, {"store": saying("")})
    assert (await client.get("/readyz")).status == 200
    assert (await client.get("/healthz")).status == 200


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [("", "text/plain"), ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text")],
)
async def test_metrics_are_exposed_in_the_format_asked_for(
    aiohttp_client: AiohttpClient, accept: str, content_type: str
) -> None:
    """A scrape gets Prometheus' text format, or OpenMetrics where it asks for it."""
    client = await open_admin(aiohttp_client)
    answer = await client.get("/metrics", headers={"Accept": accept} if accept else {})
    assert answer.content_type == content_type
    assert 'dlr_callbacks_total{outcome="stored",provider="cm"} 3.0' in await answer.text()


async def test_a_token_is_asked_for_but_by_the_probes(aiohttp_client: AiohttpClient) -> None:
    """With a token set, everything but the probes needs it."""
    client = await open_admin(aiohttp_client, token="t0ken")
    assert (await client.get("/metrics")).status == 401
    assert (await client.get("/metrics", headers={"Authorization": "Bearer other"})).status == 401
    assert (await client.get("/metrics", headers={"Authorization": "Bearer t0ken"})).status == 200
    assert (await client.get("/healthz")).status == 200
    assert (await client.get("/readyz")).status == 200


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz", "/", "/nothing"])
async def test_without_a_token_only_an_address_is_answered(aiohttp_client: AiohttpClient, path: str) -> None:
    """Without a token, requests under a host name are refused: a web page could have pointed it at this machine."""
    client = await open_admin(aiohttp_client)
    assert (await client.get(path, headers={"Host": "rebound.example:8081"})).status == 403
    for host in ("localhost:8081", "127.0.0.1", "[::1]:8081"):
        assert (await client.get(path, headers={"Host": host})).status != 403
    guarded = await open_admin(aiohttp_client, token="t0ken")
    headers = {"Host": "dlrhub.example", "Authorization": "Bearer t0ken"}
    assert (await guarded.get(path, headers=headers)).status != 403


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz"])
async def test_head_is_answered_without_a_body(aiohttp_client: AiohttpClient, path: str) -> None:
    """HEAD gets the headers of GET and no body."""
    client = await open_admin(aiohttp_client)
    answer = await client.head(path)
    assert (answer.status, await answer.read()) == (200, b"")
