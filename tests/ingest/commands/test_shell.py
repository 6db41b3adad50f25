"""Typing SQL on a terminal."""

import asyncio

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from ingest.commands.shell import make_session


@pytest.mark.parametrize(
    ("typed", "gives"),
    [
        ("SELECT 1;\r", "SELECT 1;"),
        ("SELECT\r1\r;\r", "SELECT\n1\n;"),
        ("exit\r", "exit"),
        ("\r", ""),
    ],
)
async def test_a_query_ends_with_a_semicolon(typed: str, gives: str) -> None:
    """Enter begins a new line until the text ends with a semicolon; `exit` and an empty line end at once."""
    with create_pipe_input() as keyboard, create_app_session(input=keyboard, output=DummyOutput()):
        session = make_session(InMemoryHistory())
        keyboard.send_text(typed)
        async with asyncio.timeout(10):
            assert await session.prompt_async() == gives


async def test_queries_are_kept_in_a_history() -> None:
    """The up key brings back earlier queries, several lines as one query."""
    history = InMemoryHistory()
    history.append_string("SELECT\n1;")
    with create_pipe_input() as keyboard, create_app_session(input=keyboard, output=DummyOutput()):
        session = make_session(history)
        keyboard.send_text("\x1b[A\r")
        async with asyncio.timeout(10):
            assert await session.prompt_async() == "SELECT\n1;"
