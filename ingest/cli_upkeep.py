"""Commands that look after the stored data: dead letters, renormalize, backup, restore and forget."""

import asyncio
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from ingest import logs
from ingest.cli_shared import Config, explained, read_time
from ingest.commands.output import FORMAT_HELP
from ingest.settings.loading import load
from ingest.settings.secrets import secret_mask
from ingest.settings.settings import Settings

app: Final = typer.Typer()
dead_letters: Final = typer.Typer(
    name="dead-letters", help="List, show and replay what could not be read.", no_args_is_help=True
)
app.add_typer(dead_letters)

Provider = Annotated[str, typer.Option(metavar="NAME", help="Of this provider.")]
Account = Annotated[str, typer.Option(metavar="NAME", help="Of this account.")]
Why = Annotated[str, typer.Option(metavar="WHY", help="With this fault, such as bad_value.")]
Since = Annotated[
    datetime | None,
    typer.Option(
        metavar="TIME", parser=read_time, help="Received at this ISO time or later (UTC if it names no zone)."
    ),
]
Until = Annotated[
    datetime | None, typer.Option(metavar="TIME", parser=read_time, help="Received before this ISO time.")
]
Resolved = Annotated[bool, typer.Option("--resolved", help="Also those that a replay could read.")]


@dead_letters.command("list")
@explained
def list_letters(
    provider: Provider = "",
    account: Account = "",
    why: Why = "",
    since: Since = None,
    until: Until = None,
    *,
    resolved: Resolved = False,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many, the latest first.")] = 100,
    output_format: Annotated[str, typer.Option("--format", metavar="FORMAT", help=FORMAT_HELP)] = "",
    config: Config = None,
) -> None:
    """List dead letters, the latest first."""
    from ingest.commands.dead_letters import print_list
    from ingest.reprocessing.letters import LetterFilter

    wanted = LetterFilter(provider=provider, account=account, why=why, since=since, until=until, resolved=resolved)
    asyncio.run(print_list(load(config), wanted, limit, output_format))


@dead_letters.command("show")
@explained
def show_letter(letter_id: Annotated[str, typer.Argument(metavar="ID")], config: Config = None) -> None:
    """Show one dead letter with all that it holds."""
    from ingest.commands.dead_letters import print_letter

    asyncio.run(print_letter(load(config), letter_id))


@dead_letters.command("replay")
@explained
def replay_letters(
    letter_id: Annotated[str, typer.Argument(metavar="ID", hidden=True)] = "",
    provider: Provider = "",
    account: Account = "",
    why: Why = "",
    since: Since = None,
    *,
    until: Until = None,
    every: Annotated[bool, typer.Option("--all", help="Replay all that are not resolved.")] = False,
    config: Config = None,
) -> None:
    """
    Read dead letters again with today's program, and store what can be read now.

    The exit status is 1 if some still can't be read.
    """
    from ingest.commands.dead_letters import replay_letters as replay
    from ingest.reprocessing.letters import LetterFilter

    if not (letter_id or provider or account or why or since or until or every):
        raise typer.BadParameter("name a letter, give a filter such as --provider, or say --all")
    wanted = LetterFilter(letter_id=letter_id, provider=provider, account=account, why=why, since=since, until=until)
    if not asyncio.run(replay(_load_with_log("replay", config), wanted)):
        sys.exit(1)


@app.command()
@explained
def renormalize(
    provider: Provider = "",
    account: Account = "",
    since: Since = None,
    until: Until = None,
    *,
    unmapped: Annotated[bool, typer.Option("--unmapped", help="Only reports whose code was in no table.")] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Also write reports that don't change: their messages are computed anew.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would change, and write nothing.")] = False,
    config: Config = None,
) -> None:
    """
    Read stored reports again with today's code tables and settings.

    Reports keep their ids and first receipts. The command may be ended at any time and run again.
    """
    from ingest.commands.renormalize import run_renormalize
    from ingest.reprocessing.renormalize import ReportFilter

    wanted = ReportFilter(
        provider=provider, account=account, since=since, until=until, unmapped=unmapped, unchanged=every
    )
    asyncio.run(run_renormalize(_load_with_log("renormalize", config), wanted, dry_run=dry_run))


def _load_with_log(command: str, config: Path | None) -> Settings:
    """Load the settings and set up the log, in which a command that writes to the stream warns if Kafka is away."""
    settings = load(config)
    logs.set_up(command, secret_mask(settings))
    return settings


@app.command()
@explained
def backup(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder of backups; files that are in it are not copied again.")
    ],
    keep: Annotated[int, typer.Option(min=1, metavar="N", help="Delete all but the latest so many.")] = 7,
    config: Config = None,
) -> None:
    """Back up an embedded installation, while it runs or not."""
    from ingest.commands.backup import backup as back_up

    asyncio.run(back_up(load(config), folder, keep))


@app.command()
@explained
def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of backups, or one backup in it.")],
    config: Config = None,
) -> None:
    """Restore the latest backup into `data_dir`, which has to be empty."""
    from ingest.commands.backup import restore as restore_backup

    restore_backup(load(config), folder)


@app.command()
@explained
def forget(number: Annotated[str, typer.Argument(metavar="NUMBER", hidden=True)], config: Config = None) -> None:
    """
    Erase a person's phone number from all that this installation keeps.

    NUMBER has its country code, such as +8618688888888. Reports, messages and submissions of the number are deleted;
    texts of others that contain it are redacted. The exit status is 1 if something is left; the command may be
    repeated.
    """
    from ingest.commands.forget import forget as forget_number

    if not asyncio.run(forget_number(load(config), number)):
        sys.exit(1)
