"""What the settings name: a journal or Kafka, an embedded store or a server, each behind the interface of its kind."""

import asyncio
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import structlog
from clickhouse_connect.driver.exceptions import ClickHouseError
from pydantic import SecretStr

from ingest.metrics import SpillMetrics
from ingest.settings import ClickHouseSettings, InvalidSettingsError, KafkaSettings, Settings
from sinks.errors import BusyError, RefusedError
from sinks.journal import Journal, JournalConsumer
from sinks.migrate import Migration, migrate
from sinks.retention import apply_retention
from sinks.store import TABLES, Store, open_embedded, open_server
from sinks.stream import Consumer, Producer

if TYPE_CHECKING:
    from sinks.kafka.cluster import Cluster

_log = structlog.get_logger(__name__)

_CONNECT_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = 2.0


async def open_producer(settings: Settings, name: str) -> Producer:
    """
    Open the doors' side of the stream: a journal by this name, or Kafka with a spill, even while Kafka is away.

    Raises `InvalidSettingsError` where Kafka does not let us in, `BusyError` where nothing can be written to the disk.
    """
    if settings.kafka is None:
        return Journal(settings.data_dir / "journal" / f"{name}.db")
    from sinks.kafka.producer import KafkaProducer  # noqa: PLC0415 - Kafka is loaded where it is used
    from sinks.spill import SpillingProducer  # noqa: PLC0415

    producer = SpillingProducer(
        KafkaProducer(cluster(settings.kafka)),
        settings.data_dir / "spill",
        SpillMetrics(),
        confirm_seconds=settings.kafka.confirm_timeout_ms / 1000,
    )
    try:
        await producer.start()
    except RefusedError as error:
        raise InvalidSettingsError(str(error)) from None
    return producer


async def open_consumer(settings: Settings) -> Consumer:
    """
    Open the store's side of the stream; where Kafka is away, it goes on trying.

    Raises `InvalidSettingsError` where Kafka does not let us in.
    """
    if settings.kafka is None:
        return JournalConsumer(settings.data_dir / "journal")
    from sinks.kafka.consumer import KafkaConsumer  # noqa: PLC0415

    consumer = KafkaConsumer(cluster(settings.kafka), group=settings.kafka.group, topics=tuple(TABLES))
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            topics = await consumer.connect()
    except RefusedError as error:
        raise InvalidSettingsError(str(error)) from None
    except (BusyError, TimeoutError) as error:
        _log.warning("Kafka is away", why=str(error) or "no answer")
    else:
        for text in topics.warnings:
            _log.warning(text)
    return consumer


async def set_back(settings: Settings, at: datetime) -> None:
    """Have the drains read again what Kafka took at `at` or later; raises `InvalidSettingsError` or a `SinkError`."""
    if settings.kafka is None:
        raise InvalidSettingsError("kafka: not set; a journal keeps what is drained for minutes only")
    from sinks.kafka.group import rewind_to  # noqa: PLC0415

    offsets = await rewind_to(cluster(settings.kafka), settings.kafka.group, tuple(TABLES), at)
    _log.info("the drains are set back", group=settings.kafka.group, to=at.isoformat(), partitions=len(offsets))


def cluster(settings: KafkaSettings) -> "Cluster":
    """Return the settings as the Kafka stream takes them."""
    from sinks.kafka.cluster import Cluster  # noqa: PLC0415

    return Cluster(
        bootstrap_servers=settings.bootstrap_servers,
        topic_prefix=settings.topic_prefix,
        partitions=settings.partitions,
        replication_factor=settings.replication_factor,
        compression=None if settings.compression == "none" else settings.compression,
        security_protocol=settings.security_protocol,
        sasl_mechanism=settings.sasl_mechanism,
        sasl_username=settings.sasl_username,
        sasl_password=_plain(settings.sasl_password),
        ssl_cafile=settings.ssl_cafile,
        ssl_certfile=settings.ssl_certfile,
        ssl_keyfile=settings.ssl_keyfile,
        ssl_password=_plain(settings.ssl_password),
    )


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def open_store(settings: Settings) -> Store:
    """Open the store; raises `BusyError` where it can't be had now, `RefusedError` where it does not let us in."""
    database, url = settings.clickhouse.database, settings.clickhouse.url
    if url is None:
        return open_embedded(store_folder(settings), database)
    return open_server(url.get_secret_value(), database, async_insert=settings.clickhouse.async_insert)


def store_folder(settings: Settings) -> Path:
    """Return where the embedded store is."""
    return settings.data_dir / "store"


def ping_url(settings: ClickHouseSettings) -> str:
    """Return where a server says that it is alive, which it tells anybody; raises ValueError where there is none."""
    if settings.url is None:
        raise ValueError("the store is embedded")
    parts = urlsplit(settings.url.get_secret_value())
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/ping"


def prepare(store: Store, settings: Settings) -> list[Migration]:
    """
    Bring the tables and their retention up to date, and return the migrations that were applied.

    Raises `BusyError` where the store fails to, and `RefusedError` where its migrations are not ours.
    """
    chosen = settings.clickhouse
    try:
        applied = migrate(store, cluster=chosen.cluster, durable=chosen.url is None)
        apply_retention(store, chosen.retention_days, cluster=chosen.cluster)
    except ClickHouseError as error:
        raise BusyError(f"the tables can't be brought up to date: {error}") from error
    return applied


async def wait_for_store(settings: Settings, stopping: asyncio.Event) -> Store | None:
    """
    Open the store and prepare it, waiting for a server that is away; None where `stopping` was set first.

    Raises `InvalidSettingsError` where the server does not let us in, and `BusyError` where the embedded store can't
    be opened.
    """
    while not stopping.is_set():
        try:
            return await asyncio.to_thread(_open_prepared, settings)
        except RefusedError as error:
            raise InvalidSettingsError(str(error)) from None
        except BusyError as error:
            if settings.clickhouse.url is None:
                raise
            _log.warning("the store is away, and is waited for", error=str(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _RETRY_SECONDS)
    return None


def _open_prepared(settings: Settings) -> Store:
    store = open_store(settings)
    try:
        prepare(store, settings)
    except BaseException:
        store.close()
        raise
    return store
