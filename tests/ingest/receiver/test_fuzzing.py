"""Noise at every provider's path, as bytes over a socket: it is always answered, and never breaks a parser of ours."""

import asyncio
from collections.abc import Iterator

import orjson
import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.http_server.serving import serve
from ingest.receiver.access import access_by_account
from ingest.receiver.server import Receiver, make_server
from ingest.settings.accounts import effective_accounts
from ingest.settings.settings import Settings
from normalizers import PROVIDERS
from sinks.stream import Topic
from tests.ingest.receiver.sockets import connection, read_answer
from tests.ingest.receiver.test_batching import Stream
from tests.normalizers.examples import PAYLOADS

CALLED = sorted(name for name, provider in PROVIDERS.items() if provider.methods)
REQUESTS = {name: [path.read_bytes() for path in sorted(PAYLOADS.glob(f"{name}/*.http"))] for name in CALLED}
ANSWERS = {200, 400, 403, 404, 405, 408, 413, 415, 417}
NOISE = st.one_of(
    st.binary(max_size=9),
    st.sampled_from(
        [b"\x00", b"%", b"%00", b"\xff", b"\\u0000", b"null", b"[" * 500, b'{"a":' * 300, b"-1e999", b"&&==", b"\r\n"]
    ),
)


class Target:
    """A receiver with short time limits over a stream in memory, on a loop of its own."""

    def __init__(self, runner: asyncio.Runner) -> None:
        """Make it; `send` starts it for each request."""
        self._runner = runner
        self._limits = {
            "receiver": {"body_timeout_s": 0.3, "header_timeout_s": 0.3, "refused_rate": 1e9, "refused_burst": 10**9}
        }

    def send(self, request: bytes) -> tuple[int, Stream]:
        """Send a request; return its status and what was kept."""
        return self._runner.run(self._send(request))

    async def _send(self, request: bytes) -> tuple[int, Stream]:
        chosen = Settings.model_validate(self._limits)
        stream = Stream()
        receiver = Receiver(access_by_account(effective_accounts(chosen)), stream, chosen.receiver)
        runner = web.ServerRunner(make_server(receiver, chosen.receiver), shutdown_timeout=0.1)
        async with serve(runner, "127.0.0.1", 0) as port, connection(f"http://127.0.0.1:{port}") as (reader, writer):
            writer.write(request)
            status, _ = await read_answer(reader)
        return status, stream


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    """Make a receiver to be fuzzed."""
    with asyncio.Runner() as runner:
        yield Target(runner)


def framed(request: bytes) -> bytes:
    """Return a request with the length that its body has, without which the server would wait for the rest."""
    head, _, body = request.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
    return b"\r\n".join((*lines, b"Content-Length: %d" % len(body), b"", body))


@pytest.mark.parametrize("provider", CALLED)
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_noise_is_answered(target: Target, provider: str, data: st.DataObject) -> None:
    """A request with noise in it gets a provider's or HTTP's answer, and no parser of ours fails over it."""
    request = data.draw(st.sampled_from(REQUESTS[provider]))
    for _ in range(data.draw(st.integers(1, 3))):
        at, length, noise = data.draw(st.tuples(st.integers(0, len(request)), st.integers(0, 9), NOISE))
        request = request[:at] + noise + request[at + length :]
    status, stream = target.send(framed(request))
    assert status in ANSWERS
    kept = [
        orjson.loads(record.value)
        for records in stream.appends
        for record in records
        if record.topic is Topic.DEAD_LETTERS
    ]
    assert not [letter for letter in kept if letter["why"] == "parser_error"]


@pytest.mark.parametrize("provider", CALLED)
def test_a_request_cut_short_is_given_up(target: Target, provider: str) -> None:
    """A request that ends too early is answered 408, wherever it is cut, and nothing of it is kept."""
    request = framed(REQUESTS[provider][0])
    for length in range(1, len(request) - 1, max(1, len(request) // 5)):
        status, stream = target.send(request[:length])
        assert (status, stream.appends) == (408, [])
