"""Opens the stream that the settings name: a journal, or Kafka with a journal as its spill."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog
from pydantic import SecretStr

from ingest.metrics.catalogue import SpillMetrics
from ingest.settings.errors import InvalidSettingsError
from ingest.settings.settings import KafkaSettings
from sinks.errors import BusyError, RefusedError
from sinks.journal.consumer import JournalConsumer, lag
from sinks.journal.writer import Journal
from sinks.stream import Consumer, Producer, Record

if TYPE_CHECKING:
    from sinks.kafka.cluster import Cluster

_log = structlog.get_logger(__name__)

_CONNECT_SECONDS: Final = 5.0
#: The folder, below `data_dir`, of journals with the records that Kafka will never take.
REFUSED: Final = "refused"


def journals(data_dir: Path) -> Path:
    """Return the folder of this machine's journals: the stream without Kafka, the spill with Kafka."""
    return data_dir / "journal"


def refuse_old_data(data_dir: Path) -> None:
    """Raise `InvalidSettingsError` if `data_dir` holds the journal or the spill of dlrhub 0.1, and touch nothing."""
    old = [*journals(data_dir).glob("*.db"), *data_dir.glob("spill/*/records.db")]
    if old:
        raise InvalidSettingsError(
            f"data_dir: {old[0]} is a journal of dlrhub 0.1 (SQLite), which this version can't read: "
            "let 0.1 drain it, then move it away, or choose another data_dir"
        )


async def open_producer(data_dir: Path, kafka: KafkaSettings | None, name: str) -> Producer:
    """
    Open the producing side of the stream: a journal of this name, or Kafka with that journal as the spill.

    It opens even while Kafka can't be reached or the disk is full; appends raise `BusyError` while the disk is full.
    Raises `InvalidSettingsError` if Kafka refuses our credentials.
    """
    journal = Journal(journals(data_dir) / name)
    if kafka is None:
        return journal
    from sinks.kafka.producer import KafkaProducer  # noqa: PLC0415 - Kafka's library is loaded only when it is used
    from sinks.kafka.spill import SpillingProducer  # noqa: PLC0415

    producer = SpillingProducer(
        KafkaProducer(cluster(kafka)),
        journal,
        data_dir / REFUSED,
        SpillMetrics(),
        confirm_seconds=kafka.confirm_timeout_ms / 1000,
    )
    try:
        await producer.start()
    except RefusedError as error:
        raise InvalidSettingsError(str(error)) from None
    return producer


class LateProducer:
    """A producer that opens the stream with the first append, which raises the error if that fails."""

    at_once = 1

    def __init__(self, open_stream: Callable[[], Awaitable[Producer]]) -> None:
        self._open_stream = open_stream
        self._opening = asyncio.Lock()
        self._producer: Producer | None = None

    async def append(self, records: Sequence[Record]) -> None:
        """Return once every record is durable; raises the errors of `open_producer` and `Producer.append`."""
        async with self._opening:
            if self._producer is None:
                self._producer = await self._open_stream()
        await self._producer.append(records)

    async def close(self) -> None:
        """Finish what was appended."""
        if self._producer is not None:
            await self._producer.close()


async def open_consumer(data_dir: Path, kafka: KafkaSettings | None) -> Consumer:
    """Open the consuming side of the stream, which keeps trying if Kafka can't be reached; see `open_producer`."""
    if kafka is None:
        return JournalConsumer(journals(data_dir))
    from sinks.kafka.consumer import KafkaConsumer  # noqa: PLC0415

    consumer = KafkaConsumer(cluster(kafka), group=kafka.group, warn=_log.warning)
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            found = await consumer.connect()
    except RefusedError as error:
        raise InvalidSettingsError(str(error)) from None
    except (BusyError, TimeoutError) as error:
        _log.warning("Kafka is away", why=str(error) or "no answer")
    else:
        for text in found.warnings:
            _log.warning(text)
    return consumer


@asynccontextmanager
async def lag_sources(data_dir: Path, kafka: KafkaSettings | None) -> AsyncIterator[list[Callable[[], Awaitable[int]]]]:
    """Yield functions that count the waiting records of each stream, journals and Kafka, or raise `BusyError`."""
    sources: list[Callable[[], Awaitable[int]]] = [lambda: asyncio.to_thread(lag, journals(data_dir))]
    if kafka is None:
        yield sources
        return
    from sinks.kafka.observer import Observer  # noqa: PLC0415

    observer = Observer(cluster(kafka), kafka.group)
    try:
        yield [*sources, observer.lag]
    finally:
        await observer.close()


async def set_back(kafka: KafkaSettings | None, at: datetime) -> None:
    """Make the drains read Kafka's records since `at` again; raises `InvalidSettingsError` or a `SinkError`."""
    if kafka is None:
        raise InvalidSettingsError("kafka: not set; a journal keeps drained records for minutes only")
    from sinks.kafka.group import rewind_to  # noqa: PLC0415

    offsets = await rewind_to(cluster(kafka), kafka.group, at)
    _log.info("the drains are set back", group=kafka.group, to=at.isoformat(), partitions=len(offsets))


def cluster(settings: KafkaSettings) -> "Cluster":
    """Return the settings in the form that `sinks.kafka` takes."""
    from sinks.kafka.cluster import Cluster  # noqa: PLC0415

    converted = {
        "compression": None if settings.compression == "none" else settings.compression,
        "sasl_password": _plain(settings.sasl_password),
        "ssl_password": _plain(settings.ssl_password),
    }
    return Cluster(**{**settings.model_dump(exclude={"group", "confirm_timeout_ms"}), **converted})


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
