"""
Reads past a message that aiokafka can't decode, because the name of a header is not UTF-8.

aiokafka raises at such a message every time, and loses the messages that it took out of its buffer with it. So reading
starts again at the group's committed offsets, one message at a time, up to the one that raises.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

_MOST_MESSAGES: Final = 2_000
_QUIET_SECONDS: Final = 2.0
_POLL_SECONDS: Final = 0.05
_WHOLE_SECONDS: Final = 20.0


class OneByOne(NamedTuple):
    """Messages in each partition's order, and partition and offset of the message that was left out, if any."""

    messages: Sequence[Any]
    left_out: tuple[TopicPartition, int] | None


async def read_one_by_one(client: AIOKafkaConsumer) -> OneByOne:
    """
    Read from the committed offsets until a message can't be decoded, nothing more comes, or 2,000 messages are read.

    In the last case the caller may call again after a commit.
    """
    messages: list[Any] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(_WHOLE_SECONDS):
            await _go_back(client)
            quiet_until = asyncio.get_running_loop().time() + _QUIET_SECONDS
            while len(messages) < _MOST_MESSAGES and asyncio.get_running_loop().time() < quiet_until:
                found = len(messages)
                for partition in client.assignment():
                    offset = await client.position(partition)
                    try:
                        answer = await client.getmany(partition, timeout_ms=0, max_records=1)
                    except UnicodeDecodeError:
                        client.seek(partition, offset + 1)
                        return OneByOne(messages, (partition, offset))
                    messages += answer.get(partition, ())
                if len(messages) > found:
                    quiet_until = asyncio.get_running_loop().time() + _QUIET_SECONDS
                else:
                    await asyncio.sleep(_POLL_SECONDS)
    return OneByOne(messages, None)


async def _go_back(client: AIOKafkaConsumer) -> None:
    for partition in client.assignment():
        committed = await client.committed(partition)
        if committed is None:
            await client.seek_to_beginning(partition)
        else:
            client.seek(partition, committed)
