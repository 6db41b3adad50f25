"""The prompt of `dlrhub query` on a terminal: runs typed queries, and keeps them in a history."""

import os
from pathlib import Path
from typing import Final

import typer
from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer
from pygments.lexers.sql import SqlLexer

from ingest.commands.output import clickhouse_format, has_no_rows
from ingest.commands.store import any_store
from ingest.connections.clickhouse import StoreClient, StoreError, store_url
from ingest.settings.settings import Settings

_LEAVE: Final = frozenset({"exit", "quit", "\\q"})


async def run_shell(settings: Settings, format_name: str) -> None:
    """Answer typed queries until `exit` or Ctrl-D; raises `StoreError` or `BusyError` if the store can't be opened."""
    output_format = clickhouse_format(format_name or "table")
    async with any_store(settings) as store:
        typer.echo(f"SQL on {_address(settings)}, database {store.database}.")
        typer.echo("A query ends with `;`. SHOW TABLES lists the tables. Ctrl-C drops a line, Ctrl-D or `exit` leaves.")
        session = make_session(_history())
        while (sql := await _next_query(session)) not in _LEAVE:
            if sql:
                await _answer(store, sql, output_format)


def make_session(history: History) -> PromptSession[str]:
    """Return a prompt in which Enter begins a new line until the text ends with `;`, or is `exit` or `quit`."""
    keys = KeyBindings()

    @Condition
    def is_complete() -> bool:
        text = get_app().current_buffer.text.strip()
        return not text or text.endswith(";") or text in _LEAVE

    @keys.add("enter", filter=is_complete)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    return PromptSession(
        "dlr> ",
        multiline=True,
        prompt_continuation="...> ",
        history=history,
        key_bindings=keys,
        lexer=PygmentsLexer(SqlLexer),
        enable_history_search=True,
        reserve_space_for_menu=0,
    )


async def _next_query(session: PromptSession[str]) -> str:
    """Return the typed text without its `;`: empty after Ctrl-C, and `exit` after Ctrl-D."""
    try:
        text = await session.prompt_async()
    except KeyboardInterrupt:
        return ""
    except EOFError:
        return "exit"
    return text.strip().rstrip(";").strip()


async def _answer(store: StoreClient, sql: str, output_format: str) -> None:
    try:
        body = await store.query(sql, output_format)
    except StoreError as error:
        typer.echo(error)
    else:
        typer.echo(body, nl=False)
        if has_no_rows(body, output_format):
            typer.echo("no rows")


def _history() -> History:
    """Return this user's history in a file that nobody else can read, or in memory if the file can't be written."""
    folder = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "dlrhub"
    path = folder / "query-history"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(path)


def _address(settings: Settings) -> str:
    """Return the store's address without credentials."""
    scheme, _, rest = store_url(settings).partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"
