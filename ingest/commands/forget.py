"""`dlrhub forget`: erases a person's number from all that this installation keeps, and checks that it is gone."""

from collections.abc import Sequence

import typer

from ingest.backup.snapshot import drop_snapshot
from ingest.commands.usage import UsageError
from ingest.connections.stores import store_folder
from ingest.connections.streams import REFUSED, journals
from ingest.control.client import is_running
from ingest.erasure.files import files_with, set_aside
from ingest.erasure.journals import erase_from_journals, wait_until_drained
from ingest.erasure.poll_state import erase_from_poll_state
from ingest.erasure.store import erase_from_store
from ingest.settings.privacy import open_privacy
from ingest.settings.settings import Settings
from normalizers.msisdn import read_number
from normalizers.privacy import StoredNumbers, hash_number
from normalizers.written_numbers import split_number
from sinks.clickhouse.erasure import ErasedTable
from sinks.clickhouse.store import engine_path


async def forget(settings: Settings, written: str) -> bool:
    """
    Erase a number, print what was erased in each place, and tell whether nothing is left.

    Raises `UsageError` if `written` is no phone number, and `BusyError` if the command has to be run again.
    """
    number = _read(written)
    stored_as = _forms(settings, number)
    if is_running(settings.data_dir):
        await wait_until_drained(journals(settings.data_dir))
    roots = [journals(settings.data_dir), settings.data_dir / REFUSED]
    changed = await erase_from_journals(roots, number, stored_as)
    typer.echo(f"journals: {changed} records erased or redacted")
    tables = await erase_from_store(settings, number, stored_as)
    for table in tables:
        typer.echo(f"{table.table}: {table.deleted} rows deleted, {table.redacted} redacted, {table.left} left")
    drop_snapshot(engine_path(store_folder(settings.data_dir)), settings.data_dir)  # of an interrupted backup
    changed = await erase_from_poll_state(settings.data_dir / "poll.db", number)
    typer.echo(f"state of the pollers: {changed} entries erased")
    return _print_rest(settings, number, tables)


def _read(written: str) -> str:
    number, _ = read_number(written)
    if not number.startswith("+"):
        raise UsageError(f"{written} is no phone number: give it with its country code, such as +8618688888888")
    return number


def _forms(settings: Settings, number: str) -> Sequence[str]:
    """Return the forms in which a column may hold the number: in full, without `+`, and under every key."""
    privacy = open_privacy(settings.privacy)
    if privacy.numbers is StoredNumbers.MASKED:
        typer.echo("numbers are stored masked: rows with a masked number can't be told from other people's, and stay")
    _, national = split_number(number)
    forms = [number, number[1:], f"00{number[1:]}", national, f"0{national}"]
    return [*forms, *(hash_number(form, key) for form in forms for key in privacy.keys)]


def _print_rest(settings: Settings, number: str, tables: Sequence[ErasedTable]) -> bool:
    """Print where the number is left, and which copies the command can't reach; return True if nothing is left."""
    left = sum(table.left for table in tables)
    files = list(files_with(settings.data_dir, number))
    for path in files:
        typer.echo(f"still in {path}")
    unread = set_aside(settings.data_dir)
    for path in unread:
        typer.echo(f"not searched, since it is damaged: {path}; delete it when you don't need it any more")
    if left:
        typer.echo(f"{left} rows hold the number in their message id, which can't be changed")
    if settings.kafka is not None:
        typer.echo("not reached: Kafka's topics, which keep the number until their retention ends")
    typer.echo("not reached: backups, and what was sent to other systems")
    return not (left or files or unread)
