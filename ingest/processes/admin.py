"""Makes the parts of the admin listener from the settings."""

from collections.abc import Mapping

from ingest.admin.server import Check
from ingest.admin.submissions import SubmissionsEndpoint
from ingest.connections.clickhouse import DEFAULT_LIMITS, QueryLimits, open_client
from ingest.http_server.bodies import BodyLimits, BodyReader
from ingest.metrics.series import Totals
from ingest.page.api import Page
from ingest.page.replaying import Replays
from ingest.page.rows import Mask
from ingest.settings.accounts import effective_accounts
from ingest.settings.settings import Settings
from ingest.settings.values import http_url
from sinks.stream import Producer


def make_submissions(settings: Settings, producer: Producer) -> SubmissionsEndpoint:
    """Return the handler of `POST /submissions`."""
    return SubmissionsEndpoint(
        accounts={account.key: account for account in effective_accounts(settings)},
        producer=producer,
        guarded=settings.admin.token is not None,
        bodies=BodyReader(BodyLimits(most=settings.receiver.max_body_bytes, seconds=settings.receiver.body_timeout_s)),
    )


def make_page(
    settings: Settings,
    producer: Producer,
    checks: Mapping[str, Check],
    totals: Totals,
    *,
    has_store: bool,
    limits: QueryLimits = DEFAULT_LIMITS,
) -> Page:
    """Return the status page; it writes replayed dead letters to `producer`, and shows no store unless `has_store`."""
    accounts = effective_accounts(settings)
    mask = Mask(settings.admin.show_numbers)
    return Page(
        open_client(settings, limits) if has_store else None,
        accounts,
        checks,
        totals,
        Replays(accounts, producer, mask),
        mask=mask,
        guarded=settings.admin.token is not None,
        has_kafka=settings.kafka is not None,
        open_to_all="" if settings.accounts else http_url(settings.receiver_listen),
    )
