"""`dlrhub simulate --serve-pull`: plays the polled providers until it is interrupted, then counts its answers."""

import asyncio
import signal
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from ingest.settings.errors import InvalidSettingsError
from ingest.settings.settings import Settings
from ingest.settings.values import split_address
from ingest.simulation.dialects.cmessages import CmessagesServer
from ingest.simulation.dialects.juhe import JuheServer
from ingest.simulation.dialects.santo import SantoServer
from ingest.simulation.known_messages import KnownMessages
from ingest.simulation.pull import PullServer
from normalizers import PROVIDERS


def run_pull_server(settings: Settings, address: str, *, faults: float, reports_per_second: float, seed: int) -> None:
    """Serve; raises `InvalidSettingsError` if the address can't be used."""
    credentials, messages = _credentials(settings), KnownMessages(seed)
    juhe = JuheServer(messages, credentials.get("juhe"), reports_per_second=reports_per_second, seed=seed)
    cmessages = CmessagesServer(messages, credentials.get("cmessages"))
    santo = SantoServer(messages, credentials.get("santo"))
    server = PullServer([cmessages, santo, juhe], faults=faults, seed=seed)
    names = "cmessages, santo and juhe"
    known = f"credentials from the settings: {', '.join(credentials) or 'none: everybody is let in'}"
    console = Console(highlight=False)
    try:
        asyncio.run(_serve(server, address, lambda url: console.print(f"{names} at {url}; {known}", soft_wrap=True)))
    except (OSError, ValueError) as error:
        raise InvalidSettingsError(f"--serve-pull: {address} can't be used: {error}") from error
    console.print(_table(server, juhe.handed_over))


def _credentials(settings: Settings) -> dict[str, dict[str, str]]:
    """Return the credentials of the first polled account of each provider."""
    found: dict[str, dict[str, str]] = {}
    for account in settings.accounts:
        poll = PROVIDERS[account.provider].poll
        if account.poll is not None and poll is not None:
            found.setdefault(account.provider, dict(account.poll.credentials(poll.credentials)))
    return found


async def _serve(server: PullServer, address: str, greet: Callable[[str], None]) -> None:
    stopping = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stopping.set)
    host, port = split_address(address)
    async with server.serve(host, port) as url:
        greet(url)
        await stopping.wait()


def _table(server: PullServer, handed_over: int) -> Table:
    table = Table("provider", "status", "answers", box=None, pad_edge=False)
    for (provider, status), count in sorted(server.answers.items()):
        table.add_row(provider, status, str(count))
    table.add_row("juhe", "handed over", str(handed_over))
    return table
