"""The output of `dlrhub codes`."""

import csv
import io
import json
import tomllib
from typing import Any

import pytest
from msgspec.structs import replace

from ingest.commands.codes import lines_to_add, print_codes, unmapped_codes
from ingest.commands.usage import UsageError
from ingest.settings.accounts import effective_accounts
from ingest.settings.settings import Settings
from normalizers import PROVIDERS
from normalizers.model import CodeSource, Status
from sinks.clickhouse.store import Store
from sinks.stream import Topic
from tests.factories import make_report
from tests.ingest.connections.in_process import InProcessClient

OURS = Settings.model_validate(
    {"providers": {"juhe": {"codes": {"mk:0004": {"status": "rejected", "meaning": "no such route at the operator"}}}}}
)


@pytest.mark.parametrize("output_format", ["csv", "json"])
def test_codes_can_be_read_by_a_program(output_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every code of every provider is in csv and in json, with its meaning, its English and where it stands."""
    print_codes(OURS, [], output_format)
    text = capsys.readouterr().out
    rows: list[dict[str, Any]] = (
        json.loads(text) if output_format == "json" else list(csv.DictReader(io.StringIO(text)))
    )
    assert {row["provider"] for row in rows} == set(PROVIDERS)
    assert {row["source"] for row in rows} == {"document", "smpp", "settings"}
    [ours] = [row for row in rows if row["source"] == "settings"]
    assert (ours["account"], ours["code"], ours["status"], ours["reason"]) == (
        "default",
        "MK:0004",
        "rejected",
        "unknown",
    )
    assert all(row["english"].isascii() for row in rows)
    assert all(row["document"] for row in rows)


def test_a_table_shows_every_word(capsys: pytest.CaptureFixture[str]) -> None:
    """A table shows codes, meanings and the rule of identity whole, where the output is a file."""
    print_codes(OURS, ["juhe"], "table")
    lines = capsys.readouterr().out.splitlines()
    assert any("MK:0004" in line and "no such route at the operator" in line for line in lines)
    assert any("MO:NNNN" in line and "(any other MO: followed by digits)" in line for line in lines)
    assert any("event_id, rule 1: mid, mobile, stat, time;" in line for line in lines)
    assert not any("…" in line for line in lines)


@pytest.mark.parametrize(("names", "output_format"), [(["jhe"], "table"), ([], "xml")])
def test_what_there_is_not_is_refused(names: list[str], output_format: str) -> None:
    """The error for an unknown provider or format lists the known ones."""
    with pytest.raises(UsageError, match=r"cm, juhe|table, csv, json"):
        print_codes(Settings(), names, output_format)


async def test_codes_in_no_table_come_with_the_settings_that_add_them(store: Store) -> None:
    """Received codes that are in no table are listed once, and the printed settings add them."""
    unknown = make_report(
        provider="juhe", status=Status.UNKNOWN, code_source=CodeSource.NONE, unmapped=True, provider_status="MK:0001"
    )
    reports = [
        unknown,
        replace(unknown, event_id="00000000-0000-0000-0000-000000000001", message_id="m-2"),
        make_report(provider="juhe", status=Status.UNKNOWN, unmapped=True, provider_status="MK:0004"),
        make_report(provider="santo", status=Status.UNKNOWN, unmapped=True, provider_status="400", provider_code="405"),
        make_report(status=Status.UNDELIVERABLE, unmapped=True, provider_status="3", provider_code="206"),
        make_report(provider="juhe", provider_status="DELIVRD"),
    ]
    store.insert(Topic.REPORTS, reports)
    rows = await unmapped_codes(InProcessClient(store), effective_accounts(OURS))
    found = {(row["provider"], row["kind"], row["code"], row["reports"]) for row in rows}
    assert found == {
        ("juhe", "status", "MK:0001", 2),
        ("santo", "status", "400|405", 1),
        ("cm", "error", "206", 1),
    }
    added = Settings.model_validate(tomllib.loads("\n".join(lines_to_add(rows))))
    still = await unmapped_codes(InProcessClient(store), effective_accounts(added))
    assert [row["code"] for row in still] == ["MK:0004"]
