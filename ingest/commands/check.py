"""`dlrhub check`: reads the settings, tries every connection, and says what it found."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console
from rich.table import Table

from ingest.polling.account import PolledAccount, polled_accounts
from ingest.polling.client import ProviderClient
from ingest.receiver.access import access_by_account
from ingest.settings.accounts import effective_accounts
from ingest.settings.settings import KafkaSettings, Settings
from ingest.settings.values import split_address
from sinks.errors import SinkError

_TIMEOUT_SECONDS: Final = 2.0


class Finding(NamedTuple):
    """What was looked at, what it is set to, and how that is; `fault` says what has to be mended."""

    what: str
    value: str
    state: str
    fault: bool = False


async def check(settings: Settings) -> int:
    """Print what was found; return 0 where dlrhub can work so, else 1."""
    findings = [
        *_findings(settings),
        *([await _kafka(settings.kafka)] if settings.kafka else []),
        *([await _clickhouse(settings)] if settings.clickhouse.url else []),
        *[await _asked(account) for account in polled_accounts(effective_accounts(settings))],
    ]
    table = Table("what", "set to", "found", box=None, pad_edge=False)
    for finding in findings:
        table.add_row(finding.what, finding.value, finding.state, style="red" if finding.fault else None)
    Console().print(table)
    return int(any(finding.fault for finding in findings))


def _findings(settings: Settings) -> Iterator[Finding]:
    yield _folder(settings.data_dir)
    for what, address in (
        ("receiver.listen", settings.receiver_listen),
        ("admin.listen", settings.admin.listen),
        *([("query.listen", settings.query.listen)] if settings.clickhouse.url is None else []),
    ):
        yield _listener(what, address)
    for (provider, account), access in access_by_account(effective_accounts(settings)).items():
        guards = [
            name
            for name, has in (
                ("secrets", access.secrets),
                ("allow", access.allow),
                ("auth_key", access.account.auth_key),
            )
            if has
        ]
        yield Finding(f"{provider}/{account}", ", ".join(guards) or "open", "ready")


async def _kafka(kafka: KafkaSettings) -> Finding:
    """Connect, and look the topics over without making any."""
    from ingest.connections.streams import cluster  # noqa: PLC0415 - Kafka is loaded where it is used
    from sinks.kafka.topics import ensure_topics  # noqa: PLC0415

    try:
        topics = await ensure_topics(cluster(kafka), make=False)
    except SinkError as error:
        return Finding("kafka", kafka.bootstrap_servers, str(error), fault=True)
    return Finding("kafka", kafka.bootstrap_servers, "; ".join(["answers", *topics.warnings]))


async def _clickhouse(settings: Settings) -> Finding:
    """Connect, and let the server say its version."""
    from ingest.connections.stores import open_store  # noqa: PLC0415

    address = settings.clickhouse.ping_url.removesuffix("/ping")
    try:
        store = await asyncio.to_thread(open_store, settings)
    except SinkError as error:
        return Finding("clickhouse", address, str(error), fault=True)
    version = store.client.server_version
    store.close()
    return Finding("clickhouse", address, f"answers: version {version}")


async def _asked(account: PolledAccount) -> Finding:
    """Ask a provider for the account's balance: the credentials, the address and the clock are tried by it."""
    what, address = f"poll {account.provider}/{account.name}", account.settings.url or account.poll.url
    balance, client = account.poll.balance, ProviderClient(account)
    if balance is None:
        return Finding(what, address, "not tried")
    try:
        answer = await client.ask("balance", lambda: balance.request(account.asking()), balance.read)
    finally:
        await client.close()
    if answer.value is None:
        return Finding(what, address, f"{answer.outcome}: {answer.detail}", fault=True)
    return Finding(what, address, f"answers: the balance is {answer.value:g}")


def _folder(folder: Path) -> Finding:
    nearest = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    writable = nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
    state = "can't be written to" if not writable else "there" if nearest == folder.absolute() else "will be made"
    return Finding("data_dir", str(folder), state, fault=not writable)


def _listener(what: str, address: str) -> Finding:
    host, port = split_address(address)
    return Finding(what, address, *_try(lambda: _bind(host, port), lambda: _connect(host, port)))


def _try(bind: Callable[[], None], connect: Callable[[], None]) -> tuple[str, bool]:
    try:
        bind()
    except OSError as error:
        try:
            connect()
        except OSError:
            return f"can't be used: {error.strerror}", True
        return "answers: something listens there already", False
    return "free", False


def _bind(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def _connect(host: str, port: int) -> None:
    socket.create_connection((host, port), _TIMEOUT_SECONDS).close()
