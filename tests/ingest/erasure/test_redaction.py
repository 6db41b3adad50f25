"""A number is taken out of a record as it is out of the store's tables, and nobody else's record is lost."""

import base64

import msgspec
import pytest

from ingest.erasure.redaction import erasing
from sinks.records import report_record, submission_record
from sinks.rows import check, written
from sinks.stream import Record
from tests.factories import make_letter, make_report, make_resolution, make_submission

NUMBER, NATIONAL, OTHER = "+8618688888888", "18688888888", "+8618688888889"
change = erasing(NUMBER, [NUMBER])


@pytest.mark.parametrize(
    "about",
    [
        report_record(make_report(recipient=NUMBER)),
        report_record(make_report(recipient="0186-8888-8888")),
        submission_record(make_submission(recipient=NUMBER)),
        make_resolution(f"{NATIONAL} is no number"),
    ],
)
def test_a_record_about_the_person_is_erased(about: Record) -> None:
    """A record whose recipient spells the number, also as it came, is erased, and so is what a replay said of it."""
    assert change(about) is None


@pytest.mark.parametrize(
    ("custom", "left"),
    [
        (b'{"recipient":"+8618688888888"}', '{"recipient":"+***"}'),
        (b'{"phone":18688888888}', '{"phone":***}'),
        (rb'{"nested":"{\"phone\":\"\\u00318688888888\"}"}', r'{"nested":"{\"phone\":\"\***\"}"}'),
    ],
)
def test_another_person_s_report_is_still_a_report(custom: bytes, left: str) -> None:
    """A report whose customer's JSON holds the number in any way stays a complete row, with that text redacted."""
    changed = change(report_record(make_report(recipient=OTHER, custom=msgspec.Raw(custom), sender=NATIONAL)))
    assert changed is not None
    row = msgspec.json.decode(written(check(changed.topic, changed.value)))
    assert (row["recipient"], row["sender"], row["custom"]) == (OTHER, "***", left)


@pytest.mark.parametrize(
    "body",
    [
        NATIONAL.encode("utf-16-le"),
        b'{"mobile":"\\u00318688888888"}',
        b"\xff" + NATIONAL.encode() + b"\xfe",
        f"\ufeff{NATIONAL}".encode("utf-16-be"),
        NATIONAL.encode().hex().encode(),
    ],
)
def test_a_letter_keeps_everything_but_the_number(body: bytes) -> None:
    """In a dead letter the number is redacted in text and in bytes that are kept as base64, whatever stands around it."""
    changed = change(make_letter(body=b"before " + body + b" after"))
    assert changed is not None
    row = msgspec.json.decode(written(check(changed.topic, changed.value)))
    left = base64.b64decode(row["body"]) if row["body_encoding"] == "base64" else row["body"].encode()
    assert body not in left
    assert b"***" in left
    assert (left[:7], left[-6:]) == (b"before ", b" after")


def test_a_record_without_the_number_is_the_same(subtests: pytest.Subtests) -> None:
    """Records that have nothing to do with the person are not written anew."""
    for record in (report_record(make_report(recipient=OTHER)), make_letter(body=b"\xff"), make_resolution("1 report")):
        with subtests.test(record.topic.value):
            assert change(record) is record


def test_tags_stay_an_object() -> None:
    """In a submission's tags the number is redacted in names and values."""
    changed = change(
        submission_record(make_submission(recipient=OTHER, tags={NATIONAL: "x", "agent": f"0086 {NATIONAL}"}))
    )
    assert changed is not None
    assert msgspec.json.decode(changed.value)["tags"] == {"***": "x", "agent": "***"}
