"""Dead letters are read again as they came, and what can be read now is stored once."""

from datetime import UTC, datetime

import pytest

from ingest.connections.clickhouse import Row
from ingest.reprocessing.letters import LetterFilter
from ingest.reprocessing.replay import Replayed, replay
from ingest.reprocessing.rereading import Rereader
from ingest.settings.accounts import effective_accounts
from ingest.settings.settings import Settings
from sinks.clickhouse.store import Store
from sinks.records import LetterKind, report_record
from sinks.stream import Record
from tests.factories import make_letter, make_report
from tests.ingest.connections.in_process import InProcessClient
from tests.ingest.reprocessing.direct import DirectProducer

JUHE = b'[{"flag":1,"mid":"m-1","spid":"9","mobile":"18983437011","stat":"DELIVRD","time":"2017-04-12 01:38:21"}]'
ALL = LetterFilter()


def _letter(**given: object) -> Record:
    return make_letter(**{"body": JUHE, **given})


async def _replay(store: Store, *letters: Record, wanted: LetterFilter = ALL) -> list[Replayed]:
    producer = DirectProducer(store)
    await producer.append(letters)
    rereader = Rereader(effective_accounts(Settings()))
    async with InProcessClient(store) as client:
        return [replayed async for replayed in replay(client, producer, rereader, wanted)]


async def _rows(store: Store, sql: str) -> list[Row]:
    async with InProcessClient(store) as client:
        return await client.rows(sql)


async def test_a_letter_that_can_be_read_becomes_a_report(store: Store) -> None:
    """A callback that a mended parser reads becomes its report, received when the letter was, and is resolved."""
    [replayed] = await _replay(store, _letter())
    assert (replayed.resolved, replayed.words) == (True, "1 report")
    [report] = await _rows(store, "SELECT message_id, status, source, received_at FROM reports")
    assert report == {
        "message_id": "m-1",
        "status": "delivered",
        "source": "replay",
        "received_at": "2026-11-20 12:00:00.000000",
    }
    [letter] = await _rows(store, "SELECT receipts, resolved_at IS NOT NULL AS resolved, resolution FROM dead_letters")
    assert letter == {"receipts": 1, "resolved": True, "resolution": "1 report"}


async def test_a_letter_that_still_can_not_be_read_says_why(store: Store) -> None:
    """A replay that fails keeps the letter open, and tells the fault of today."""
    [replayed] = await _replay(store, _letter(body=b'[{"flag": 1, "mid": "m-1"}]'))
    assert (replayed.resolved, replayed.words) == (False, "missing_field at $[0].stat: is missing")
    [letter] = await _rows(store, "SELECT receipts, resolved_at, resolution FROM dead_letters")
    assert letter == {"receipts": 1, "resolved_at": None, "resolution": "missing_field at $[0].stat: is missing"}


async def test_replaying_again_changes_no_count(store: Store) -> None:
    """A letter that is replayed twice, or whose report came meanwhile, is one report."""
    wanted = LetterFilter(resolved=True)
    await _replay(store, _letter())
    await _replay(store, wanted=wanted)
    assert await _rows(store, "SELECT count() AS n FROM reports") == [{"n": 1}]
    assert await _replay(store) == []


async def test_bytes_headers_and_queries_replay_as_they_came(store: Store) -> None:
    """Bytes that are not UTF-8, a form's content type and a raw query string reach the parser unchanged."""
    query = b"msgid=m-2&da=8618688888888&dc=15&rsm=m-2|0|DELIVRD||&note=\xc4\xe3%C4%E3"
    form = b"msgid=m-3&da=8618688888888&dc=15&rsm=m-3|0|DELIVRD||&note=\xc4\xe3"
    await _replay(
        store,
        _letter(provider="santo", method="GET", query=query, body=b""),
        _letter(provider="santo", headers={"content-type": "application/x-www-form-urlencoded"}, body=form),
    )
    found = await _rows(store, "SELECT message_id, status FROM reports ORDER BY message_id")
    assert found == [{"message_id": "m-2", "status": "delivered"}, {"message_id": "m-3", "status": "delivered"}]


async def test_a_single_item_is_read_alone(store: Store) -> None:
    """An item that was rejected from a batch is replayed without the others."""
    [replayed] = await _replay(store, _letter(kind=LetterKind.ITEM, body=JUHE[1:-1]))
    assert replayed.words == "1 report"


async def test_a_value_that_the_store_refused_is_sent_again(store: Store) -> None:
    """A value of the stream goes into its topic again, where the store takes it now."""
    value = report_record(make_report(message_id="m-9")).value
    [replayed] = await _replay(store, _letter(kind=LetterKind.RECORD, location="reports", body=value))
    assert (replayed.resolved, replayed.words) == (True, "sent to the store again, into reports")
    assert await _rows(store, "SELECT message_id FROM reports") == [{"message_id": "m-9"}]


async def test_a_key_that_is_masked_is_not_checked_again(store: Store) -> None:
    """A CloudSMS letter, whose AUTH_KEY is masked, was let in when it came, and is read."""
    body = (
        b'{"METHOD":"SMS_PUSH_REPORT","TYPE":"REQUEST","SERIAL":2,"TIME":"2026-11-20 12:00:00","AUTH_KEY":"***",'
        b'"SMS_UID":"u-1","SOURCE_MSISDN":"CloudSMS","SMS_RESULT_LIST":[{"COUNTRY_CODE":44,"DEST_MSISDN":"7400123456","SMS_STATE":2,"RESULT_DESC":"DELIVERED"}]}'
    )
    producer = DirectProducer(store)
    await producer.append([_letter(provider="cloudsms", body=body)])
    settings = Settings.model_validate({"accounts": [{"provider": "cloudsms", "auth_key": "k3y"}]})
    async with InProcessClient(store) as client:
        rereader = Rereader(effective_accounts(settings))
        [replayed] = [each async for each in replay(client, producer, rereader, ALL)]
    assert replayed.words == "1 report"


async def test_a_letter_of_no_account_stays(store: Store) -> None:
    """A letter of an account that the settings no longer name is not read with another's settings."""
    [replayed] = await _replay(store, _letter(account="gone"))
    assert (replayed.resolved, replayed.words) == (
        False,
        "bad_value at $: the settings have no account juhe/gone",
    )


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (LetterFilter(provider="juhe"), {"juhe"}),
        (LetterFilter(provider="cm"), set()),
        (LetterFilter(why="parser_error", account="default"), {"juhe", "santo"}),
        (LetterFilter(since=datetime(2026, 11, 20, 12, 0, 1, tzinfo=UTC)), set()),
        (LetterFilter(until=datetime(2026, 11, 20, 12, 0, 1, tzinfo=UTC)), {"juhe", "santo"}),
    ],
)
async def test_a_filter_names_the_letters(store: Store, wanted: LetterFilter, found: set[str]) -> None:
    """Only the letters that every part of the filter names are replayed."""
    producer = DirectProducer(store)
    letters = {record.key: record.provider for record in (_letter(), _letter(provider="santo"))}
    await producer.append([_letter(), _letter(provider="santo")])
    replayed = await _replay(store, wanted=wanted)
    assert {letters[each.position.letter_id] for each in replayed} == found
