"""Juhe (聚合云信): arrays of reports and inbound messages, by 《行业短信 客户接口说明文档》, sections 6 and 9."""

import time
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

import orjson
from aiohttp import web

from ingest.simulation import corruption
from ingest.simulation.dialect import Dialect, happens, hexadecimal, says_ok, whims_of
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
from ingest.simulation.pull import Route
from normalizers.errors import Fault
from normalizers.model import Account, Reason, Status


def _rejected(code: str, reason: Reason, weight: float) -> PlannedOutcome:
    return PlannedOutcome(code=code, status=Status.REJECTED, reason=reason, weight=weight)


def _undeliverable(code: str, reason: Reason, weight: float) -> PlannedOutcome:
    return PlannedOutcome(code=code, status=Status.UNDELIVERABLE, reason=reason, weight=weight)


def _unmapped(code: str, weight: float) -> PlannedOutcome:
    return PlannedOutcome(code=code, status=Status.UNKNOWN, weight=weight)


_FINALS: Final = (
    PlannedOutcome(code="DELIVRD", status=Status.DELIVERED, weight=1500),
    PlannedOutcome(code="EXPIRED", status=Status.EXPIRED, reason=Reason.EXPIRED, weight=12),
    PlannedOutcome(code="DELETED", status=Status.DELETED, reason=Reason.DELETED, weight=0.5),
    _rejected("REJECTED", Reason.UNKNOWN, 5),
    _rejected("MA:0001", Reason.BLOCKLISTED, 6),
    _rejected("MA:0002", Reason.CONTENT_REJECTED, 5),
    _rejected("MA:0003", Reason.NO_ROUTE, 1),
    _undeliverable("MA:0004", Reason.UNKNOWN, 2),
    _rejected("MA:0005", Reason.INVALID_NUMBER, 2),
    _rejected("MA:0006", Reason.PROVIDER_REJECTED, 1),
    _undeliverable("MA:0009", Reason.UNKNOWN, 1),
    _undeliverable("MA:0011", Reason.PROVIDER_ERROR, 1),
    _rejected("MA:0012", Reason.CONTENT_REJECTED, 2),
    _rejected("MA:0013", Reason.PROTOCOL_ERROR, 0.3),
    _rejected("MA:0014", Reason.INVALID_NUMBER, 0.3),
    _rejected("MA:0021", Reason.INVALID_NUMBER, 3),
    _rejected("MA:0022", Reason.THROTTLED, 8),
    _rejected("MA:0023", Reason.BLOCKLISTED, 3),
    _rejected("MA:0024", Reason.NOT_REGISTERED, 3),
    _rejected("MA:0025", Reason.UNSUPPORTED, 0.3),
    _undeliverable("MA:0026", Reason.PROVIDER_ERROR, 0.5),
    _rejected("MA:0027", Reason.BLOCKLISTED, 4),
    _rejected("MA:0028", Reason.BLOCKLISTED, 0.5),
    _rejected("MA:0029", Reason.BLOCKLISTED, 1),
    _rejected("MA:0030", Reason.PROVIDER_REJECTED, 1),
    _rejected("MO:200", Reason.UNSUPPORTED, 0.3),
    _undeliverable("MO:0254", Reason.NETWORK_ERROR, 1),
    _undeliverable("MO:0255", Reason.NETWORK_ERROR, 1),
    # MO:NNNN, what the next gateway answered.
    _undeliverable("MO:0001", Reason.UPSTREAM_ERROR, 2),
    _undeliverable("MO:0012", Reason.UPSTREAM_ERROR, 2),
    _undeliverable("MO:1042", Reason.UPSTREAM_ERROR, 1),
    _undeliverable("MO:00011", Reason.UPSTREAM_ERROR, 0.3),
    # Not in the document: words of SMPP.
    _undeliverable("UNDELIV", Reason.UNKNOWN, 1.5),
    _rejected("REJECTD", Reason.UNKNOWN, 0.5),
    # In no table: codes of CMPP gateways and of newer versions of the platform.
    _unmapped("NOROUTE", 0.5),
    _unmapped("MK:0001", 1.5),
    _unmapped("MA:0033", 0.5),
)
_ACCESS_CODES: Final = ("106901234", "1069055512", "10690231221")


_BALANCE: Final = -153278040
_PULLED_STATES: Final = {"delivered": "DELIVRD", "failed": "MA:0005"}
#: How many reports come with one inbound message.
_REPORTS_PER_INBOUND: Final = 25


def request(callback: PlannedCallback, account: Account) -> PlannedRequest:
    """Write a callback: an array, or now and then one object without it."""
    whims = whims_of(callback.seed)
    items = [_item(item, account) for item in callback.items]
    lone = len(items) == 1 and callback.spoil is None and happens(0.05, whims)
    return PlannedRequest("POST", body=orjson.dumps(items[0] if lone else items))


def _item(item: PlannedItem, account: Account) -> dict[str, object]:
    if isinstance(item, PlannedInbound):
        return _inbound(item, account)
    if isinstance(item, PlannedReport):
        return _report(item, account)
    fields = _report(item.report, account)
    item.spoil.make(fields)
    return fields


def _report(report: PlannedReport, account: Account) -> dict[str, object]:
    """Write a report as in the example of section 6.2, or with a variation of it (see `_varied`)."""
    whims = whims_of(report.seed)
    fields: dict[str, object] = {
        "flag": 1,
        "mid": report.message_id,
        "spid": "922011",
        "mobile": report.number.national,
        "stat": report.outcome.code,
        "time": _stamp(report.occurred_at, account),
    }
    return _varied(fields, whims)


def _inbound(message: PlannedInbound, account: Account) -> dict[str, object]:
    whims = whims_of(message.seed)
    fields: dict[str, object] = {
        "flag": 0,
        "mid": message.message_id,
        "spid": "922011",
        "accessCode": message.recipient,
        "mobile": message.number.national,
        "content": message.content,
        "time": _stamp(message.occurred_at, account),
    }
    return _varied(fields, whims)


def _varied(fields: dict[str, object], whims: Random) -> dict[str, object]:
    """Write the flag as text, or leave it out, as some do; and add the access code, which the example leaves out."""
    if happens(0.1, whims):
        fields["flag"] = str(fields["flag"])
    elif happens(0.05, whims):
        del fields["flag"]
    if happens(0.5, whims):
        fields.setdefault("accessCode", whims.choice(_ACCESS_CODES))
    return fields


def _stamp(at: datetime | None, account: Account) -> str:
    return f"{at.astimezone(account.timezone or UTC_8):%Y-%m-%d %H:%M:%S}" if at else ""


def _batch(rng: Random) -> int:
    """Draw mostly a few, now and then up to a hundred."""
    return min(100, int(rng.paretovariate(0.9)))


def _without_stat(fields: dict[str, object]) -> None:
    fields["flag"] = 1
    del fields["stat"]


def _without_mobile(fields: dict[str, object]) -> None:
    del fields["mobile"]


def _with_another_flag(fields: dict[str, object]) -> None:
    fields["flag"] = 7


class JuheServer:
    """
    Hands over reports and inbound messages, each once, sends messages, and tells the balance.

    `reports_per_second` new reports are made for messages that nobody sent, and an inbound message with some of them;
    `handed_over` counts the items that were fetched.
    """

    name = "juhe"

    def __init__(
        self,
        messages: KnownMessages,
        credentials: Mapping[str, str] | None,
        *,
        reports_per_second: float = 0.0,
        seed: int = 1,
    ) -> None:
        """Know `messages`; without `credentials` everybody is let in."""
        self._messages = messages
        self._credentials = credentials
        self._reports_per_second = reports_per_second
        self._seed = seed
        self._made = 0
        self._started = time.monotonic()
        self.reports: deque[dict[str, Any]] = deque()
        self.inbound: deque[dict[str, Any]] = deque()
        self.handed_over = 0

    def routes(self) -> Iterable[Route]:
        """Return the one address of the document."""
        return (Route("POST", "/sms", self._answer),)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        known = self._credentials
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
        sent = [{"mid": self._messages.send(mobile), "mobile": mobile, "result": 0} for mobile in mobiles]
        self.reports += (pulled_report(str(message["mid"]), self._messages) for message in sent)
        return web.json_response({"status": "0", "balance": _BALANCE, "list": sent})

    def _make_reports(self) -> None:
        due = int((time.monotonic() - self._started) * self._reports_per_second)
        for number in range(self._made, due):
            report = pulled_report(f"SIM{self._seed:04}{number:09}", self._messages)
            self.reports.append(report)
            if number % _REPORTS_PER_INBOUND == 0:
                self.inbound.append({**report, "flag": 0, "mid": f"{report['mid']}M", "content": "TD"})
        self._made = max(self._made, due)

    def _hand_over(self, queue: deque[dict[str, Any]], size: int) -> web.StreamResponse:
        items = [queue.popleft() for _ in range(min(size, len(queue)))]
        self.handed_over += len(items)
        return web.json_response({"status": "0", "balance": _BALANCE, "list": items})


def pulled_report(message_id: str, messages: KnownMessages) -> dict[str, Any]:
    """Return one report as it is handed over."""
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
        ItemSpoil(Fault.MISSING_FIELD, _without_mobile),
        ItemSpoil(Fault.BAD_VALUE, _with_another_flag),
    ),
    request=request,
    acknowledges=says_ok,
)
