"""Twilio as `dlrhub simulate` plays it."""

from typing import Final
from urllib.parse import urlencode

from ingest.simulation import corruption
from ingest.simulation.dialect import Dialect, hexadecimal, says_ok
from ingest.simulation.plan import PlannedCallback, PlannedOutcome, PlannedRequest
from normalizers.model import Account, Reason, Status

_STEPS: Final = (
    PlannedOutcome(code="queued", status=Status.ACCEPTED, weight=0.3),
    PlannedOutcome(code="sent", status=Status.ENROUTE, weight=0.9),
)
_FINALS: Final = (
    PlannedOutcome(code="delivered", status=Status.DELIVERED, weight=930),
    PlannedOutcome(
        code="undelivered", error="30003", status=Status.UNDELIVERABLE, reason=Reason.ABSENT_SUBSCRIBER, weight=30
    ),
    PlannedOutcome(
        code="undelivered", error="30005", status=Status.UNDELIVERABLE, reason=Reason.INVALID_NUMBER, weight=15
    ),
    PlannedOutcome(
        code="undelivered", error="30007", status=Status.UNDELIVERABLE, reason=Reason.CONTENT_REJECTED, weight=15
    ),
    PlannedOutcome(code="failed", error="30001", status=Status.REJECTED, reason=Reason.THROTTLED, weight=5),
    # In no table.
    PlannedOutcome(code="delivery_unknown", status=Status.UNKNOWN, weight=2),
)


def request(callback: PlannedCallback, _: Account) -> PlannedRequest:
    """Write a status callback; it is not signed, since the address at which it arrives is not known here."""
    report = callback.reports[0]
    form = {
        "AccountSid": "AC00000000000000000000000000000000",
        "ApiVersion": "2010-04-01",
        "From": "+15005550006",
        "MessageSid": report.message_id,
        "MessageStatus": report.outcome.code,
        "SmsSid": report.message_id,
        "SmsStatus": report.outcome.code,
        "To": report.number.e164,
    }
    if report.outcome.error:
        form["ErrorCode"] = report.outcome.error
    return PlannedRequest("POST", body=urlencode(form).encode(), content_type="application/x-www-form-urlencoded")


DIALECT: Final = Dialect(
    name="twilio",
    weight=0.15,
    countries={"US": 5, "GB": 2, "DE": 1},
    steps=_STEPS,
    finals=_FINALS,
    tail=lambda rng: hexadecimal(rng, 19),
    clock=False,
    spoils=(corruption.EMPTY,),
    request=request,
    acknowledges=says_ok,
)
