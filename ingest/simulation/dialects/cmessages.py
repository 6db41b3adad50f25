"""财信 cmessages, which is only polled: a server that answers by 《财信CM接口文档》."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from aiohttp import web

from ingest.simulation.plan import UTC_8
from ingest.simulation.pull import PolledProvider

_CLOCK_SLACK: Final = timedelta(minutes=10)
_STATES: Final = {"delivered": 0, "pending": 1, "failed": 3}


class CmessagesServer(PolledProvider):
    """Answers queries about messages and the balance, takes messages to send, and checks each signature."""

    name = "cmessages"

    def routes(self) -> Iterable[web.RouteDef]:
        """Return the addresses of the document."""
        return (
            web.post("/sms/query", self._query),
            web.post("/sms/get_balance", self._balance),
            web.post("/sms/send_verify", self._send),
            web.post("/sms/send_message", self._send),
        )

    async def _query(self, request: web.Request) -> web.StreamResponse:
        body = orjson.loads(await request.read())
        denied, ids = self._denied(body), body.get("id_list")
        if denied is not None:
            return denied
        if not isinstance(ids, list) or not ids:
            return web.json_response({"message": "id_list"}, status=422)
        return web.json_response([self._answer(message_id) for message_id in ids])

    def _answer(self, message_id: str) -> dict[str, object]:
        state = _STATES[self.messages.state(message_id)]
        return {"id": message_id, "mobile": self.messages.mobile(message_id), "message_status": state}

    async def _send(self, request: web.Request) -> web.StreamResponse:
        body = orjson.loads(await request.read())
        denied, mobile = self._denied(body), body.get("mobile")
        if denied is not None:
            return denied
        if not mobile:
            return web.json_response({"code": 1007}, status=400)
        several = isinstance(mobile, list)
        sent = [{"id": self.messages.send(str(one)), "mobile": one} for one in (mobile if several else [mobile])]
        return web.json_response(sent if several else sent[0])

    async def _balance(self, request: web.Request) -> web.StreamResponse:
        return self._denied(orjson.loads(await request.read())) or web.json_response({"balance": 10})

    def _denied(self, body: Mapping[str, Any]) -> web.StreamResponse | None:
        """Return the refusal of wrong credentials, a wrong signature or a wrong clock; None if all are right."""
        known = self.credentials
        if known is None:
            return None
        if body.get("app_id") != known["app_id"]:
            return web.json_response({"message": "app id"}, status=401)
        signed = f"{known['app_id']}{body.get('datetime')}{known['app_key']}".encode()
        if body.get("sign") != hashlib.md5(signed, usedforsecurity=False).hexdigest():
            return web.json_response({"message": "sign"}, status=403)
        said = datetime.strptime(str(body["datetime"]), "%Y%m%d%H%M%S").replace(tzinfo=UTC_8)
        if abs(datetime.now(UTC) - said) > _CLOCK_SLACK:
            return web.json_response({"message": "datetime"}, status=403)
        return None
