"""Twilio's callbacks for `dlrhub simulate`."""

from typing import Final
from urllib.parse import urlencode

from ingest.simulation import corruption
from ingest.simulation.dialect import Dialect, hexadecimal, says_ok
from ingest.simulation.plan import PlannedCallback, PlannedOutcome, PlannedRequest
from normalizers.model import Account, Reason, Status

_STEPS: Final = (
    PlannedOutcome("queued", Status.ACCEPTED, 0.3),
    PlannedOutcome("sent", Status.ENROUTE, 0.9),
)
_FINALS: Final = (
    PlannedOutcome("delivered", Status.DELIVERED, 930),
    PlannedOutcome("undelivered", Status.UNDELIVERABLE, 30, Reason.ABSENT_SUBSCRIBER, error="30003"),
    PlannedOutcome("undelivered", Status.UNDELIVERABLE, 15, Reason.INVALID_NUMBER, error="30005"),
    PlannedOutcome("undelivered", Status.UNDELIVERABLE, 15, Reason.CONTENT_REJECTED, error="30007"),
    PlannedOutcome("failed", Status.REJECTED, 5, Reason.THROTTLED, error="30001"),
    # In no table.
    PlannedOutcome("delivery_unknown", Status.UNKNOWN, 2),
)


def request(callback: PlannedCallback, _: Account) -> PlannedRequest:
    """Write a status callback, without a signature, because the called address is not known here."""
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
