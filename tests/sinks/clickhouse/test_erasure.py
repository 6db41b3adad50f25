"""A person's number is erased from every table, in every spelling, and nobody else's rows change."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from sinks.clickhouse.erasure import ErasedTable, erase, keep_old_parts
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.store import Store
from sinks.records import inbound_record, report_record, submission_record
from sinks.rows import check
from sinks.stream import Record
from tests.factories import make_inbound, make_letter, make_report, make_resolution, make_submission

NUMBER = "+8618688888888"
NATIONAL = "18688888888"
OTHER = "+8618688888889"
_VIEWS = {
    "reports": "recipient",
    "messages": "recipient",
    "inbound": "sender",
    "submissions": "recipient",
    "dead_letters": "provider",
}


def _inbound(sender: str, content: str, name: str) -> Record:
    return inbound_record(
        make_inbound(
            event_id=f"00000000-0000-0000-0000-00000000000{name}", message_id=name, sender=sender, content=content,
            raw=f'{{"mobile":"{sender}"}}',
        )
    )  # fmt: skip


def _records() -> Sequence[Record]:
    return [
        report_record(make_report(message_id="m-1", recipient=NUMBER, raw=f'{{"mobile":"{NATIONAL}"}}')),
        report_record(make_report(message_id="m-2", recipient=OTHER, raw='{"mobile":"18688888889"}')),
        report_record(
            make_report(
                message_id="m-3",
                recipient=OTHER,
                reference="call 186-8888-8888",
                custom=msgspec.Raw(b'{"phones":["18688888888","18688888888"]}'),
                raw='{"mobile":"18688888889","ref":"86%20186%208888%208888"}',
            )
        ),
        report_record(make_report(message_id="m-4", recipient="0 186 8888 8888", raw="{}")),  # could not be read
        report_record(
            make_report(
                message_id="m-5",
                recipient=OTHER,
                operator="18688888888",
                provider_status="8618688888888",
                provider_code="tel:18688888888",
                raw=f"da=8618688888889&sm={NATIONAL.encode().hex()}",
            )
        ),
        submission_record(make_submission(message_id="m-1", recipient=NUMBER)),
        submission_record(
            make_submission(message_id="m-2", recipient=OTHER, tags={"agent": "0086 18688888888", NATIONAL: "him"})
        ),
        _inbound(NUMBER, "STOP", "1"),
        _inbound(OTHER, "my friend is 018688888888", "2"),
        make_letter(body=b'[{"mobile":"\\u00318688888888"},{"mobile":"18688888889"}', query=b"da=8618688888888"),
        make_letter(body=b"\xc4\xe3 8618688888888 \xff"),
        make_letter(body=b"\xff" + NATIONAL.encode() + b"\xfe"),
        make_letter(body=f"\ufeff{NATIONAL}".encode("utf-16-le")),
        make_letter(body=NATIONAL.encode("utf-16-be")),
        make_resolution(f"bad_value at $[0]: {NATIONAL} is none"),
    ]


def _counts(store: Store) -> dict[str, int]:
    """Count the rows of everybody else."""
    return {
        view: int(
            str(
                store.client.command(
                    f"SELECT count() FROM {store.database}.{view} WHERE {column} NOT IN ('{NUMBER}', '0 186 8888 8888')"
                )
            )
        )
        for view, column in _VIEWS.items()
    }


def _dump(store: Store) -> str:
    tables = dict.fromkeys(("reports", "messages", "inbound", "submissions", "submissions_lately"), "*")
    tables["dead_letters"] = "*, lower(hex(if(body_encoding = 'base64', base64Decode(body), body))) AS bytes"
    return "\n".join(
        str(store.client.query(f"SELECT {columns} FROM {store.internal}.{table}").result_rows)
        for table, columns in tables.items()
    )


class Erased(NamedTuple):
    """A store from which a number was erased, which takes half a minute and so is done once."""

    store: Store
    before: dict[str, int]
    tables: dict[str, ErasedTable]


@pytest.fixture(scope="module")
def erased(engine: Store) -> Iterator[Erased]:
    """Erase a number from a store with records of two people."""
    store = Store(engine.client, "erasing")
    migrate(store)
    for record in _records():
        store.insert(record.topic, [check(record.topic, record.value)])
    before = _counts(store)
    cut_short = f"ALTER TABLE {store.internal}.submissions_lately DELETE WHERE recipient = '{NUMBER}'"
    store.client.command(cut_short, settings={"mutations_sync": 2})  # its file names the number
    tables = {table.table: table for table in erase(store, NUMBER, [NUMBER])}
    yield Erased(store, before, tables)
    for database in (store.database, store.internal):
        store.client.command(f"DROP DATABASE {database}")


def test_a_number_is_in_no_table_afterwards(erased: Erased) -> None:
    """Rows about the person are gone, and texts that contain the number are redacted, however it is spelled."""
    left = _dump(erased.store)
    for spelling in (NATIONAL, "186-8888-8888", "186%208888%208888", "\\u00318688888888", "186 8888 8888"):
        assert spelling not in left
    for charset in ("ascii", "utf-16-le", "utf-16-be"):
        assert NATIONAL.encode(charset).hex() not in left
    assert "18688888889" in left


def test_the_counts_tell_what_was_done(erased: Erased) -> None:
    """An erasure tells for each table how many rows it deleted and redacted, and how many it could not change."""
    done = {name: (table.deleted, table.redacted, table.left) for name, table in erased.tables.items()}
    assert done.pop("messages") in {(2, 3, 0), (3, 3, 0)}  # the rows of its report and its submission may be merged
    assert done == {
        "reports": (2, 2, 0),
        "submissions": (1, 1, 0),
        "submissions_lately": (0, 0, 0),
        "inbound": (1, 1, 0),
        "dead_letters": (1, 5, 0),
    }


def test_everybody_else_is_counted_as_before(erased: Erased) -> None:
    """The reports, messages, inbound messages and submissions of others stay, and so do all dead letters."""
    assert _counts(erased.store) == erased.before


def test_erasing_again_finds_nothing(erased: Erased) -> None:
    """An erasure that is repeated, after one that was cut short or not, ends in the same state."""
    again = erase(erased.store, NUMBER, [NUMBER])
    assert {(table.deleted, table.redacted, table.left) for table in again} == {(0, 0, 0)}


def test_the_settings_of_an_erasure_that_was_killed_are_taken_back(store: Store) -> None:
    """At the next start the tables keep their old parts for as long as before."""
    store.client.command(f"ALTER TABLE {store.internal}.reports MODIFY SETTING old_parts_lifetime = 1")
    keep_old_parts(store)
    lifetimes = store.client.query(
        "SELECT DISTINCT extract(engine_full, 'old_parts_lifetime = ([0-9]+)') FROM system.tables"
        f" WHERE database = '{store.internal}' AND engine LIKE '%MergeTree'"
    )
    assert lifetimes.result_rows == [("480",)]


def test_no_file_keeps_the_number(erased: Erased) -> None:
    """Neither an old part nor the file of the mutation, which holds the statement, is left on the disk."""
    store = erased.store
    paths = store.client.query(
        f"SELECT arrayJoin(data_paths) FROM system.tables WHERE database = '{store.internal}' AND data_paths != []"
    ).result_rows
    files = [file for (path,) in paths for file in Path(str(path)).rglob("*") if file.is_file()]
    assert files
    for file in files:
        assert NATIONAL.encode() not in file.read_bytes(), file
