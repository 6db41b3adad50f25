"""Finds messages for the page: by number, id or reference as `dlrhub find` does, or by one of their reports."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, Final

from aiohttp import web

from ingest.connections.clickhouse import StoreClient
from ingest.lookup.find import MOST_MESSAGES, FoundMessage, find, messages_of
from ingest.page.parameters import MessageParameters, SearchParameters
from ingest.page.rows import Mask
from ingest.settings.accounts import EffectiveAccount

#: The message of a report. The index on the time of receipt narrows the search to a few rows.
_OF_REPORT: Final = """
SELECT provider, account, message_id, recipient
FROM reports
WHERE received_at = fromUnixTimestamp64Micro({received:Int64}, 'UTC') AND event_id = {event:UUID}
LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Finder:
    """Finds messages of these accounts; every method may raise `StoreError`."""

    accounts: Collection[EffectiveAccount]
    mask: Mask

    async def search(self, store: StoreClient, asked: SearchParameters) -> dict[str, Any]:
        """Return the newest messages with this number, id or reference."""
        found = await find(store, asked.what, self.accounts)
        return {
            "messages": [self._message(message) for message in found.messages],
            "most": MOST_MESSAGES,
            "dead_letters": [self.mask.row(row) for row in found.dead_letters],
        }

    async def of_report(self, store: StoreClient, asked: MessageParameters) -> dict[str, Any]:
        """Return the message of a report; raises `HTTPNotFound`."""
        received, _, event = asked.report.partition("-")
        keys = await store.rows(_OF_REPORT, {"received": int(received), "event": event})
        messages = await messages_of(store, keys)
        if not messages:
            raise web.HTTPNotFound(text="there is no such report any more")
        return {"messages": [self._message(message) for message in messages], "dead_letters": []}

    def _message(self, found: FoundMessage) -> dict[str, Any]:
        row = self.mask.row
        return {
            "message": row(found.message),
            "submission": found.submission and row(found.submission),
            "reports": [
                {**row(report.row), "meaning": asdict(report.meaning), "answered": report.answered}
                for report in found.reports
            ],
            "advice": list(found.advice),
            "masked": not self.mask.show_numbers,
        }
