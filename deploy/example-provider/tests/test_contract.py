"""The contract of every provider, and a check that the simulation agrees with the parser."""

from datetime import UTC, datetime
from pathlib import Path

from dlrhub_twilio import PROVIDER
from dlrhub_twilio.dialect import DIALECT

from ingest.simulation.traffic import Mix, Schedule, Traffic
from normalizers.model import Account, Callback, DeliveryReport
from normalizers.testing.contract import ProviderContract

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class TestContract(ProviderContract):
    """The contract over the examples and the code table in this folder."""

    provider = PROVIDER
    examples_folder = Path(__file__).parent / "payloads"
    codes_folder = Path(__file__).parent / "codes"


def test_simulated_callbacks_are_read_as_planned() -> None:
    """Every report that the simulation sends is parsed into the planned status and reason."""
    schedule = Schedule(run="abcdef", started_at=NOW, callbacks=300)
    for planned in Traffic([DIALECT], Mix(malformed=0), schedule, seed=1):
        request = DIALECT.request(planned, Account())
        callback = Callback(
            account=Account(),
            method=request.method,
            query=request.query.encode(),
            headers={"content-type": request.content_type},
            body=request.body,
            received_at=NOW,
        )
        read = [
            (item.message_id, item.recipient, item.status, item.reason)
            for item in PROVIDER.parse(callback)
            if isinstance(item, DeliveryReport)
        ]
        assert read == [
            (report.message_id, report.number.e164, report.outcome.status, report.outcome.reason)
            for report in planned.reports
        ]
