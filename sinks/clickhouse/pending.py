"""
Which messages wait for a final report: read from the store page by page, in the order in which they were submitted.

Nothing is remembered from one page to the next but where it ended, so that a million messages take no more memory than
one page, and reading goes on after a restart where it was.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

#: Answers a query, with values bound to its `{name:Type}`, with rows by column name; raises a `SinkError`.
Ask = Callable[[str, Mapping[str, str | int]], Awaitable[Sequence[Mapping[str, Any]]]]

_DUE: Final = """
SELECT received_at, message_id, recipient
FROM submissions_lately
WHERE provider = {provider:String} AND account = {account:String}
    AND received_at >= fromUnixTimestamp64Micro({from_at:Int64})
    AND received_at <= fromUnixTimestamp64Micro({until:Int64})
    AND (received_at, message_id, recipient)
        > (fromUnixTimestamp64Micro({from_at:Int64}), {message_id:String}, {recipient:String})
    AND deadline_at > fromUnixTimestamp64Micro({expiring_after:Int64})
ORDER BY received_at, message_id, recipient
LIMIT {most:UInt32}
"""
_PAGE: Final = f"SELECT toUnixTimestamp64Micro(received_at) AS at, message_id, recipient FROM ({_DUE})"  # noqa: S608 - our own text
_FINAL: Final = f"""
SELECT message_id, recipient
FROM messages
WHERE provider = {{provider:String}} AND account = {{account:String}} AND final
    AND message_id IN (SELECT message_id FROM ({_DUE}))
"""  # noqa: S608 - our own text


class Position(NamedTuple):
    """A position in the reading: a submission's receipt, in microseconds since 1970, and its message."""

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


async def read_page(  # noqa: PLR0917 - the poller binds the first argument and gives the others by position
    ask: Ask, provider: str, account: str, window: Window, after: Position | None, most: int
) -> list[Message]:
    """
    Return up to `most` of an account's submissions in the window, after a position; none at its end.

    Raises what `ask` raises.
    """
    after = after or Position(window.start)
    parameters: Mapping[str, str | int] = {
        "provider": provider,
        "account": account,
        "from_at": after.received_at,
        "message_id": after.message_id,
        "recipient": after.recipient,
        "until": window.end,
        "expiring_after": window.expiring_after,
        "most": most,
    }
    page = [_position(row) for row in await ask(_PAGE, parameters)]
    final = {(row["message_id"], row["recipient"]) for row in await ask(_FINAL, parameters)} if page else set()
    return [Message(position, position[1:] in final) for position in page]


def _position(row: Mapping[str, Any]) -> Position:
    return Position(int(row["at"]), row["message_id"], row["recipient"])
