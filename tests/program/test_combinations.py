"""The running program with every stream and every store."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from normalizers import PROVIDERS
from normalizers.model import Source
from normalizers.testing.examples import event_ids
from tests.ingest.query.fixtures import QueryServer
from tests.normalizers.examples import examples
from tests.program.running import Ask, Program, Server, counts, kafka_settings
from tests.waiting import wait_until

WAIT_SECONDS = 30
EXAMPLES = [
    case for case in examples() if case.case.startswith("document-") and case.callback.source is Source.CALLBACK
]
READABLE = {
    event_id
    for case in EXAMPLES
    if "items" in case.expected
    for event_id in event_ids(PROVIDERS[case.provider].parse(case.callback))
}
UNREADABLE = sum("error" in case.expected for case in EXAMPLES)
#: A record of each topic: once it is in the store, so are those that were posted before it.
LAST = orjson.dumps(
    [
        {"flag": 1, "mid": "last", "mobile": "18983437011", "stat": "DELIVRD"},
        {"flag": 0, "mid": "last", "mobile": "18983437011", "content": "1"},
    ]
)


def post_examples(program: Program) -> None:
    """Post the examples of the providers' documents, and check the answers."""
    for case in EXAMPLES:
        target = f"{case.provider}?{case.callback.query.decode()}"
        status, _ = program.callback(target, case.callback.body if case.callback.method == "POST" else None)
        assert status == case.expected["reply"]["status"], case


def stored(ask: Ask) -> Counter[str]:
    """Count the rows of each report and inbound message."""
    rows = ask("SELECT event_id, message_id FROM reports UNION ALL SELECT event_id, message_id FROM inbound")
    return Counter("last" if row["message_id"] == "last" else row["event_id"] for row in rows)


def wait_for(ask: Ask, wanted: Counter[str]) -> None:
    """Return once the store holds these rows and no others."""
    wait_until(lambda: stored(ask) == wanted, seconds=WAIT_SECONDS, shown=lambda: (stored(ask), wanted))


def letters(ask: Ask) -> tuple[int, int]:
    """Return how many dead letters there are, and how often they were received."""
    [row] = ask("SELECT count() AS letters, sum(receipts) AS receipts FROM dead_letters")
    return int(row["letters"]), int(row["receipts"])


@pytest.mark.parametrize("store", ["embedded", "server"])
@pytest.mark.parametrize("stream", ["journal", "kafka"])
def test_every_stream_goes_with_every_store(
    tmp_path: Path, request: pytest.FixtureRequest, name: str, stream: str, store: str
) -> None:
    """Reports that providers post twice are stored once, with every stream and store."""
    settings: dict[str, str] = {}
    if stream == "kafka":
        settings |= kafka_settings(request.getfixturevalue("kafka"), name, partitions=1)
    server = Server(request.getfixturevalue("writable_server"), name) if store == "server" else None
    program = Program(tmp_path, settings=settings | (server.settings if server else {}))
    ask = server.ask if server else program.ask
    with program:
        post_examples(program)
        post_examples(program)
        assert program.callback("juhe", LAST)[0] == 200
        wait_for(ask, Counter(READABLE) + Counter(last=2))
        wait_until(lambda: letters(ask) == (UNREADABLE, 2 * UNREADABLE), seconds=WAIT_SECONDS)
        assert program.stop() == 0


def test_migrate_names_the_migrations(tmp_path: Path, writable_server: QueryServer, name: str) -> None:
    """`dlrhub migrate` names the migrations that it applies, embedded and on a server; the second time there is none."""
    embedded = Program(tmp_path)
    server = Program(tmp_path, settings=Server(writable_server, name).settings)
    for program in (embedded, server):
        assert program.call("migrate").startswith("applied 0001_schema")
        assert program.call("migrate") == "nothing to apply\n"


def test_a_drain_reads_again_from_a_time(tmp_path: Path, kafka: str, writable_server: QueryServer, name: str) -> None:
    """`dlrhub drain --from` restores reports that the store has lost since then, and doubles no others."""
    began = datetime.now(UTC)
    server = Server(writable_server, name)
    settings = kafka_settings(kafka, name, partitions=2) | server.settings

    def drain(*options: str) -> Program:
        return Program(tmp_path, ("drain", *options), settings)

    with Program(tmp_path, ("ingest",), settings) as receiver:
        with drain() as first:
            post_examples(receiver)
            wait_for(server.ask, Counter(READABLE))
            before = counts(server.ask)
            assert first.stop() == 0
        server.ask(f"ALTER TABLE {name}_store.reports DELETE WHERE provider = 'juhe' SETTINGS mutations_sync = 2")
        assert stored(server.ask) < Counter(READABLE)
        with drain("--from", began.isoformat()) as second:
            assert receiver.callback("juhe", LAST)[0] == 200
            wait_for(server.ask, Counter(READABLE) + Counter(last=2))
            assert counts(server.ask) == {number + 1 for number in before}
            assert second.stop() == 0
        assert receiver.stop() == 0
