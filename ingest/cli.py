"""The command line: `dlrhub`."""

import asyncio
import sys
from contextlib import closing
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ingest import cli_simulate, cli_upkeep, logs
from ingest.cli_shared import Config, explained, fail, read_time
from ingest.commands.output import FORMAT_HELP
from ingest.settings.errors import InvalidSettingsError
from ingest.settings.loading import load
from ingest.settings.secrets import secret_mask
from ingest.settings.settings import Settings

if TYPE_CHECKING:
    from ingest.processes.child import Part

app: Final = typer.Typer(
    name="dlrhub",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # the plain help names no Python types
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - the signature of an option's callback
    if wanted:
        typer.echo(f"dlrhub {version('dlrhub')}")
        raise typer.Exit


@app.callback()
def dlrhub(
    *,
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """One deduplicated delivery-report stream out of many SMS providers."""


@app.command()
@explained
def run(config: Config = None) -> None:
    """
    Run everything in one process tree.

    The store is embedded unless the settings name a ClickHouse server, the stream a journal unless they name Kafka.
    """
    settings = load(config)
    _run_parts(settings, "run", config, receivers=True, store=True, poller=settings.polls)


@app.command()
@explained
def ingest(
    config: Config = None,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Receiver processes; goes before receiver.workers.")
    ] = None,
) -> None:
    """Run the receivers alone."""
    settings = load(config)
    if workers is not None:
        settings = settings.model_copy(update={"receiver": settings.receiver.model_copy(update={"workers": workers})})
    _run_parts(settings, "ingest", config, receivers=True)


@app.command()
@explained
def drain(
    config: Config = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--from",
            metavar="TIME",
            parser=read_time,
            help="First set the group back to this ISO time (UTC if it names no zone).",
        ),
    ] = None,
) -> None:
    """
    Run the drain into the store alone.

    It also serves the query interface of an embedded store.
    """
    settings = load(config)
    if since is not None:
        from ingest.connections.streams import set_back

        logs.set_up("drain", secret_mask(settings))
        asyncio.run(set_back(settings.kafka, since))
    _run_parts(settings, "drain", config, store=True)


@app.command()
@explained
def poll(config: Config = None) -> None:
    """
    Run the pollers alone.

    They ask the providers of the accounts with `poll`; one process for all of them is enough.
    """
    settings = load(config)
    if not settings.polls:
        raise InvalidSettingsError("no account has `poll` in the settings: there is no provider to ask")
    _run_parts(settings, "poll", config, poller=True)


def _run_parts(settings: Settings, command: str, config: Path | None, **parts: bool) -> None:
    """Run the parts (receivers, store, poller) that are True."""
    from ingest.processes.parent import Parts, run

    logs.set_up(command, secret_mask(settings))
    asyncio.run(run(settings, Parts(command, **parts), config))


@app.command(context_settings={"ignore_unknown_options": True})  # SQL may begin with `--`, a comment
@explained
def query(
    sql: Annotated[str | None, typer.Argument(metavar="SQL", hidden=True)] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", metavar="FILE", help="Read the SQL from a file (-: standard input).")
    ] = None,
    output_format: Annotated[str, typer.Option("--format", metavar="FORMAT", help=FORMAT_HELP)] = "",
    config: Config = None,
) -> None:
    """
    Ask the store in SQL.

    SQL is one SELECT, SHOW, DESCRIBE or EXPLAIN.

    Without SQL, the command reads it from the standard input, or lets you type it on a terminal. If no dlrhub is
    running, the command opens the embedded store itself.
    """
    from ingest.commands.query import print_answer, read_sql

    text = read_sql(sql, file)
    if text is not None:
        asyncio.run(print_answer(load(config), text, output_format))
        return
    from ingest.commands.shell import run_shell

    asyncio.run(run_shell(load(config), output_format))


@app.command()
@explained
def find(
    what: Annotated[str, typer.Argument(metavar="WHAT", hidden=True)],
    output_format: Annotated[str, typer.Option("--format", metavar="FORMAT", help="text or json")] = "text",
    config: Config = None,
) -> None:
    """
    Find a message, and say what became of it.

    WHAT is a phone number in any spelling, a message id or a reference. The exit status is 1 if nothing is found.
    """
    from ingest.commands.find import print_found

    if not asyncio.run(print_found(load(config), what, output_format)):
        sys.exit(1)


@app.command()
@explained
def new_provider(
    name: Annotated[str, typer.Argument(metavar="NAME", hidden=True)],
    folder: Annotated[Path, typer.Option("--in", metavar="FOLDER", help="Where its folder is made.")] = Path(),
) -> None:
    """
    Write the files of a provider, ready to fill in.

    The files are a package, dlrhub-NAME: the parser, its tables, example requests, a dialect for simulate, and
    the tests that every provider passes. Once it is installed together with dlrhub, its provider is served.
    """
    from ingest.commands.new_provider import write_provider

    package = write_provider(name, folder)
    typer.echo(f"{package} is written. Install and test it, and follow its README.md:\n")
    typer.echo(f"    cd {package} && pip install -e '.[test]' && pytest")


@app.command()
@explained
def codes(
    provider: Annotated[list[str] | None, typer.Argument(metavar="PROVIDER...", hidden=True)] = None,
    *,
    output_format: Annotated[str, typer.Option("--format", metavar="FORMAT", help="table, csv or json")] = "table",
    unmapped: Annotated[bool, typer.Option("--unmapped", help="Received codes that are in no table.")] = False,
    config: Config = None,
) -> None:
    """
    Show what the providers' codes mean, and in which document.

    The codes are those of the provider's document, SMPP's if the document uses them, and those added in the settings.
    Below the codes of a provider stands the rule by which two reports count as the same one.
    """
    from ingest.commands.codes import print_codes, print_unmapped

    settings = load(config)
    if unmapped:
        asyncio.run(print_unmapped(settings, provider or [], output_format))
    else:
        print_codes(settings, provider or [], output_format)


@app.command()
@explained
def migrate(config: Config = None) -> None:
    """
    Bring the store's tables up to date.

    This also sets how long they keep their rows.
    """
    from ingest.connections.stores import open_store, prepare

    settings = load(config)
    with closing(open_store(settings)) as store:
        applied = prepare(store, settings)
    typer.echo("\n".join(f"applied {migration.name}" for migration in applied) or "nothing to apply")


@app.command()
@explained
def check(config: Config = None) -> None:
    """
    Read the settings, and try every folder, address and connection in them.

    The exit status is 1 if `run` would not start.
    """
    from ingest.commands.check import check as check_all

    try:
        settings = load(config)
    except InvalidSettingsError as error:
        fail(str(error), status=1)
    logs.silence()  # the table says more than the libraries' lines
    sys.exit(asyncio.run(check_all(settings)))


@app.command(hidden=True)
@explained
def child(name: str, config: Config = None) -> None:
    """Run one child process of `run`, `ingest`, `drain` or `poll`: `receiver-<number>`, `poller` or `store`."""
    from ingest.processes.child import run_child

    settings = load(config)
    run_child(name, _part(name, settings), secret_mask(settings))


def _part(name: str, settings: Settings) -> "Part":
    """Return the main function of a child process; the modules of the other kinds are not loaded."""
    if name == "store":
        from ingest.processes.store import drain_and_serve

        return partial(drain_and_serve, settings)
    if name == "poller":
        from ingest.processes.poller import poll as ask_providers

        return partial(ask_providers, settings)
    from ingest.processes.receiver import receive

    return partial(receive, settings, name)


app.command()(cli_simulate.simulate)
app.add_typer(cli_upkeep.app)


def main() -> None:
    """Run the command line."""
    app()
