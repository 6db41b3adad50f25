"""The receiver's answers over HTTP (`deploy/docs/answers.md`), and that acknowledged reports are durable."""

import asyncio
import gzip
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import orjson
import pytest

from sinks.errors import BusyError
from sinks.stream import Topic
from tests.ingest.receiver.callbacks import CLOUDSMS, CLOUDSMS_ENVELOPE, CM, EXAMPLES, JUHE, JUHE_ITEM, SANTO
from tests.ingest.receiver.conftest import Post, StartReceiver


@pytest.mark.parametrize(("path", "body"), EXAMPLES, ids=["cm", "juhe", "santo", "cloudsms"])
async def test_a_report_is_durable_when_it_is_acknowledged(post: Post, path: str, body: bytes | None) -> None:
    """Each provider gets the answer that it asks for once its report is in the journal."""
    status, answer = await post(path, body)
    [report] = await post.kept(Topic.REPORTS)
    assert (status, report["message_id"], report["status"]) == (200, "a1", "delivered")
    if body is CLOUDSMS:
        said = orjson.loads(answer)
        assert said.pop("TIME")
        assert said == {
            "METHOD": "SMS_PUSH_REPORT",
            "TYPE": "ANSWER",
            "SERIAL": 77,
            "RESULT_CODE": 1,
            "RESULT_DESC": "OK",
        }
    else:
        assert answer == b"OK"


async def test_a_raw_bar_in_the_url_is_taken(post: Post) -> None:
    """Santo puts a raw `|` into its URL, byte for byte as its document prints it."""
    target = (
        "/callbacks/santo/?command=RT_REQUEST&msgid=0513594772db8c&da=8618688888888&dc=15"
        "&sm=30353133353934373732646238637c307c44454c495652447c7c&rsm=0513594772db8c|0|DELIVRD||"
    )
    parts = urlsplit(post.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\nOK")
    [report] = await post.kept(Topic.REPORTS)
    assert report["message_id"] == "0513594772db8c"


@pytest.mark.parametrize(
    ("path", "body", "why"),
    [
        ("cm", b"{", "not_json"),
        ("cm", b"", "empty"),
        ("juhe", b'[{"flag": 1}]', "missing_field"),
        ("santo?command=RT_REQUEST", None, "missing_field"),
        ("cloudsms", b"nope", "not_json"),
    ],
)
async def test_what_cannot_be_read_is_kept_first_and_answered_400(
    post: Post, path: str, body: bytes | None, why: str
) -> None:
    """A callback that can't be read becomes a dead letter, whole, before its 400 says what is wrong and where."""
    status, answer = await post(path, body)
    [letter] = await post.kept(Topic.DEAD_LETTERS)
    assert (status, letter["why"], letter["body"]) == (400, why, (body or b"").decode())
    assert answer.count(b"\n") <= 1
    assert len(answer) > 5


async def test_cloudsms_is_told_in_its_own_codes(post: Post) -> None:
    """CloudSMS gets an ANSWER with the UIP code of what is wrong, and its SERIAL."""
    for body, code in ((b"", 4), (b"{", 0x10000003), (b"{}", 0x10000007), (b"[]", 0x10000001)):
        status, answer = await post("cloudsms", body, method="POST")
        assert (status, orjson.loads(answer)["RESULT_CODE"]) == (400, code)
    status, answer = await post("cloudsms", orjson.dumps({**CLOUDSMS_ENVELOPE, "SMS_RESULT_LIST": None}))
    assert (status, orjson.loads(answer)["SERIAL"]) == (400, 77)


async def test_one_bad_item_costs_itself_alone(post: Post) -> None:
    """The good items of a batch are stored, the bad one is a dead letter, and the answer is `stored`."""
    items = [JUHE_ITEM, {"flag": 1, "mid": "a2"}, {**JUHE_ITEM, "mid": "a3"}]
    assert await post("juhe", orjson.dumps(items)) == (200, b"OK")
    assert [report["message_id"] for report in await post.kept(Topic.REPORTS)] == ["a1", "a3"]
    [letter] = await post.kept(Topic.DEAD_LETTERS)
    assert (letter["why"], letter["location"], letter["body"]) == (
        "missing_field",
        "$[1].stat",
        '{"flag":1,"mid":"a2"}',
    )


async def test_an_account_may_acknowledge_what_cannot_be_read(start_receiver: StartReceiver) -> None:
    """With acknowledge_unreadable the 400 becomes `stored`; the dead letter is kept all the same."""
    post = await start_receiver(accounts=[{"provider": "cm", "acknowledge_unreadable": True}])
    assert await post("cm", b"{") == (200, b"OK")
    assert len(await post.kept(Topic.DEAD_LETTERS)) == 1


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("nobody", b"{}", 404),
        ("cm/other", CM, 404),
        ("cm/default/secret/more", CM, 404),
        ("cmessages", b"{}", 404),
        ("../callbacks", b"", 404),
        ("juhe", None, 405),
        ("cloudsms", None, 405),
    ],
)
async def test_what_is_not_there_is_said_so(post: Post, path: str, body: bytes | None, status: int) -> None:
    """Unknown providers, accounts and methods get 404 and 405, and nothing is kept."""
    assert (await post(path, body))[0] == status
    assert await post.kept(Topic.DEAD_LETTERS) == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
async def test_other_methods_are_refused(post: Post, method: str) -> None:
    """Only the methods that a provider calls back with are taken."""
    assert (await post("cm", method=method))[0] == 405


async def test_a_body_that_is_too_large_is_refused(start_receiver: StartReceiver) -> None:
    """Beyond max_body_bytes a callback gets 413, compressed or not, and nothing is kept; up to it, it is read."""
    post = await start_receiver(receiver={"max_body_bytes": 2000})
    fits = JUHE[:-1] + b" " * (2000 - len(JUHE)) + b"]"
    assert await post("juhe", fits) == (200, b"OK")
    assert (await post("juhe", fits[:-1] + b" ]"))[0] == 413
    bomb = gzip.compress(b" " * 1_000_000)
    assert (await post("juhe", bomb, headers={"Content-Encoding": "gzip"}))[0] == 413
    assert await post.kept(Topic.DEAD_LETTERS) == []


async def test_a_slow_body_is_given_up(start_receiver: StartReceiver) -> None:
    """A body that does not arrive in time gets 408."""
    post = await start_receiver(receiver={"body_timeout_s": 0.2})
    parts = urlsplit(post.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(b"POST /callbacks/juhe HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[")
    async with asyncio.timeout(5):
        assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
    writer.close()


@pytest.mark.parametrize(
    ("version", "header", "closes"),
    [
        ("1.1", "X: y", False),
        ("1.1", "Connection: close", True),
        ("1.0", "X: y", True),
        ("1.0", "Connection: keep-alive", False),
    ],
    ids=["kept", "closed", "old", "old-kept"],
)
async def test_every_client_gets_a_whole_response(post: Post, version: str, header: str, *, closes: bool) -> None:
    """Whether the connection is kept or not, an answer has its headers, and a kept connection takes the next one."""
    parts = urlsplit(post.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    async with asyncio.timeout(5):
        for number in range(1 if closes else 3):
            writer.write(f"GET /callbacks/{SANTO}{number} HTTP/{version}\r\nHost: x\r\n{header}\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            status, *headers = head.strip().split("\r\n")
            said = dict(line.split(": ", 1) for line in headers)
            assert status == f"HTTP/{version} 200 OK"
            assert said["Content-Type"].startswith("text/plain")
            assert abs(parsedate_to_datetime(said["Date"]) - datetime.now(UTC)) < timedelta(seconds=5)
            assert await reader.readexactly(int(said["Content-Length"])) == b"OK"
        assert reader.at_eof() or not closes or await reader.read() == b""
    writer.close()
    assert len(await post.kept(Topic.REPORTS)) == (1 if closes else 3)


async def test_a_stream_that_is_busy_acknowledges_nothing(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the stream takes nothing, providers are asked to come again, each in its own way."""

    async def busy(_: object) -> None:
        raise BusyError("full")

    monkeypatch.setattr(post.journal, "append", busy)
    for path, body in EXAMPLES:
        async with post.client.request(
            "GET" if body is None else "POST", f"{post.url}/callbacks/{path}", data=body
        ) as response:
            assert response.status == 503
            assert int(response.headers["Retry-After"]) > 0
            if body is CLOUDSMS:
                assert orjson.loads(await response.read())["RESULT_CODE"] == 3
    assert (await post("cm", b"{"))[0] == 503
