"""Group commit: few writes, and bounded memory."""

import asyncio
from collections.abc import Sequence

import pytest

from sinks.errors import BusyError
from sinks.group_commit import MOST_PENDING, MOST_PENDING_BYTES, GroupCommit
from sinks.stream import Record
from tests.sinks.journal.records import record


@pytest.mark.parametrize(("records", "size"), [(MOST_PENDING, 10), (64, MOST_PENDING_BYTES // 64)])
async def test_a_stalled_stream_refuses_new_appends(records: int, size: int) -> None:
    """Records that wait for a stalled write are bounded in number and in bytes; appends beyond that are refused."""
    stalled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    written: list[int] = []

    def write(group: Sequence[Record]) -> asyncio.Future[None]:
        written.append(len(group))
        return stalled

    group = GroupCommit(write)
    first = asyncio.create_task(group.append([record(1)]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting = asyncio.create_task(group.append([record(1, size)] * records))
    await asyncio.sleep(0)
    with pytest.raises(BusyError, match="keep up"):
        await group.append([record(2)])
    stalled.set_result(None)
    await asyncio.gather(first, waiting)
    assert written == [1, records]
    await group.append([record(2)])


async def test_a_large_append_is_taken_when_nothing_waits() -> None:
    """An append that is larger than the limit is taken if nothing waits, since a valid callback may be that large."""

    def write(_: Sequence[Record]) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    await GroupCommit(write).append([record(1)] * (MOST_PENDING + 1))
