"""The parts of the admin listener, each given the values of the settings that it needs."""

from collections.abc import Mapping

from ingest.admin.server import Check
from ingest.admin.submissions import SubmissionsEndpoint, senders
from ingest.connections.clickhouse import DEFAULT_LIMITS, QueryLimits, open_client
from ingest.connections.streams import open_producer
from ingest.metrics.series import Totals
from ingest.page.api import Page
from ingest.page.replaying import Replays
from ingest.settings.accounts import effective_accounts
from ingest.settings.settings import Settings
from ingest.settings.values import http_url


def make_submissions(settings: Settings, name: str) -> SubmissionsEndpoint:
    """Return the handler of `POST /submissions`, which appends to a stream of its own by this name."""
    return SubmissionsEndpoint(
        senders(effective_accounts(settings)),
        lambda: open_producer(settings, name),
        guarded=settings.admin.token is not None,
        body_seconds=settings.receiver.body_timeout_s,
        max_body_bytes=settings.receiver.max_body_bytes,
    )


def make_page(
    settings: Settings,
    checks: Mapping[str, Check],
    totals: Totals,
    *,
    has_store: bool,
    replay_stream: str,
    limits: QueryLimits = DEFAULT_LIMITS,
) -> Page:
    """
    Return the status page; `has_store` tells whether this command can reach a store.

    Replays of dead letters are appended to a stream of their own by the name `replay_stream`.
    """
    accounts = effective_accounts(settings)
    replays = Replays(
        accounts, lambda: open_producer(settings, replay_stream), show_numbers=settings.admin.show_numbers
    )
    return Page(
        open_client(settings, limits) if has_store else None,
        accounts,
        checks,
        totals,
        replays,
        guarded=settings.admin.token is not None,
        show_numbers=settings.admin.show_numbers,
        has_kafka=settings.kafka is not None,
        open_to_all="" if settings.accounts else http_url(settings.receiver_listen),
    )
