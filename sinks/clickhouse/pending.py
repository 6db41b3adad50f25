"""
Which messages wait for a final report: read from the store page by page, in the order in which they were submitted.

Nothing is remembered from one page to the next but where it ended, so that a million messages take no more memory than
one page, and reading goes on after a restart where it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from clickhouse_connect.driver.exceptions import ClickHouseError

from sinks.clickhouse.store import Store
from sinks.errors import BusyError

_DUE: Final = """
SELECT received_at, message_id, recipient
FROM {database}.submissions_lately
WHERE provider = {{provider:String}} AND account = {{account:String}}
    AND received_at >= fromUnixTimestamp64Micro({{from_at:Int64}})
    AND received_at <= fromUnixTimestamp64Micro({{until:Int64}})
    AND (received_at, message_id, recipient)
        > (fromUnixTimestamp64Micro({{from_at:Int64}}), {{message_id:String}}, {{recipient:String}})
    AND deadline_at > fromUnixTimestamp64Micro({{expiring_after:Int64}})
ORDER BY received_at, message_id, recipient
LIMIT {{most:UInt32}}
"""
_PAGE: Final = f"SELECT toUnixTimestamp64Micro(received_at), message_id, recipient FROM ({_DUE})"  # noqa: S608 - our own text
_FINAL: Final = f"""
SELECT message_id, recipient
FROM {{database}}.messages
WHERE provider = {{{{provider:String}}}} AND account = {{{{account:String}}}} AND final
    AND message_id IN (SELECT message_id FROM ({_DUE}))
"""  # noqa: S608 - our own text


class Position(NamedTuple):
    """Where reading has got to: a submission's receipt, in microseconds since 1970, and its message."""

    received_at: int
    message_id: str = "\U0010ffff"
    recipient: str = "\U0010ffff"


class Message(NamedTuple):
    """A submission; `final` says that its final report has come."""

    position: Position
    final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """
    Submissions received after `start`, until `end`, in microseconds since 1970.

    `expiring_after`: those alone whose deadline is later (0: all).
    """

    start: int
    end: int
    expiring_after: int = 0


def read_page(
    store: Store, provider: str, account: str, window: Window, after: Position | None, *, most: int
) -> list[Message]:
    """
    Return up to `most` of an account's submissions in the window, after a position; none at its end.

    Raises `BusyError` where the store does not answer.
    """
    after = after or Position(window.start)
    parameters = {
        "provider": provider,
        "account": account,
        "from_at": after.received_at,
        "message_id": after.message_id,
        "recipient": after.recipient,
        "until": window.end,
        "expiring_after": window.expiring_after,
        "most": most,
    }
    try:
        page = [Position(int(at), str(number), str(to)) for at, number, to in _rows(store, _PAGE, parameters)]
        final = {(str(number), str(to)) for number, to in _rows(store, _FINAL, parameters)} if page else set()
    except ClickHouseError as error:
        raise BusyError(f"pending messages: {getattr(error, 'name', None) or type(error).__name__}") from error
    return [Message(position, position[1:] in final) for position in page]


def _rows(store: Store, sql: str, parameters: Mapping[str, object]) -> Sequence[Sequence[Any]]:
    return store.client.query(sql.format(database=store.database), parameters=dict(parameters)).result_rows
