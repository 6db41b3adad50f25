"""Records keep phone numbers and texts only in the form that the settings allow, in every field and spelling."""

import msgspec

from normalizers.model import InboundMessage, Source
from normalizers.privacy import Privacy, StoredNumbers, hash_number
from tests.factories import NOON, make_report

KEY, OLDER_KEY = b"a key of the operator", b"the key of last year"
NUMBER = "+447911123456"
MASKED = Privacy(StoredNumbers.MASKED)
HASHED = Privacy(StoredNumbers.KEYED_HASH, keys=(KEY,))
RAW = '{"to": "00447911123456", "text": "call 07911 123456 or 0044 7911-123456"}'


def _inbound(**given: object) -> InboundMessage:
    fields = {
        "event_id": "00000000-0000-0000-0000-000000000001",
        "provider": "juhe",
        "account": "default",
        "message_id": "m-1",
        "sender": NUMBER,
        "recipient": "10690",
        "content": "call 07911 123456",
        "occurred_at": NOON,
        "received_at": NOON,
        "source": Source.CALLBACK,
        "stamp_day": NOON.date(),
        "raw": RAW,
        "normalizer": 1,
        "identity": 1,
        **given,
    }
    return msgspec.convert(fields, InboundMessage)


def test_numbers_are_kept_in_full_unless_told_otherwise() -> None:
    """By default a record is stored as it is."""
    report = make_report(raw=RAW, recipient=NUMBER)
    assert Privacy().report(report) is report
    assert Privacy().body(RAW.encode()) == RAW.encode()


def test_a_masked_number_shows_its_country_and_two_digits() -> None:
    """Masking keeps the calling code and the last two digits, in the raw item and the customer's JSON, too."""
    report = MASKED.report(make_report(raw=RAW, recipient=NUMBER, custom=msgspec.Raw(b'{"to":"7911123456"}')))
    assert report.recipient == "+44********56"
    assert report.raw == '{"to": "+44********56", "text": "call +44********56 or +44********56"}'
    assert msgspec.json.encode(report.custom) == b'{"to":"+44********56"}'
    assert (report.country, report.message_id) == ("GB", "m-1")


def test_a_hashed_number_can_be_joined_and_not_read() -> None:
    """A number has the same hash in every kind of record, and its digits are in no field."""
    kept = hash_number(NUMBER, KEY)
    assert HASHED.report(make_report(raw=RAW, recipient=NUMBER)).recipient == kept
    assert HASHED.number(NUMBER) == kept
    message = HASHED.inbound(_inbound())
    assert message.sender == kept
    assert "7911" not in (message.content + message.raw)


def test_an_event_id_does_not_reveal_a_hashed_number() -> None:
    """Event ids are keyed, too: from an unkeyed hash, the number could be found by trying all numbers."""
    report = make_report(recipient=NUMBER)
    assert HASHED.report(report).event_id != report.event_id
    assert HASHED.report(report).event_id == HASHED.report(report).event_id


def test_a_new_key_leaves_event_ids_alone() -> None:
    """After a key is put in front, numbers have new hashes, and a provider's retry is still the same report."""
    report = make_report(recipient=NUMBER)
    before = Privacy(StoredNumbers.KEYED_HASH, keys=(OLDER_KEY,)).report(report)
    after = Privacy(StoredNumbers.KEYED_HASH, keys=(KEY, OLDER_KEY)).report(report)
    assert after.event_id == before.event_id
    assert after.recipient != before.recipient


def test_a_superseded_answer_is_found_by_its_hashed_id() -> None:
    """A report names the answer to a poll that it supersedes by the id under which that answer is stored."""
    answer = make_report()
    callback = make_report(provider_status="other", supersedes=answer.event_id)
    assert HASHED.report(callback).supersedes == HASHED.report(answer).event_id
    assert HASHED.report(answer).supersedes is None


def test_content_is_left_out_by_the_setting() -> None:
    """With `store_content` off, an inbound message is stored without its text and without the raw item that holds it."""
    message = Privacy(content=False).inbound(_inbound())
    assert (message.content, message.raw, message.sender) == ("", "", NUMBER)


def test_numbers_in_a_dead_letter_are_hidden() -> None:
    """Phone numbers in a dead letter are masked or hashed as the settings say."""
    assert MASKED.body(b'{"mobile": "8618688888888", "flag": 7}') == b'{"mobile": "+86*********88", "flag": 7}'
    assert hash_number("+8618688888888", KEY).encode() in HASHED.body(b"da=86%20186%208888%208888")
    assert MASKED.body(b"\xc4\xe3 8618688888888") == b"\xc4\xe3 +86*********88"


def test_an_invalid_number_is_masked_by_its_digits() -> None:
    """A recipient that is no valid number keeps only its last two digits."""
    assert MASKED.number("0012345678901") == "***********01"
    assert MASKED.number("7") == "7"


def test_a_hidden_number_is_not_hidden_again() -> None:
    """A number that was masked or hashed is not hidden a second time: polls and replays start from stored records."""
    for privacy in (MASKED, HASHED):
        assert privacy.number(privacy.number(NUMBER)) == privacy.number(NUMBER)
