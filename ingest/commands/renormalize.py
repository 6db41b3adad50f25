"""`dlrhub renormalize`: reads stored reports again with today's tables, and prints what that changes."""

import sys
import time
from contextlib import AsyncExitStack

import typer
from rich.table import Table

from ingest.commands.output import console
from ingest.commands.store import any_store
from ingest.connections.streams import open_producer
from ingest.reprocessing.renormalize import Progress, ReportFilter, renormalize
from ingest.reprocessing.rereading import Rereader
from ingest.settings.accounts import effective_accounts
from ingest.settings.settings import Settings


async def run_renormalize(settings: Settings, wanted: ReportFilter, *, dry_run: bool) -> None:
    """
    Read the matching reports again, write those that change unless it is a dry run, and print the changes by code.

    Raises `StoreError` if the reports can't be read, and `BusyError` if the stream takes nothing.
    """
    rereader = Rereader(effective_accounts(settings))
    progress = Progress()
    started = time.monotonic()
    async with AsyncExitStack() as ending:
        producer = None
        if not dry_run:
            producer = await open_producer(settings.data_dir, settings.kafka, "renormalize")
            ending.push_async_callback(producer.close)
        store = await ending.enter_async_context(any_store(settings))
        async for progress in renormalize(store, producer, rereader, wanted):
            _show_progress(progress, started)
    if sys.stderr.isatty():
        sys.stderr.write("\n")
    _print_changes(progress)
    verb = "would change" if dry_run else "changed"
    typer.echo(
        f"{progress.read} reports read again, {progress.changed} {verb}, {progress.unreadable} can't be read any more;"
        f" {_rate(progress, started):,.0f} reports/s"
    )
    if progress.changed and not dry_run:
        typer.echo("The store shows the changes within seconds, while a drain runs.")


def _show_progress(progress: Progress, started: float) -> None:
    """Show how far the run is, on a terminal."""
    if sys.stderr.isatty():
        pace = f"{_rate(progress, started):,.0f}/s"
        sys.stderr.write(f"\r{progress.read:,} of {progress.total:,} reports, {pace}, {progress.changed:,} change ")
        sys.stderr.flush()


def _rate(progress: Progress, started: float) -> float:
    return progress.read / max(time.monotonic() - started, 1e-3)


def _print_changes(progress: Progress) -> None:
    if not progress.changes:
        return
    table = Table("provider", "code", "from", "to", "reports")
    for change, count in progress.changes.most_common():
        table.add_row(*change, f"{count:,}")
    console().print(table)
