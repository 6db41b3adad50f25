"""The check of single values: rows that the program writes pass unchanged, incomplete ones are refused."""

import orjson
import pytest

from normalizers.model import DeliveryReport, Status
from sinks.errors import RefusedError
from sinks.records import report_record
from sinks.rows import check, written
from sinks.stream import Topic
from tests.deploy.schemas.published import records
from tests.factories import make_report

VALUE = report_record(make_report(custom={"a": [1]})).value


def test_what_the_program_writes_passes_unchanged() -> None:
    """A value of every example request, and of each topic, passes the check byte for byte."""
    seen = set()
    for record in records():
        assert written(check(record.topic, record.value)) == record.value
        seen.add(record.topic)
    assert seen == set(Topic)


def test_a_checked_value_is_decoded_once() -> None:
    """The check returns the row with its types, for the metrics."""
    row = check(Topic.REPORTS, VALUE)
    assert isinstance(row, DeliveryReport)
    assert (row.status, row.occurred_at) == (Status.DELIVERED, make_report().occurred_at)


@pytest.mark.parametrize("topic", Topic)
def test_every_column_has_to_be_there(topic: Topic) -> None:
    """A value that lacks any one column is refused."""
    value = next(orjson.loads(record.value) for record in records() if record.topic is topic)
    for column in value:
        with pytest.raises(RefusedError, match=f"missing required field `{column}`"):
            check(topic, orjson.dumps({name: value[name] for name in value if name != column}))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'{"event_id"', b'["event_id"'),
        (VALUE, VALUE + VALUE),
        (VALUE, VALUE[:-1]),
        (b'"GB"', b'"\xff"'),
        (b'"GB"', b'"\\ud800"'),
        (b'"GB"', b"7"),
        (b'"a":[1]', b'"a":"\xff"'),
        (b'"a":[1]', b'"a":' + b"[" * 50_000 + b"]" * 50_000),
        (b'"delivered"', b'"447911123456"'),
        (b'"received_at":"2026', b'"received_at":"1066'),
        (b'12:00:00Z"', b'12:00:00"'),
        (b'"normalizer":1', b'"normalizer":65536'),
        (b'"normalizer":1', b'"normalizer":-1'),
    ],
)
def test_a_value_that_does_not_fit_its_columns_is_refused(old: bytes, new: bytes) -> None:
    """A value that the store could not read, or would read wrongly, is refused with a reason that repeats no value."""
    assert old in VALUE
    with pytest.raises(RefusedError, match="no complete row of reports") as refused:
        check(Topic.REPORTS, VALUE.replace(old, new))
    assert "447911123456" not in str(refused.value)


def test_what_passes_is_written_anew() -> None:
    """Repeated keys, fields of other schemas and white space don't reach the store."""
    odd = b'  {"later_field": 1, "country": "DE", ' + VALUE[1:] + b"\n"
    assert written(check(Topic.REPORTS, odd)) == VALUE
