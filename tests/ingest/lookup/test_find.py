"""Finding messages in the store."""

from datetime import timedelta

import pytest

from ingest.commands.find import text_of
from ingest.lookup.find import Found, find
from ingest.settings.accounts import effective_accounts
from ingest.settings.settings import Settings
from normalizers.errors import Fault
from normalizers.model import Reason, Status
from sinks.clickhouse.store import Store
from sinks.rows import check
from sinks.stream import Topic
from tests.factories import NOON, make_letter, make_report, make_submission
from tests.ingest.connections.in_process import InProcessClient

ACCOUNTS = effective_accounts(Settings())


@pytest.fixture
def client(store: Store) -> InProcessClient:
    """A store with a message that was submitted and failed, one that was delivered, and a dead letter."""
    failed = {"status": Status.UNDELIVERABLE, "reason": Reason.INVALID_NUMBER, "provider_status": "3"}
    reports = [
        make_report(status=Status.ACCEPTED, provider_status="0", received_at=NOON),
        make_report(**failed, provider_code="23", occurred_at=NOON + timedelta(seconds=9), received_at=NOON),
        make_report(provider="juhe", message_id="4C36", recipient="+8613800138000", country="CN"),
    ]
    store.insert(Topic.REPORTS, reports)
    sent = make_submission(reference="order-7", tags={"campaign": "x"})
    store.insert(Topic.SUBMISSIONS, [sent])
    letter = make_letter(why=Fault.MISSING_FIELD, location="$[0].stat", body=b'[{"mid": "4C36FF"}]')
    store.insert(Topic.DEAD_LETTERS, [check(Topic.DEAD_LETTERS, letter.value)])
    return InProcessClient(store)


@pytest.mark.parametrize("what", ["m-1", "M-1", "order-7", "+447911123456", "07911 123456", "0044 7911 123456"])
async def test_a_message_is_found_by_id_reference_and_number(client: InProcessClient, what: str) -> None:
    """A message is found with its submission, and its reports in the order in which they were received."""
    [message] = (await find(client, what, ACCOUNTS)).messages
    assert [report.row["status"] for report in message.reports] == ["accepted", "undeliverable"]
    assert message.submission is not None
    assert message.submission["tags"] == {"campaign": "x"}
    assert float(message.message["latency_seconds"]) == 9
    assert message.advice == ["correct the number where you got it from; don't send to it again"]


async def test_a_dead_letter_that_mentions_it_is_found(client: InProcessClient) -> None:
    """Dead letters are found by the text in them."""
    found = await find(client, "4C36FF", ACCOUNTS)
    assert not found.messages
    assert [(letter["provider"], letter["why"]) for letter in found.dead_letters] == [("juhe", "missing_field")]


async def test_what_is_nowhere_is_not_found(client: InProcessClient) -> None:
    """Nothing is found for a number, or for text with quotes in it, that no message has."""
    for what in ("+447911123457", "' OR 1=1 --"):
        assert await find(client, what, ACCOUNTS) == Found((), [])


async def test_a_person_reads_all_of_it(client: InProcessClient) -> None:
    """The printed text has the state, the submission, the meaning of each code, the raw item, and advice."""
    text = "\n".join(text_of(await find(client, "m-1", ACCOUNTS)))
    for part in (
        "cm/default  message m-1 to +447911123456 (GB)",
        "state: undeliverable, invalid_number (final)",
        "submitted: 2026-11-20 12:00:00 UTC; decided 9.0 s later, by the provider's clock; tags: campaign=x",
        "report 2: undeliverable, received 2026-11-20 12:00:00 UTC by callback, occurred 2026-11-20 12:00:09 UTC",
        "said: provider_status 3, provider_code 23",
        "means: the message could not be delivered; sending again does not help",
        "number wrong or invalid or barred",
        "answered: acknowledged as stored",
        "raw: STATUS=2",
        "next: correct the number",
    ):
        assert part in text, part
