"""A journal and a consumer for one test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sinks.journal.consumer import JournalConsumer
from sinks.journal.writer import Journal


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    """Open the journal `j`."""
    journal = Journal(tmp_path / "j")
    yield journal
    await journal.close()


@pytest.fixture
async def consumer(tmp_path: Path) -> AsyncIterator[JournalConsumer]:
    """Open a consumer of all journals."""
    consumer = JournalConsumer(tmp_path)
    yield consumer
    await consumer.close()
