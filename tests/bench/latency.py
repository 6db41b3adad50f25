"""From a callback to the row that answers a query: how long it takes."""

import statistics
import threading
import time
import uuid

from tests.program.running import Program

_CALLBACKS = 300
_PAUSE_SECONDS = 0.01
_PATIENCE_SECONDS = 30


def callback_to_row(receiver: Program, store: Program) -> tuple[float, float]:
    """Post callbacks one after another while the store is asked again and again: p50 and p99, in milliseconds."""
    run = uuid.uuid4().hex[:8]
    posted: dict[str, float] = {}

    def post() -> None:
        for number in range(_CALLBACKS):
            message_id = f"{run}-{number}"
            path = f"santo?command=RT_REQUEST&msgid={message_id}&da=8618688888888&dc=15&rsm={message_id}|0|DELIVRD||"
            posted[message_id] = time.monotonic()
            assert receiver.callback(path)[0] == 200
            time.sleep(_PAUSE_SECONDS)

    poster = threading.Thread(target=post)
    poster.start()
    seen: dict[str, float] = {}
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while len(seen) < _CALLBACKS:
        assert time.monotonic() < deadline, f"{len(seen)} of {_CALLBACKS} were seen"
        rows = store.ask(f"SELECT message_id FROM dlr.reports WHERE startsWith(message_id, '{run}-')")
        now = time.monotonic()
        for row in rows:
            seen.setdefault(row["message_id"], now)
    poster.join()
    taken = [1000 * (seen[message_id] - at) for message_id, at in posted.items()]
    return statistics.median(taken), statistics.quantiles(taken, n=100)[98]
