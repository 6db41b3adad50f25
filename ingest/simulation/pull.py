"""
The three providers that are asked, as a server: cmessages, Santo and Juhe, by their documents.

It answers about messages that it was sent or told of, and about any other by what its id hashes to. Juhe's reports and
inbound messages are handed over once. Some requests it answers wrongly, where it is asked to: late, with errors, rate limits,
rubbish, or half an answer.
"""

import asyncio
import hashlib
import time
import zlib
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any, Final

import orjson
from aiohttp import web

from ingest import http_server

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_BEIJING: Final = timezone(timedelta(hours=8))
_CLOCK_SLACK: Final = timedelta(minutes=10)
_CMESSAGES_STATES: Final = {"delivered": 0, "pending": 1, "failed": 3}
_SANTO_STATES: Final = {"delivered": "success", "pending": "none", "failed": "failed"}
_JUHE_STATES: Final = {"delivered": "DELIVRD", "failed": "MA:0005"}


@dataclass(kw_only=True)
class PullServer:
    """
    What the server knows, and what it was asked.

    `credentials` are those it asks for, by provider; without any it lets everybody in. `states` says of a message id
    whether it is delivered, failed or pending, `mobiles` whom it went to. `faults` is the share of requests that are answered wrongly; `forced`
    holds answers that go out first, by provider. Juhe gets `reports_per_second` new reports, and what is put into
    `reports` and `inbound`.
    """

    credentials: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    mobiles: dict[str, str] = field(default_factory=dict)
    faults: float = 0.0
    forced: dict[str, deque[Handler]] = field(default_factory=dict)
    reports_per_second: float = 0.0
    seed: int = 1
    reports: deque[dict[str, Any]] = field(default_factory=deque)
    inbound: deque[dict[str, Any]] = field(default_factory=deque)
    requests: list[tuple[str, str, float]] = field(default_factory=list)
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    handed_over: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin."""
        self._rng = Random(self.seed)  # noqa: S311 - traffic, not secrets
        self._made = 0
        self._started = time.monotonic()

    def app(self) -> web.Application:
        """Return the server's application."""
        app = web.Application()
        app.router.add_post("/sms/query", self._guarded("cmessages", self._cmessages_query))
        app.router.add_post("/sms/get_balance", self._guarded("cmessages", self._cmessages_balance))
        app.router.add_post("/sms/send_verify", self._guarded("cmessages", self._cmessages_send))
        app.router.add_post("/sms/send_message", self._guarded("cmessages", self._cmessages_send))
        app.router.add_get("/get-rptstatus", self._guarded("santo", self._santo_status))
        app.router.add_get("/verifyPhoneNumber", self._guarded("santo", self._santo_balance))
        app.router.add_post("/sms", self._guarded("juhe", self._juhe))
        return app

    @asynccontextmanager
    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
        """Serve; yields the address, as in `http://127.0.0.1:9090`."""
        runner = web.AppRunner(self.app(), access_log=None, shutdown_timeout=0.5)
        async with http_server.serve(runner, host, port) as bound:
            yield f"http://{host}:{bound}"

    def state(self, message_id: str) -> str:
        """Return how a message fares."""
        bucket = zlib.crc32(message_id.encode()) % 100
        return self.states.get(message_id) or ("delivered" if bucket < 90 else "failed" if bucket < 95 else "pending")  # noqa: PLR2004 - shares

    def _guarded(self, provider: str, handler: Handler) -> Handler:
        """Note the request, and answer it wrongly where that is due."""

        async def handle(request: web.Request) -> web.StreamResponse:
            self.requests.append((provider, request.path, time.monotonic()))
            forced = self.forced.get(provider)
            if forced:
                answer = await forced.popleft()(request)
            elif self._rng.random() < self.faults:
                answer = await self._rng.choice(WRONG)(request)
            else:
                answer = await handler(request)
            self.answers[provider, str(answer.status)] += 1
            return answer

        return handle

    async def _cmessages_query(self, request: web.Request) -> web.StreamResponse:
        body = orjson.loads(await request.read())
        denied = self._cmessages_denied(body)
        ids = body.get("id_list")
        if denied is not None:
            return denied
        if not isinstance(ids, list) or not ids:
            return web.json_response({"message": "id_list"}, status=422)
        return web.json_response(
            [
                {"id": number, "mobile": self._mobile(number), "message_status": _CMESSAGES_STATES[self.state(number)]}
                for number in ids
            ]
        )

    async def _cmessages_send(self, request: web.Request) -> web.StreamResponse:
        body = orjson.loads(await request.read())
        denied, mobile = self._cmessages_denied(body), body.get("mobile")
        if denied is not None:
            return denied
        if not mobile:
            return web.json_response({"code": 1007}, status=400)
        sent = [
            {"id": self._send(str(one)), "mobile": one} for one in (mobile if isinstance(mobile, list) else [mobile])
        ]
        return web.json_response(sent if isinstance(mobile, list) else sent[0])

    async def _cmessages_balance(self, request: web.Request) -> web.StreamResponse:
        return self._cmessages_denied(orjson.loads(await request.read())) or web.json_response({"balance": 10})

    def _cmessages_denied(self, body: Mapping[str, Any]) -> web.StreamResponse | None:
        known = self.credentials.get("cmessages")
        if known is None:
            return None
        if body.get("app_id") != known["app_id"]:
            return web.json_response({"message": "app id"}, status=401)
        signed = f"{known['app_id']}{body.get('datetime')}{known['app_key']}".encode()
        if body.get("sign") != hashlib.md5(signed, usedforsecurity=False).hexdigest():
            return web.json_response({"message": "sign"}, status=403)
        said = datetime.strptime(str(body["datetime"]), "%Y%m%d%H%M%S").replace(tzinfo=_BEIJING)
        if abs(datetime.now(UTC) - said) > _CLOCK_SLACK:
            return web.json_response({"message": "datetime"}, status=403)
        return None

    async def _santo_status(self, request: web.Request) -> web.StreamResponse:
        message_id, state = request.query.get("msgid", ""), _SANTO_STATES[self.state(request.query.get("msgid", ""))]
        error = self._santo_error(request) or ("" if message_id else "0100")
        answer = {"cpid": request.query.get("cpid", ""), "errcode": error or "000"}
        if not error:
            answer |= {"mtstat": state, "msgid": message_id, "da": request.query.get("da", "")}
        return web.json_response([answer])

    async def _santo_balance(self, request: web.Request) -> web.StreamResponse:
        error = self._santo_error(request)
        return web.json_response({"cpid": request.query.get("cpid", ""), "errcode": error or "000", "balance": 100.00})

    def _santo_error(self, request: web.Request) -> str:
        known = self.credentials.get("santo")
        if known is None or request.query.get("cpid") == known["cpid"]:
            return "" if known is None or request.query.get("cppwd") == known["cppwd"] else "0106"
        return "0104"

    async def _juhe(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        known = self.credentials.get("juhe")
        if known is not None and any(form.get(name) != value for name, value in known.items()):
            return web.json_response({"status": 3})
        match form.get("action"):
            case "report":
                self._make_reports()
                return self._hand_over(self.reports, int(str(form.get("size", "1000"))))
            case "mo":
                return self._hand_over(self.inbound, int(str(form.get("size", "1000"))))
            case "send":
                return self._juhe_send([mobile for mobile in str(form.get("mobile", "")).split(",") if mobile])
            case "overage":
                return web.json_response({"status": 0, "balance": -153278040, "chargeType": "POSTCHARGE"})
            case _:
                return web.json_response({"status": "1"})

    def _juhe_send(self, mobiles: list[str]) -> web.StreamResponse:
        sent = [{"mid": self._send(mobile), "mobile": mobile, "result": 0} for mobile in mobiles]
        for message in sent:
            mid = str(message["mid"])
            self.reports.append({**juhe_report(mid, self.state(mid)), "mobile": message["mobile"]})
        return web.json_response({"status": "0", "balance": -153278040, "list": sent})

    def _send(self, mobile: str) -> str:
        """Take a message, and return its id."""
        message_id = f"{self._rng.getrandbits(52):013X}"
        self.mobiles[message_id] = mobile
        return message_id

    def _mobile(self, message_id: str) -> str:
        return self.mobiles.get(message_id) or mobile_of(message_id)

    def _make_reports(self) -> None:
        due = int((time.monotonic() - self._started) * self.reports_per_second)
        for number in range(self._made, due):
            self.reports.append(juhe_report(f"SIM{self.seed:04}{number:09}", self.state(str(number))))
        self._made = max(self._made, due)

    def _hand_over(self, queue: deque[dict[str, Any]], size: int) -> web.StreamResponse:
        items = [queue.popleft() for _ in range(min(size, len(queue)))]
        self.handed_over.append([item["mid"] for item in items])
        return web.json_response({"status": "0", "balance": -153278040, "list": items})


def juhe_report(message_id: str, state: str = "delivered") -> dict[str, Any]:
    """Return one report as Juhe hands it over."""
    return {
        "flag": 1,
        "mid": message_id,
        "spid": "922011",
        "accessCode": "106901234",
        "mobile": mobile_of(message_id),
        "stat": _JUHE_STATES.get(state, "DELIVRD"),
        "time": f"{datetime.now(_BEIJING):%Y-%m-%d %H:%M:%S}",
    }


def mobile_of(message_id: str) -> str:
    """Return the number of a message that was not sent here."""
    return f"139{zlib.crc32(message_id.encode()) % 10**8:08}"


async def answer_500(_: web.Request) -> web.StreamResponse:
    """Answer that the server failed."""
    return web.Response(status=500, text="internal error")


async def answer_502(_: web.Request) -> web.StreamResponse:
    """Answer as a proxy does before a server that is gone."""
    return web.Response(status=502, text="<html>Bad Gateway</html>", content_type="text/html")


async def answer_429(_: web.Request) -> web.StreamResponse:
    """Answer that there were too many requests."""
    return web.Response(status=429, headers={"Retry-After": "1"})


async def answer_rubbish(_: web.Request) -> web.StreamResponse:
    """Answer what is no answer."""
    return web.Response(text="<returnsms><status>0</status></returnsms>", content_type="text/xml")


async def answer_half(request: web.Request) -> web.StreamResponse:
    """Begin an answer, and hang up."""
    response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'[{"id":')
    if request.transport is not None:
        request.transport.abort()
    return response


async def answer_late(_: web.Request) -> web.StreamResponse:
    """Answer after longer than one should wait."""
    await asyncio.sleep(60)
    return web.Response(status=504)


#: The ways in which a request may be answered wrongly.
WRONG: Final = (answer_500, answer_502, answer_429, answer_rubbish, answer_half)
