"""An account is compared with its own past in the store."""

import secrets
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

import pytest

from ingest.connections.clickhouse import open_client
from ingest.page.cache import Answers
from ingest.page.live import Live
from ingest.page.overview import Overview
from ingest.page.period import Period
from ingest.page.rows import Mask
from ingest.settings.accounts import effective_accounts
from ingest.settings.settings import Settings
from normalizers.model import DeliveryReport, Note, Reason, Status
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.store import open_server
from sinks.stream import Topic
from tests.factories import make_report
from tests.ingest.query.fixtures import QueryServer

_HALF_HOUR: Final = timedelta(minutes=30)


@cache
def _now() -> datetime:
    """Return when the database is filled: the suite may have begun long before."""
    return datetime.now(UTC)


def _reports(account: str, ago: timedelta, count: int, failed: int) -> Iterator[DeliveryReport]:
    at = _now() - ago
    for index in range(count):
        fails = index < failed
        yield make_report(
            account=account,
            message_id=f"{account}-{ago}-{index}",
            status=Status.UNDELIVERABLE if fails else Status.DELIVERED,
            reason=Reason.NO_ROUTE if fails else None,
            occurred_at=at - timedelta(seconds=5),
            received_at=at + timedelta(milliseconds=index),
            notes=(Note.NO_MESSAGE_IDENTITY,) if account == "new" else (),
        )


def _traffic() -> Iterator[DeliveryReport]:
    week = [timedelta(days=day) + _HALF_HOUR for day in (1, 2, 3, 7)]
    for account, lately, failed_before in (("bad-as-ever", 300, 50), ("bad-since", 300, 2), ("gone", 0, 0)):
        for ago in week:
            yield from _reports("removed", ago, 100, 0)
            yield from _reports(account, ago, 100, failed_before)
        yield from _reports(account, _HALF_HOUR, lately, lately // 2)
    yield from _reports("new", _HALF_HOUR, 40, 40)
    surge = timedelta(minutes=5)
    yield from _reports("good-until-now", _HALF_HOUR, 1000, 0)
    yield from _reports("good-until-now", surge, 60, 60)


@pytest.fixture(scope="module")
def settings(writable_server: QueryServer) -> Settings:
    """Fill a database with a week in which accounts did well, badly, and nothing."""
    url, database = f"http://127.0.0.1:{writable_server.port}", f"t{secrets.token_hex(4)}"
    store = open_server(url, database)
    migrate(store)
    store.insert(Topic.REPORTS, list(_traffic()))
    store.close()
    accounts = [{"provider": "cm", "name": name, "open": True} for name in ("gone", "unused")]
    return Settings.model_validate({"clickhouse": {"url": url, "database": database}, "accounts": accounts})


@pytest.fixture
async def overview(settings: Settings) -> AsyncIterator[Overview]:
    """Ask that database."""
    store, answers = open_client(settings), Answers()
    accounts = [account.key for account in effective_accounts(settings)]
    yield Overview(store, answers, accounts, Mask(show_numbers=False), patience_seconds=60)
    await answers.close()
    await store.close()


async def _levels(overview: Overview, name: str) -> dict[str, dict[str, Any]]:
    async def known() -> Live:
        return Live({"spill": None}, {})

    data = await overview.make(Period.now(name), known())
    assert data["store"] == {"state": "ok", "said": ""}
    return {account["account"]: account for account in data["accounts"] if account["provider"] == "cm"}


@pytest.mark.parametrize("name", ["1h", "6h"])
async def test_accounts_are_held_against_their_own_past(overview: Overview, name: str) -> None:
    """
    An account that fails as it always did is not called failing; one that is silent at a busy hour is called silent,
    unless it was removed from the settings.
    """
    accounts = await _levels(overview, name)
    assert {account: said["level"] for account, said in accounts.items()} == {
        "bad-as-ever": "usual",
        "bad-since": "failing",
        "gone": "silent",
        "new": "few",
        "good-until-now": "failing",
        "unused": "quiet",
    }
    assert accounts["bad-as-ever"]["past_share"] == 0.5
    assert accounts["bad-since"]["past_share"] == 0.02
    assert accounts["new"]["past_share"] is None
    assert (accounts["new"]["alike"], accounts["bad-since"]["alike"]) == (40, 0)
    assert accounts["gone"]["usual_reports"] == 100
    assert accounts["gone"]["last_callback"] == pytest.approx(
        (_now() - timedelta(days=1, minutes=30)).timestamp(), abs=1
    )
    assert accounts["good-until-now"]["surges"]
    assert not accounts["bad-as-ever"]["surges"]


async def test_over_days_the_time_before_is_the_measure(overview: Overview) -> None:
    """A longer range is compared with as long a time before it."""
    accounts = await _levels(overview, "7d")
    assert (accounts["bad-since"]["reports"], accounts["bad-since"]["finals_before"]) == (600, 100)
    assert accounts["bad-since"]["failures_before"] == 2
    assert accounts["gone"]["level"] == "ok"
