"""Every stream: acknowledged records are read in order until they are committed."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from operator import attrgetter

import pytest
from msgspec.structs import replace

from sinks.stream import Batch, Consumer, Producer, Record, Topic
from tests.sinks.streams.fixtures import Stream, read, read_and_commit


@pytest.fixture
async def producer(stream: Stream) -> AsyncIterator[Producer]:
    """Open the producing side."""
    producer = await stream.open_producer()
    yield producer
    await producer.close()


@pytest.fixture
async def consumer(stream: Stream) -> AsyncIterator[Consumer]:
    """Open the store's side."""
    consumer = await stream.open_consumer()
    yield consumer
    await consumer.close()


def record(number: int, key: str | None = None) -> Record:
    """Make a record with a number."""
    return Record(Topic.REPORTS, key or f"m-{number}", "cm", b'{"number": %d}' % number)


def numbered(count: int) -> list[Record]:
    """Make records."""
    return [record(number) for number in range(count)]


async def test_a_record_is_read_as_it_was_written(producer: Producer, consumer: Consumer) -> None:
    """Topic, key, provider and value are read byte for byte as they were appended."""
    written = [
        Record(Topic.REPORTS, "m-1", "cm", b'{"a": 1}'),
        Record(Topic.INBOUND, "", "juhe", b'{"content": "\xe4\xbd\xa0\\n"}'),
        Record(Topic.DEAD_LETTERS, "消息", "santo", b"not JSON \x00\xff\n"),
        Record(Topic.SUBMISSIONS, "k" * 500, "", b'"' + b"v" * 1_000_000 + b'"'),
    ]
    await producer.append(written)
    by_key = attrgetter("key")
    assert sorted(await read(consumer, 4), key=by_key) == sorted(written, key=by_key)


async def test_concurrent_appends_are_all_kept_once(producer: Producer, consumer: Consumer) -> None:
    """With any number of appends at once, each of their records is read once."""
    await asyncio.gather(*(producer.append(numbered(2000)[start::50]) for start in range(50)))
    assert Counter(await read(consumer, 2000)) == Counter(numbered(2000))


async def test_records_of_a_key_keep_their_order(producer: Producer, consumer: Consumer) -> None:
    """Two reports on one message are read in the order in which they were appended."""
    for number in range(0, 300, 3):
        await producer.append([record(number + step, key=f"m-{number % 7}") for step in range(3)])
    read_back = await read(consumer, 300)
    for key in {each.key for each in read_back}:
        values = [int(each.value[11:-1]) for each in read_back if each.key == key]
        assert values == sorted(values)


async def test_an_empty_append_returns_at_once(producer: Producer) -> None:
    """An append without records returns."""
    await producer.append([])


async def test_a_batch_is_bounded_by_records(producer: Producer, consumer: Consumer) -> None:
    """A batch has at most the number of records that was asked for."""
    for each in numbered(30):
        await producer.append([each])
    sizes: list[int] = []
    while sum(sizes) < 30:
        sizes.append(len((await consumer.read(most=7, wait_seconds=5)).records))
    assert max(sizes) <= 7


async def test_a_batch_is_bounded_by_bytes(producer: Producer, consumer: Consumer) -> None:
    """A batch of large records is little larger than was asked for, and no record is left out."""
    large = [replace(record(number), value=b'"%s"' % (b"v" * 600_000)) for number in range(40)]
    for each in large:
        await producer.append([each])
    sizes: list[int] = []
    async with asyncio.timeout(30):
        while sum(sizes) < 40:
            batch = await consumer.read(most=1000, most_bytes=2_000_000, wait_seconds=5)
            sizes.append(len(batch.records))
    assert max(sizes) <= 16
    assert sum(sizes) == 40


async def test_reading_an_empty_stream_ends_in_time(consumer: Consumer) -> None:
    """A read of an empty stream returns no records after the given wait."""
    clock = asyncio.get_running_loop().time
    await consumer.read(most=10, wait_seconds=2)  # the first one connects
    started = clock()
    assert not (await consumer.read(most=10, wait_seconds=0.2)).records
    assert 0.1 < clock() - started < 1.5


async def test_uncommitted_records_are_read_again(stream: Stream, producer: Producer) -> None:
    """After a restart of the consumer, records are read again from the first uncommitted one."""
    await producer.append(numbered(10))
    first = await stream.open_consumer()
    assert len(await read_and_commit(first, 10)) == 10
    await producer.append(numbered(25)[10:])
    assert len(await read(first, 15)) == 15
    await first.close()
    second = await stream.open_consumer()
    assert Counter(await read(second, 15)) == Counter(numbered(25)[10:])
    await second.close()


async def test_lag_counts_uncommitted_records(producer: Producer, consumer: Consumer) -> None:
    """The lag falls with commits, not with reads."""
    await producer.append(numbered(40))
    batch = await consumer.read(most=1000, wait_seconds=10)
    while len(batch.records) < 40:
        more = await consumer.read(most=1000, wait_seconds=1)
        batch = Batch([*batch.records, *more.records], {**batch.positions, **more.positions})
    assert await consumer.lag() == 40
    await consumer.commit(batch)
    assert await consumer.lag() == 0


async def test_a_restarted_producer_continues(stream: Stream, consumer: Consumer) -> None:
    """Records that were appended before and after a restart of the producer are read."""
    for half in (numbered(20)[:10], numbered(20)[10:]):
        producer = await stream.open_producer()
        await producer.append(half)
        await producer.close()
    assert Counter(await read(consumer, 20)) == Counter(numbered(20))


async def test_a_stream_is_read_while_records_are_appended(producer: Producer, consumer: Consumer) -> None:
    """Reading and committing while records are appended skips none of them."""

    async def append() -> None:
        for start in range(0, 1000, 10):
            await producer.append(numbered(1000)[start : start + 10])

    _, records = await asyncio.gather(append(), read_and_commit(consumer, 1000))
    assert Counter(records) == Counter(numbered(1000))
