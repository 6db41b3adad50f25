"""Code that all commands share: the `--config` option, times as options, and how an error ends a command."""

import functools
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn, ParamSpec

import typer

from ingest.commands.usage import UsageError
from ingest.processes.supervisor import UNUSABLE, UnusableError
from ingest.settings.errors import InvalidSettingsError
from normalizers.registry import InvalidProviderError
from sinks.errors import SinkError

Config = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="FILE", help="Settings file (default: dlrhub.toml, if there).")
]

_Arguments = ParamSpec("_Arguments")


def explained(command: Callable[_Arguments, None]) -> Callable[_Arguments, None]:
    """Print the error that stops a command; exit with 78 if the settings have to be changed first, else with 1."""

    @functools.wraps(command)
    def wrapped(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (InvalidSettingsError, InvalidProviderError) as error:
            fail(str(error), status=UNUSABLE)
        except UnusableError as error:
            fail(f"the {error} process can't work with these settings: see above", status=UNUSABLE)
        except (SinkError, UsageError) as error:
            fail(str(error), status=1)

    return wrapped


def read_time(text: str) -> datetime:
    """Return the ISO time that an option gives, in UTC if it names no zone; raises `BadParameter`."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("give an ISO time such as 2026-11-20T12:00:00Z") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def fail(message: str, *, status: int) -> NoReturn:
    """End the command with a message on the standard error."""
    typer.echo(f"dlrhub: {message}", err=True)
    sys.exit(status)
