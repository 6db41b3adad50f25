"""The items of a callback as records of the stream."""

import json

import msgspec
import pytest

from normalizers.errors import Fault, MalformedError
from normalizers.model import InboundMessage, Item, Reject, Source
from normalizers.privacy import KEEP_ALL, Privacy, StoredNumbers
from normalizers.secrets import SecretMask
from normalizers.spelling import NO_DAY
from sinks.origin import Origin
from sinks.records import DeadLetter, LetterKind
from sinks.stream import Topic
from tests.factories import NOON, make_report

_INBOUND = InboundMessage(
    event_id="e", provider="juhe", account="main", message_id="m", sender="+8613800138000", recipient="10690000",
    content="TD", occurred_at=None, received_at=NOON, source=Source.CALLBACK, raw="{}",
    stamp_day=NO_DAY, normalizer=1, identity=1,
)  # fmt: skip
_REJECT = Reject(MalformedError(Fault.BAD_VALUE, "$[1].mid", "is empty"), b'{"mid": "", "key": "s3cret"}')


def _origin(privacy: Privacy = KEEP_ALL) -> Origin:
    return Origin(
        kind=LetterKind.CALLBACK,
        provider="juhe",
        account="main",
        method="POST",
        path="/callbacks/juhe/main",
        received_at=NOON,
        mask=SecretMask(["s3cret"], ["AUTH_KEY"]),
        privacy=privacy,
    )


@pytest.mark.parametrize(
    ("item", "topic"),
    [(make_report(), Topic.REPORTS), (_INBOUND, Topic.INBOUND), (_REJECT, Topic.DEAD_LETTERS)],
    ids=["report", "inbound", "reject"],
)
def test_every_item_has_its_topic(item: Item, topic: Topic) -> None:
    """A report, an inbound message and an unreadable item each go into the topic of their kind."""
    assert _origin().record(item).topic is topic


def test_a_dead_letter_has_its_request_without_the_secret() -> None:
    """A dead letter has the item's bytes with the account's secrets masked, and the request's method and path."""
    letter = json.loads(_origin().record(_REJECT).value)
    assert letter["body"] == '{"mid": "", "key": "***"}'
    assert (letter["provider"], letter["account"], letter["method"]) == ("juhe", "main", "POST")
    assert (letter["path"], letter["why"], letter["location"]) == ("/callbacks/juhe/main", "bad_value", "$[1].mid")


def test_no_record_holds_a_number_in_full() -> None:
    """With masked numbers, no report, inbound message or dead letter holds a number in full."""
    origin = _origin(Privacy(StoredNumbers.MASKED))
    reject = Reject(MalformedError(Fault.BAD_VALUE, "$", "is empty"), b'{"mobile": "13800138000"}')
    items: list[Item] = [make_report(recipient="+8613800138000", raw='{"mobile": "13800138000"}'), _INBOUND, reject]
    for item in items:
        assert b"3800138" not in origin.record(item).value


def test_a_dead_letter_has_its_kind() -> None:
    """The dead letters of a whole callback and of one item have different kinds, because replays differ."""
    error = MalformedError(Fault.NOT_JSON, "$", "is not JSON")
    letters = [_origin().dead_letter(error, b"["), _origin().record(_REJECT)]
    kinds = [msgspec.json.decode(letter.value, type=DeadLetter).kind for letter in letters]
    assert kinds == [LetterKind.CALLBACK, LetterKind.ITEM]
