"""`dlrhub check`: reads the settings, tries every connection, and prints the findings."""

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from ingest.commands.output import console
from ingest.connections.data_dir import locked
from ingest.connections.ports import require_free
from ingest.connections.stores import require_embedded
from ingest.connections.streams import journals
from ingest.connections.tls import server_context
from ingest.polling.account import PolledAccount, polled_accounts
from ingest.polling.client import ProviderClient
from ingest.settings.accounts import EffectiveAccount, effective_accounts
from ingest.settings.errors import InvalidSettingsError
from ingest.settings.settings import KafkaSettings, Settings
from sinks.clickhouse.store import open_server
from sinks.clickhouse.urls import ping_url
from sinks.errors import SinkError
from sinks.journal.consumer import journals_in
from sinks.journal.damage import damages
from sinks.journal.verification import verify


class Finding(NamedTuple):
    """One thing that was checked: its value in the settings, its state, and whether somebody has to correct it."""

    what: str
    value: str
    state: str
    fault: bool = False


async def check(settings: Settings) -> int:
    """Print the findings; return 0 if dlrhub would start and work with these settings, else 1."""
    accounts = effective_accounts(settings)
    findings = [
        *_start(settings),
        *_journals(journals(settings.data_dir)),
        *_accounts(accounts),
        *([await _kafka(settings.kafka)] if settings.kafka else []),
        *[await _clickhouse(settings, server) for server in settings.clickhouse.servers],
        *[await _polled(account) for account in polled_accounts(accounts)],
    ]
    table = Table("what", "set to", "found", box=None, pad_edge=False)
    for finding in findings:
        table.add_row(finding.what, finding.value, finding.state, style="red" if finding.fault else None)
    console().print(table)
    return int(any(finding.fault for finding in findings))


def _start(settings: Settings) -> Iterator[Finding]:
    """Check what `dlrhub run` needs before it starts a process: folder, addresses, certificate and packages."""
    yield _folder(settings.data_dir)
    for name, address in settings.listeners.items():
        yield _tried(name, address, "free", partial(require_free, name, address))
    tls = settings.receiver
    if tls.tls_cert is not None:
        attempt = partial(server_context, tls.tls_cert, tls.tls_key, tls.tls_client_ca)
        yield _tried("receiver.tls_cert", str(tls.tls_cert), "can be used", attempt)
    if settings.clickhouse.url is None:
        yield _tried("clickhouse.url", "", "not set: the embedded store is installed", require_embedded)


def _tried(what: str, value: str, good: str, attempt: Callable[[], object]) -> Finding:
    try:
        attempt()
    except InvalidSettingsError as error:
        return Finding(what, value, str(error).removeprefix(f"{what} = {value}: "), fault=True)
    return Finding(what, value, good)


def _accounts(accounts: Iterable[EffectiveAccount]) -> Iterator[Finding]:
    for account in accounts:
        if account.provider.methods:
            guards = {"secrets": account.secrets, "allow": account.allow, "auth_key": account.reading.auth_key}
            names = ", ".join(name for name, value in guards.items() if value)
            yield Finding("/".join(account.key), names or "open", "ready" if names else "ready: anybody may post to it")


def _journals(root: Path) -> Iterator[Finding]:
    """Read every byte of the journals, and the notes on the damaged bytes that were set aside; change nothing."""
    for folder in journals_in(root):
        try:
            found = verify(folder)
        except OSError as error:
            yield Finding(f"journal {folder.name}", str(folder), f"can't be read: {error.strerror}", fault=True)
            continue
        state = f"{found.records} records can be read, {found.waiting} wait to be drained"
        if found.places:
            state += f"; {found.missing} records can't be read, at {found.places} places"
        yield Finding(f"journal {folder.name}", str(folder), state, fault=found.missing > 0)
    for damage in damages(root):
        yield Finding("journal/damaged", damage.name, str(damage), fault=True)


async def _kafka(kafka: KafkaSettings) -> Finding:
    """Connect, and check the topics without making any."""
    from ingest.connections.streams import cluster  # noqa: PLC0415 - Kafka's library is loaded only when it is used
    from sinks.kafka.topics import ensure_topics  # noqa: PLC0415

    try:
        topics = await ensure_topics(cluster(kafka), make=False)
    except SinkError as error:
        return Finding("kafka", kafka.bootstrap_servers, str(error), fault=True)
    return Finding("kafka", kafka.bootstrap_servers, "; ".join(["answers", *topics.warnings]))


async def _clickhouse(settings: Settings, server: str) -> Finding:
    """Connect, and ask the server for its version."""
    address = ping_url(server).removesuffix("/ping")
    try:
        store = await asyncio.to_thread(open_server, server, settings.clickhouse.database)
    except SinkError as error:
        return Finding("clickhouse", address, str(error), fault=True)
    version = store.client.server_version
    store.close()
    return Finding("clickhouse", address, f"answers: version {version}")


async def _polled(account: PolledAccount) -> Finding:
    """Ask a provider for the account's balance, which tests the credentials, the address and the clock."""
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
    """Check the data folder without making it."""
    nearest = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        if nearest != folder.absolute():
            return Finding("data_dir", str(folder), "will be made")
        parts = [path.stem for path in folder.glob("*.lock")]
        return _tried("data_dir", str(folder), "there", lambda: _lock(folder, parts))
    return Finding("data_dir", str(folder), "is no writable folder, and can't be made one", fault=True)


def _lock(folder: Path, parts: Sequence[str]) -> None:
    with locked(folder, parts):
        pass
