"""The receiver is the server with every limit that a user may set, so these tests start receivers."""

from tests.ingest.receiver.conftest import start_receiver as start_receiver  # noqa: PLC0414 - a fixture
