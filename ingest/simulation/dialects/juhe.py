"""Juhe (聚合云信): arrays of reports and inbound messages, by 《行业短信 客户接口说明文档》, sections 6 and 9."""

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

import orjson
from aiohttp import web

from ingest.simulation import corruption
from ingest.simulation.dialect import Dialect, happens, hexadecimal, says_ok
from ingest.simulation.known_messages import KnownMessages
from ingest.simulation.plan import (
    UTC_8,
    ItemSpoil,
    PlannedCallback,
    PlannedInbound,
    PlannedItem,
    PlannedOutcome,
    PlannedReport,
    PlannedRequest,
)
from ingest.simulation.pull import PolledProvider
from normalizers.errors import Fault
from normalizers.model import Account, Reason, Status

_FINALS: Final = (
    PlannedOutcome("DELIVRD", Status.DELIVERED, 1500),
    PlannedOutcome("EXPIRED", Status.EXPIRED, 12, Reason.EXPIRED),
    PlannedOutcome("DELETED", Status.DELETED, 0.5, Reason.DELETED),
    PlannedOutcome("REJECTED", Status.REJECTED, 5, Reason.UNKNOWN),
    PlannedOutcome("MA:0001", Status.REJECTED, 6, Reason.BLOCKLISTED),
    PlannedOutcome("MA:0002", Status.REJECTED, 5, Reason.CONTENT_REJECTED),
    PlannedOutcome("MA:0003", Status.REJECTED, 1, Reason.NO_ROUTE),
    PlannedOutcome("MA:0004", Status.UNDELIVERABLE, 2, Reason.UNKNOWN),
    PlannedOutcome("MA:0005", Status.REJECTED, 2, Reason.INVALID_NUMBER),
    PlannedOutcome("MA:0006", Status.REJECTED, 1, Reason.PROVIDER_REJECTED),
    PlannedOutcome("MA:0009", Status.UNDELIVERABLE, 1, Reason.UNKNOWN),
    PlannedOutcome("MA:0011", Status.UNDELIVERABLE, 1, Reason.PROVIDER_ERROR),
    PlannedOutcome("MA:0012", Status.REJECTED, 2, Reason.CONTENT_REJECTED),
    PlannedOutcome("MA:0013", Status.REJECTED, 0.3, Reason.PROTOCOL_ERROR),
    PlannedOutcome("MA:0014", Status.REJECTED, 0.3, Reason.INVALID_NUMBER),
    PlannedOutcome("MA:0021", Status.REJECTED, 3, Reason.INVALID_NUMBER),
    PlannedOutcome("MA:0022", Status.REJECTED, 8, Reason.THROTTLED),
    PlannedOutcome("MA:0023", Status.REJECTED, 3, Reason.BLOCKLISTED),
    PlannedOutcome("MA:0024", Status.REJECTED, 3, Reason.NOT_REGISTERED),
    PlannedOutcome("MA:0025", Status.REJECTED, 0.3, Reason.UNSUPPORTED),
    PlannedOutcome("MA:0026", Status.UNDELIVERABLE, 0.5, Reason.PROVIDER_ERROR),
    PlannedOutcome("MA:0027", Status.REJECTED, 4, Reason.BLOCKLISTED),
    PlannedOutcome("MA:0028", Status.REJECTED, 0.5, Reason.BLOCKLISTED),
    PlannedOutcome("MA:0029", Status.REJECTED, 1, Reason.BLOCKLISTED),
    PlannedOutcome("MA:0030", Status.REJECTED, 1, Reason.PROVIDER_REJECTED),
    PlannedOutcome("MO:200", Status.REJECTED, 0.3, Reason.UNSUPPORTED),
    PlannedOutcome("MO:0254", Status.UNDELIVERABLE, 1, Reason.NETWORK_ERROR),
    PlannedOutcome("MO:0255", Status.UNDELIVERABLE, 1, Reason.NETWORK_ERROR),
    # MO:NNNN, the answer of the next gateway.
    PlannedOutcome("MO:0001", Status.UNDELIVERABLE, 2, Reason.UPSTREAM_ERROR),
    PlannedOutcome("MO:0012", Status.UNDELIVERABLE, 2, Reason.UPSTREAM_ERROR),
    PlannedOutcome("MO:1042", Status.UNDELIVERABLE, 1, Reason.UPSTREAM_ERROR),
    PlannedOutcome("MO:00011", Status.UNDELIVERABLE, 0.3, Reason.UPSTREAM_ERROR),
    # Not in the document: words of SMPP.
    PlannedOutcome("UNDELIV", Status.UNDELIVERABLE, 1.5, Reason.UNKNOWN),
    PlannedOutcome("REJECTD", Status.REJECTED, 0.5, Reason.UNKNOWN),
    # In no table: codes of CMPP gateways and of newer versions of the platform.
    PlannedOutcome("NOROUTE", Status.UNKNOWN, 0.5),
    PlannedOutcome("MK:0001", Status.UNKNOWN, 1.5),
    PlannedOutcome("MA:0033", Status.UNKNOWN, 0.5),
)
_ACCESS_CODES: Final = ("106901234", "1069055512", "10690231221")

_BALANCE: Final = -153278040
_PULLED_STATES: Final = {"delivered": "DELIVRD", "failed": "MA:0005"}
#: There is one inbound message for so many reports.
_REPORTS_PER_INBOUND: Final = 25


def request(callback: PlannedCallback, account: Account) -> PlannedRequest:
    """Write a callback: an array, or sometimes a single object without an array."""
    rng = Random(callback.seed)
    items = [_item(item, account) for item in callback.items]
    lone = len(items) == 1 and callback.spoil is None and happens(0.05, rng)
    return PlannedRequest("POST", body=orjson.dumps(items[0] if lone else items))


def _item(item: PlannedItem, account: Account) -> dict[str, object]:
    """Write an item as in the example of section 6.2, sometimes with its flag as text or without a flag."""
    if not isinstance(item, PlannedReport | PlannedInbound):
        fields = _item(item.report, account)
        item.spoil.make(fields)
        return fields
    rng = Random(item.seed)
    if isinstance(item, PlannedReport):
        flag, content = 1, {"stat": item.outcome.code}
    else:
        flag, content = 0, {"accessCode": item.recipient, "content": item.content}
    fields = {
        "flag": flag,
        "mid": item.message_id,
        "spid": "922011",
        "mobile": item.number.national,
        **content,
        "time": _stamp(item.occurred_at, account),
    }
    if happens(0.1, rng):
        fields["flag"] = str(fields["flag"])
    elif happens(0.05, rng):
        del fields["flag"]
    if happens(0.5, rng):
        fields.setdefault("accessCode", rng.choice(_ACCESS_CODES))  # the example leaves it out
    return fields


def _stamp(at: datetime | None, account: Account) -> str:
    return f"{at.astimezone(account.timezone or UTC_8):%Y-%m-%d %H:%M:%S}" if at else ""


def _batch(rng: Random) -> int:
    """Draw the size of a batch: mostly a few items, now and then up to 100."""
    return min(100, int(rng.paretovariate(0.9)))


def _without_stat(fields: dict[str, object]) -> None:
    del fields["stat"]
    fields["flag"] = 1  # without a flag it might be an inbound message


@dataclass
class JuheServer(PolledProvider):
    """
    Answers requests for reports and inbound messages (each is handed over once), for sending, and for the balance.

    It makes up `reports_per_second` reports on messages that nobody sent, and an inbound message now and then;
    `handed_over` counts the items that were fetched.
    """

    name = "juhe"
    reports_per_second: float = 0.0
    seed: int = 1
    reports: deque[dict[str, Any]] = field(default_factory=deque)
    inbound: deque[dict[str, Any]] = field(default_factory=deque)
    handed_over: int = 0
    _made: int = 0
    _started: float = field(default_factory=time.monotonic)

    def routes(self) -> Iterable[web.RouteDef]:
        """Return the one address of the document."""
        return (web.post("/sms", self._answer),)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        known = self.credentials
        if known is not None and any(form.get(name) != value for name, value in known.items()):
            return web.json_response({"status": 3})
        match form.get("action"):
            case "report":
                self._make_reports()
                return self._hand_over(self.reports, int(str(form.get("size", "1000"))))
            case "mo":
                return self._hand_over(self.inbound, int(str(form.get("size", "1000"))))
            case "send":
                return self._send([mobile for mobile in str(form.get("mobile", "")).split(",") if mobile])
            case "overage":
                return web.json_response({"status": 0, "balance": _BALANCE, "chargeType": "POSTCHARGE"})
            case _:
                return web.json_response({"status": "1"})

    def _send(self, mobiles: list[str]) -> web.StreamResponse:
        sent = [{"mid": self.messages.send(mobile), "mobile": mobile, "result": 0} for mobile in mobiles]
        self.reports += (pulled_report(str(message["mid"]), self.messages) for message in sent)
        return web.json_response({"status": "0", "balance": _BALANCE, "list": sent})

    def _make_reports(self) -> None:
        due = int((time.monotonic() - self._started) * self.reports_per_second)
        for number in range(self._made, due):
            report = pulled_report(f"SIM{self.seed:04}{number:09}", self.messages)
            self.reports.append(report)
            if number % _REPORTS_PER_INBOUND == 0:
                self.inbound.append({**report, "flag": 0, "mid": f"{report['mid']}M", "content": "TD"})
        self._made = max(self._made, due)

    def _hand_over(self, queue: deque[dict[str, Any]], size: int) -> web.StreamResponse:
        items = [queue.popleft() for _ in range(min(size, len(queue)))]
        self.handed_over += len(items)
        return web.json_response({"status": "0", "balance": _BALANCE, "list": items})


def pulled_report(message_id: str, messages: KnownMessages) -> dict[str, Any]:
    """Return a report in the form in which it is handed over."""
    return {
        "flag": 1,
        "mid": message_id,
        "spid": "922011",
        "accessCode": "106901234",
        "mobile": messages.mobile(message_id),
        "stat": _PULLED_STATES.get(messages.state(message_id), "DELIVRD"),
        "time": _stamp(datetime.now(UTC), Account()),
    }


DIALECT: Final = Dialect(
    name="juhe",
    weight=0.25,
    countries={"CN": 1},
    finals=_FINALS,
    upper=True,
    tail=lambda rng: hexadecimal(rng, 3).upper(),
    batch=_batch,
    inbound=True,
    spoils=(
        *corruption.NOT_JSON,
        corruption.EMPTY,
        corruption.without_member("stat"),
        corruption.without_member("mobile"),
        corruption.with_value("flag", value=7),
    ),
    item_spoils=(
        ItemSpoil(Fault.MISSING_FIELD, _without_stat),
        ItemSpoil(Fault.MISSING_FIELD, lambda fields: fields.pop("mobile")),
        ItemSpoil(Fault.BAD_VALUE, lambda fields: fields.update(flag=7)),
    ),
    request=request,
    acknowledges=says_ok,
)
