"""`dlrhub dead-letters`: lists dead letters, shows one of them, and replays them."""

import sys

import typer

from ingest.commands.output import clickhouse_format, has_no_rows
from ingest.commands.store import any_store
from ingest.commands.usage import UsageError
from ingest.connections.streams import open_producer
from ingest.reprocessing.letters import LetterFilter, find_letter, summaries_query
from ingest.reprocessing.replay import replay
from ingest.reprocessing.rereading import Rereader
from ingest.settings.accounts import effective_accounts
from ingest.settings.settings import Settings


async def print_list(settings: Settings, wanted: LetterFilter, most: int, format_name: str) -> None:
    """Print up to `most` letters that match, the latest first, in a format of `dlrhub query`; raises `StoreError`."""
    sql, parameters = summaries_query(wanted, most)
    output_format = clickhouse_format(format_name)
    async with any_store(settings) as store:
        body = await store.query(sql, output_format, parameters)
    sys.stdout.buffer.write(body)
    if has_no_rows(body, output_format):
        typer.echo("no dead letters", err=True)


async def print_letter(settings: Settings, letter_id: str) -> None:
    """Print one letter with its content; raises `StoreError`, and `UsageError` if there is no such letter."""
    async with any_store(settings) as store:
        row = await find_letter(store, letter_id)
    if row is None:
        raise UsageError(f"there is no dead letter with the id {letter_id}")
    for name, value in row.items():
        if name != "body":
            typer.echo(f"{name}: {value}")
    typer.echo(f"body:\n{row['body']}")


async def replay_letters(settings: Settings, wanted: LetterFilter) -> bool:
    """
    Replay the letters that match, and print the outcome of each; return True if all of them could be parsed.

    Raises `StoreError` if the store can't be read, and `BusyError` if the stream takes nothing.
    """
    accounts = Rereader(effective_accounts(settings))
    resolved = unreadable = 0
    producer = await open_producer(settings.data_dir, settings.kafka, "replay")
    try:
        async with any_store(settings) as store:
            async for replayed in replay(store, producer, accounts, wanted):
                outcome = "resolved" if replayed.resolved else "unreadable"
                typer.echo(f"{replayed.position.letter_id}  {outcome}: {replayed.words}")
                resolved += replayed.resolved
                unreadable += not replayed.resolved
    finally:
        await producer.close()
    typer.echo(f"{resolved} resolved, {unreadable} still unreadable", err=True)
    return unreadable == 0
