"""Requests as bytes: what aiohttp's parser would refuse or not answer, and what is logged of it."""

import asyncio
import logging

import pytest
import structlog

from ingest.metrics import catalogue
from sinks.stream import Topic
from tests.ingest.receiver.callbacks import JUHE
from tests.ingest.receiver.conftest import Post, StartReceiver
from tests.ingest.receiver.sockets import connection, read_answer, send

SECRET = "hush-in-the-path"
NUMBER = "00447400123456"


@pytest.mark.parametrize("charset", ["gbk", "latin-1", "utf-8"])
async def test_text_in_a_query_may_come_as_it_is(post: Post, charset: str) -> None:
    """A query string with bytes beyond ASCII is read as if they were percent-encoded, in whatever charset they are."""
    text = "café" if charset == "latin-1" else "成功"
    query = f"STATUS=2&GSM={NUMBER}&REFERENCE=m-1&STANDARDERRORTEXT=".encode() + text.encode(charset)
    status, _ = await send(post.url, b"GET /callbacks/cm?" + query + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert status == 200
    [report] = await post.kept(Topic.REPORTS)
    assert report["message_id"] == "m-1"
    if charset == "utf-8":
        assert report["provider_text"] == text


@pytest.mark.parametrize("before", ["http://dlr.example", "HTTPS://dlr.example:8080", "http://[::1]"])
async def test_a_target_may_name_scheme_and_host(post: Post, before: str) -> None:
    """A target with scheme and host before its path is answered as the path alone is (RFC 9112, section 3.2.2)."""
    query = f"STATUS=2&GSM={NUMBER}&REFERENCE=m-1"
    request = f"GET {before}/callbacks/cm?{query} HTTP/1.1\r\nHost: dlr.example\r\n\r\n"
    assert await send(post.url, request.encode()) == (200, b"OK")
    assert len(await post.kept(Topic.REPORTS)) == 1
    for target in (f"{before}?x=/callbacks/cm&{query}", f"{before}", f"x{before}/callbacks/cm"):
        assert (await send(post.url, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()))[0] in {400, 404}


async def test_a_request_line_may_arrive_in_pieces(post: Post) -> None:
    """Bytes beyond ASCII are taken wherever the network cuts the request, and on a connection that was used before."""
    request = f"GET /callbacks/cm?STATUS=2&GSM={NUMBER}&REFERENCE=成功 HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    async with connection(post.url) as (reader, writer):
        for step in (1, 7, len(request)):
            for start in range(0, len(request), step):
                writer.write(request[start : start + step])
                await writer.drain()
                await asyncio.sleep(0)
            assert (await read_answer(reader))[0] == 200
    assert [report["message_id"] for report in await post.kept(Topic.REPORTS)] == ["成功"] * 3


async def test_a_body_is_never_rewritten(post: Post) -> None:
    """A body that looks like a request line with bytes beyond ASCII is kept as it came."""
    body = "GET /成功 HTTP/1.1\r\n\r\n".encode()
    head = f"POST /callbacks/juhe HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    async with connection(post.url) as (reader, writer):
        writer.write(head)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(body)
        assert (await read_answer(reader))[0] == 400
    [letter] = await post.kept(Topic.DEAD_LETTERS)
    assert letter["body"].encode() == body


REFUSED = {
    "a space in the target": f"GET /callbacks/cm/default/{SECRET}?GSM={NUMBER} 1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a control byte in a header": f"GET /callbacks/cm/default/{SECRET} HTTP/1.1\r\nHost: x\r\nAuthorization: {SECRET}\x01\r\n\r\n",
    "an endless line": f"GET /callbacks/cm/default/{SECRET}?GSM={NUMBER}&x={'x' * 40_000} HTTP/1.1\r\nHost: x\r\n\r\n",
    "no HTTP at all": f"{SECRET} {NUMBER}\r\n\r\n",
    "a broken chunk": "POST /callbacks/juhe HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    f"ZZ\r\n{SECRET} {NUMBER}",
    "two lengths": f"POST /callbacks/juhe HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{SECRET}",
}


@pytest.mark.parametrize("request_text", REFUSED.values(), ids=REFUSED.keys())
async def test_a_request_that_is_no_http_leaves_no_trace_of_its_content(
    post: Post, request_text: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A request that the parser refuses is answered 400 and counted; its content is neither echoed nor logged."""
    before = catalogue.REFUSED.values.get(("receiver", "not_http"), 0)
    with structlog.testing.capture_logs() as lines, caplog.at_level(logging.DEBUG):
        status, answer = await send(post.url, request_text.encode())
    assert status == 400
    assert catalogue.REFUSED.values[("receiver", "not_http")] > before
    for said in (answer.decode(), str(lines), caplog.text, *capfd.readouterr()):
        assert SECRET not in said
        assert NUMBER not in said


async def test_a_client_that_asks_whether_to_send_its_body_is_told_so(post: Post) -> None:
    """`Expect: 100-continue` is answered by 100, and then the body is read; another expectation is refused by 417."""
    head = f"POST /callbacks/juhe HTTP/1.1\r\nHost: x\r\nContent-Length: {len(JUHE)}\r\nExpect: ".encode()
    async with connection(post.url) as (reader, writer):
        writer.write(head + b"100-continue\r\n\r\n")
        assert (await read_answer(reader))[0] == 100
        writer.write(JUHE)
        assert await read_answer(reader) == (200, b"OK")
    assert (await send(post.url, head + b"a miracle\r\n\r\n"))[0] == 417
    assert len(await post.kept(Topic.REPORTS)) == 1


async def test_a_stranger_is_not_asked_for_a_body(start_receiver: StartReceiver) -> None:
    """Path, secret, address and length are judged before `100 Continue`, and before a body is read."""
    post = await start_receiver(
        accounts=[
            {"provider": "juhe", "secrets": ["right-one"]},
            {"provider": "cm", "allow": ["10.0.0.0/8"]},
            {"provider": "santo", "open": True},
        ]
    )
    cases = [("juhe/default/wrong", 5, 403), ("cm", 5, 403), ("nobody", 5, 404), ("juhe/default/right-one", 2**30, 413)]
    for path, length, status in cases:
        head = f"POST /callbacks/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
        assert (await send(post.url, head.encode()))[0] == status, path


async def test_head_has_no_body(post: Post) -> None:
    """An answer to HEAD has no body, so that the next answer on the connection is where the client looks for it."""
    async with connection(post.url) as (reader, writer):
        for path in (b"/nothing", b"/callbacks/cm"):
            writer.write(b"HEAD " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
        writer.write(b"POST /callbacks/juhe HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]")
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 ")
