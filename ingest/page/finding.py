"""Finding a message on the page: by number, id or reference as `dlrhub find` does, or by one of its reports."""

from collections.abc import Collection
from dataclasses import asdict
from typing import Any, Final

from ingest.connections.clickhouse import StoreClient
from ingest.lookup.find import MOST_MESSAGES, FoundMessage, find, messages_of
from ingest.page.rows import masked_row
from ingest.settings.accounts import EffectiveAccount

#: The message that a report is of. The time of receipt leads to the few rows among which the id is looked for.
_OF_REPORT: Final = """
SELECT provider, account, message_id, recipient
FROM reports
WHERE received_at = fromUnixTimestamp64Micro({received:Int64}, 'UTC') AND event_id = {event:UUID}
LIMIT 1
"""


class Finder:
    """Finds messages, and masks numbers in them unless told otherwise."""

    def __init__(self, accounts: Collection[EffectiveAccount], *, show_numbers: bool) -> None:
        """Find the messages of these accounts."""
        self._accounts = accounts
        self._show_numbers = show_numbers

    async def search(self, store: StoreClient, what: str) -> dict[str, Any]:
        """Return the newest messages with this number, id or reference; raises `StoreError`."""
        found = await find(store, what, self._accounts)
        return {
            "messages": [self._message(message) for message in found.messages],
            "most": MOST_MESSAGES,
            "dead_letters": [masked_row(row, show_numbers=self._show_numbers) for row in found.dead_letters],
        }

    async def of_report(self, store: StoreClient, received: int, event: str) -> dict[str, Any] | None:
        """Return the message of a report that was received at `received` (microseconds); None if there is none."""
        keys = await store.rows(_OF_REPORT, {"received": received, "event": event})
        messages = await messages_of(store, keys)
        return {"messages": [self._message(message) for message in messages], "dead_letters": []} if messages else None

    def _message(self, found: FoundMessage) -> dict[str, Any]:
        show_numbers = self._show_numbers
        return {
            "message": masked_row(found.message, show_numbers=show_numbers),
            "submission": found.submission and masked_row(found.submission, show_numbers=show_numbers),
            "reports": [
                {
                    **masked_row(report.row, show_numbers=show_numbers),
                    "meaning": asdict(report.meaning),
                    "answered": report.answered,
                }
                for report in found.reports
            ],
            "advice": list(found.advice),
            "masked": not show_numbers,
        }
