"""Santo (闪通): GETs with one report, by 《闪通国际短信通道平台 用户 API 手册》 V2.0 Beta, sections 4.3 and 5.2."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random
from typing import Final
from urllib.parse import quote

from aiohttp import web

from ingest.simulation import corruption
from ingest.simulation.dialect import Dialect, hexadecimal, says_ok, sometimes_up_to
from ingest.simulation.plan import PlannedCallback, PlannedOutcome, PlannedReport, PlannedRequest, Spoil
from ingest.simulation.pull import PolledProvider
from normalizers.errors import Fault
from normalizers.model import Account, Reason, Status

_FINALS: Final = (
    PlannedOutcome("0", Status.DELIVERED, 880, error="DELIVRD"),
    PlannedOutcome("400", Status.REJECTED, 4, Reason.INSUFFICIENT_BALANCE, error="401"),
    PlannedOutcome("400", Status.REJECTED, 14, Reason.CONTENT_REJECTED, error="402"),
    PlannedOutcome("400", Status.REJECTED, 10, Reason.NOT_REGISTERED, error="403"),
    PlannedOutcome("400", Status.REJECTED, 22, Reason.PROVIDER_REJECTED, error="404"),
    PlannedOutcome("500", Status.UNDELIVERABLE, 65, Reason.UNKNOWN, error="501"),
    # Not in the document: a word of SMPP.
    PlannedOutcome("500", Status.UNDELIVERABLE, 2, Reason.UNKNOWN, error="UNDELIV"),
    # In no table, or a word that contradicts the state.
    PlannedOutcome("400", Status.UNKNOWN, 2, error="405"),
    PlannedOutcome("600", Status.UNKNOWN, 1, error="601"),
    PlannedOutcome("0", Status.UNKNOWN, 1, error="UNDELIV"),
)
_COUNTRIES: Final = {
    "TH": 14, "MY": 12, "VN": 12, "ID": 11, "PH": 10, "IN": 8, "BR": 7, "MX": 6, "NG": 5, "KE": 3, "SA": 3, "EG": 3,
    "CO": 2, "PK": 2, "BD": 2, "CN": 4,
}  # fmt: skip
_ASKED_STATES: Final = {"delivered": "success", "pending": "none", "failed": "failed"}
#: The charset of `sm` for each `dc`; a callback without `dc` uses GBK.
_CHARSETS: Final = {"15": "gbk", "8": "utf-16-be", "0": "latin-1", "": "gbk"}


@dataclass(frozen=True, slots=True)
class Form:
    """
    How one report is written.

    `sm` and `rsm` tell whether these parameters are sent; `broken` cuts `sm` so that it can't be read; with `differs`,
    `rsm` contradicts `sm`.
    """

    dc: str = "15"
    ending: str = "||"
    sm: bool = True
    rsm: bool = True
    broken: bool = False
    differs: bool = False
    upper: bool = False
    encoded: bool = False
    posts: bool = False


#: The form of the document's example.
DOCUMENTED: Final = Form()
#: The share of each form among the reports, in percent.
_FORMS: Final = {
    DOCUMENTED: 50,
    Form(ending=""): 10,
    Form(encoded=True): 10,
    Form(upper=True): 5,
    Form(rsm=False): 8,
    Form(sm=False): 6,
    Form(broken=True): 4,
    Form(differs=True): 2,
    Form(posts=True): 5,
}


def request(callback: PlannedCallback, _: Account) -> PlannedRequest:
    """Write a report in a form that its seed decides."""
    report = callback.reports[0]
    return written(report, _form(Random(report.seed)) if callback.spoil is None else DOCUMENTED)


def written(report: PlannedReport, form: Form) -> PlannedRequest:
    """Write a report in the given form."""
    parameters = {"command": "RT_REQUEST", "msgid": report.message_id, "da": report.number.digits, "dc": form.dc}
    said = f"{report.message_id}|{report.outcome.code}|{report.outcome.error}{form.ending}"
    if form.sm:
        parameters["sm"] = _coded(said, form)
    if form.rsm:
        parameters["rsm"] = quote(_clear(report, said, form), safe="" if form.encoded else "|")
    pairs = "&".join(f"{name}={value}" for name, value in parameters.items() if value)
    if form.posts:
        return PlannedRequest("POST", body=pairs.encode(), content_type="application/x-www-form-urlencoded")
    return PlannedRequest("GET", query=pairs)


def _coded(said: str, form: Form) -> str:
    coded = said.encode(_CHARSETS[form.dc]).hex()
    coded = coded.upper() if form.upper else coded
    return coded[:-1] if form.broken else coded


def _clear(report: PlannedReport, said: str, form: Form) -> str:
    if not form.differs:
        return said
    other = "500|501" if report.outcome.status is Status.DELIVERED else "0|DELIVRD"
    return f"{report.message_id}|{other}{form.ending}"


def _form(rng: Random) -> Form:
    [form] = rng.choices(list(_FORMS), list(_FORMS.values()))
    return replace(form, dc=rng.choice(("15", "15", "15", "8", "8", "0", "")))


def _silent(request: PlannedRequest, _: str) -> PlannedRequest:
    pairs = [pair for pair in request.query.split("&") if not pair.startswith(("sm=", "rsm="))]
    return replace(request, query="&".join(pairs))


def _babbling(request: PlannedRequest, mark: str) -> PlannedRequest:
    return replace(_silent(request, mark), query=f"{_silent(request, mark).query}&sm=3x&rsm={mark}")


class SantoServer(PolledProvider):
    """Answers queries about one message or the balance, and checks the credentials of each request."""

    name = "santo"

    def routes(self) -> Iterable[web.RouteDef]:
        """Return the addresses of the document."""
        return web.get("/get-rptstatus", self._status), web.get("/verifyPhoneNumber", self._balance)

    async def _status(self, request: web.Request) -> web.StreamResponse:
        message_id = request.query.get("msgid", "")
        error = self._error(request) or ("" if message_id else "0100")
        answer = {"cpid": request.query.get("cpid", ""), "errcode": error or "000"}
        if not error:
            state = _ASKED_STATES[self.messages.state(message_id)]
            answer |= {"mtstat": state, "msgid": message_id, "da": request.query.get("da", "")}
        return web.json_response([answer])

    async def _balance(self, request: web.Request) -> web.StreamResponse:
        error = self._error(request)
        return web.json_response({"cpid": request.query.get("cpid", ""), "errcode": error or "000", "balance": 100.00})

    def _error(self, request: web.Request) -> str:
        known = self.credentials
        if known is None:
            return ""
        if request.query.get("cpid") != known["cpid"]:
            return "0104"
        return "" if request.query.get("cppwd") == known["cppwd"] else "0106"


DIALECT: Final = Dialect(
    name="santo",
    weight=0.15,
    countries=_COUNTRIES,
    finals=_FINALS,
    tail=lambda rng: hexadecimal(rng, 1),
    recipients=sometimes_up_to(20, share=0.02),  # all of them have the same message id
    clock=False,
    spoils=(
        replace(corruption.EMPTY, method="GET"),
        corruption.without_parameter("da"),
        Spoil(Fault.MISSING_FIELD, _silent, method="GET"),
        Spoil(Fault.BAD_VALUE, _babbling, method="GET"),
    ),
    request=request,
    acknowledges=says_ok,
)
