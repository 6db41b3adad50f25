"""Promises of every provider in the registry, for any input."""

from codecs import BOM_UTF8
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from normalizers import PROVIDERS
from normalizers.errors import CallbackError, MalformedError
from normalizers.model import Account, Callback, DeliveryReport, InboundMessage, Item, Reject
from normalizers.provider import Provider
from tests.normalizers.examples import RECEIVED_AT, Example, described, event_ids, examples, fault, fields
from tests.normalizers.variants import doubled, json_body, members, removed, replaced, truncated, turned, with_json

ALL = examples()
GOOD = [case for case in ALL if "items" in case.said]
JSON = [case for case in ALL if isinstance(json_body(case), (dict, list))]
FORMS = [case for case in GOOD if b"=" in case.callback.query + case.callback.body and case not in JSON]
PARAMETERS = "command msgid da dc sm rsm GSM STATUS REFERENCE STATUSDESCRIPTION DATETIME_S STANDARDERRORTEXT"
MEMBERS = sorted({name for case in JSON for _, name in members(json_body(case))})

OTHERS: list[Any] = [True, 1.5, [], {}, "\0", 10**40, "9" * 5000, -1]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS) | st.text(), inner, max_size=3)
    ),
    max_leaves=4,
)
likely = st.sampled_from(["0", "1", "2", "13800138000", "DELIVRD", "2025-11-20 12:00:05", 0, 1, 2, 852, "", None])
known = st.sampled_from(MEMBERS)
objects = st.dictionaries(known, likely | anything | st.dictionaries(known, likely), max_size=12)


def outcome(name: str, callback: Callback) -> Any:
    """Return what a request becomes; anything but records, rejects and a `CallbackError` fails the test."""
    provider = PROVIDERS[name]
    try:
        items = provider.parse(callback)
    except MalformedError as error:
        return fault(error), provider.replies.malformed(callback, error).status
    except CallbackError as error:
        return str(error), provider.replies.forbidden(callback).status
    for item in items:
        if not isinstance(item, Reject):
            assert fields(item)
            assert item.occurred_at is None or item.occurred_at.tzinfo is UTC
    assert not items or event_ids(items), "a batch of which nothing can be read is not stored"
    return [described(item) for item in items]


@pytest.mark.parametrize("case", GOOD, ids=str)
def test_the_same_request_is_the_same_reports(case: Example) -> None:
    """A report delivered twice has one id, however far apart it comes."""
    parse = PROVIDERS[case.provider].parse
    again = replace(case.callback, received_at=RECEIVED_AT.replace(year=2026))
    assert event_ids(parse(again)) == event_ids(parse(case.callback))


@pytest.mark.parametrize("case", GOOD, ids=str)
def test_another_account_has_other_ids(case: Example) -> None:
    """Two accounts' reports are never taken for one."""
    parse = PROVIDERS[case.provider].parse
    other = replace(case.callback, account=replace(case.callback.account, name="other"))
    assert set(event_ids(parse(other))).isdisjoint(event_ids(parse(case.callback)))


@pytest.mark.parametrize("case", GOOD, ids=str)
def test_raw_alone_can_be_read_again(case: Example) -> None:
    """The kept bytes of an item make the same record again, and hold no secret."""
    provider = PROVIDERS[case.provider]
    for item in provider.parse(case.callback):
        if not isinstance(item, Reject):
            assert "AUTH_KEY" not in item.raw
            assert fields(reread(provider, case.callback, item)) == fields(item)


@pytest.mark.parametrize("case", GOOD, ids=str)
def test_a_rejected_item_alone_is_refused_again(case: Example) -> None:
    """The kept bytes of an item that can't be read fail again for the same fault."""
    provider = PROVIDERS[case.provider]
    for item in provider.parse(case.callback):
        if isinstance(item, Reject):
            kept = replace(case.callback, method="POST", query=b"", body=item.raw)
            with pytest.raises(MalformedError) as raised:
                provider.reread(kept)
            assert raised.value.why == item.error.why


def reread(provider: Provider, callback: Callback, item: DeliveryReport | InboundMessage) -> Item:
    """Read an item's `raw`, as it is read when stored records are read again."""
    kept = Callback(
        account=callback.account,
        method="POST",
        body=item.raw.encode(),
        received_at=item.received_at,
        source=item.source,
    )
    return provider.reread(kept)


@pytest.mark.parametrize("case", JSON, ids=str)
def test_the_order_of_members_does_not_matter(case: Example) -> None:
    """An object means the same in whatever order its members stand."""
    assert outcome(case.provider, with_json(case, turned(json_body(case)))) == case_outcome(case)


@pytest.mark.parametrize("case", FORMS, ids=str)
def test_the_order_of_parameters_does_not_matter(case: Example) -> None:
    """A query means the same in whatever order its parameters stand."""
    parts = case.callback.query, case.callback.body.removeprefix(BOM_UTF8)
    query, body = (b"&".join(reversed(part.split(b"&"))) for part in parts)
    assert outcome(case.provider, replace(case.callback, query=query, body=body)) == case_outcome(case)


@pytest.mark.parametrize("case", JSON, ids=str)
def test_null_is_as_good_as_missing(case: Example) -> None:
    """A member that is null is a member that is missing."""
    value = json_body(case)
    for null, missing in zip(replaced(value, None), removed(value), strict=True):
        assert outcome(case.provider, with_json(case, null)) == outcome(case.provider, with_json(case, missing))


@pytest.mark.parametrize("case", JSON, ids=str)
def test_a_value_of_another_kind_is_refused_or_read(case: Example) -> None:
    """A member of a kind that its provider never sends breaks nothing."""
    for other in OTHERS:
        for value in replaced(json_body(case), other):
            outcome(case.provider, with_json(case, value))


@pytest.mark.parametrize("case", JSON, ids=str)
def test_a_duplicate_in_a_batch_has_the_same_id(case: Example) -> None:
    """An item that a batch holds twice is one report."""
    if "items" in case.said:
        parse = PROVIDERS[case.provider].parse
        twice = parse(with_json(case, doubled(json_body(case))))
        assert set(event_ids(twice)) == set(event_ids(parse(case.callback)))


@pytest.mark.parametrize("case", ALL, ids=str)
def test_a_request_cut_off_anywhere_is_refused_or_read(case: Example) -> None:
    """A request that was cut off on its way breaks nothing."""
    for cut in truncated(case.callback):
        outcome(case.provider, cut)


@pytest.mark.parametrize("name", PROVIDERS)
@settings(deadline=None)
@given(method=st.sampled_from(["GET", "POST"]), query=st.binary(), body=st.binary(), key=st.none() | st.text())
def test_noise_is_refused_or_read(name: str, method: str, query: bytes, body: bytes, key: str | None) -> None:
    """No bytes at all break a parser."""
    account = Account(auth_key=key)
    outcome(name, Callback(account=account, method=method, query=query, body=body, received_at=RECEIVED_AT))


@settings(deadline=None, max_examples=500)
@given(case=st.sampled_from(ALL), at=st.integers(0, 2000), length=st.integers(0, 9), noise=st.binary(max_size=9))
def test_a_damaged_request_is_refused_or_read(case: Example, at: int, length: int, noise: bytes) -> None:
    """Bytes changed, lost or added on the way break nothing."""
    query, body = (part[:at] + noise + part[at + length :] for part in (case.callback.query, case.callback.body))
    outcome(case.provider, replace(case.callback, query=query, body=body))


@pytest.mark.parametrize("name", PROVIDERS)
@settings(deadline=None)
@given(value=objects | st.lists(objects, max_size=3), wrapped=st.booleans())
def test_any_json_of_known_names_is_refused_or_read(name: str, value: Any, wrapped: bool) -> None:  # noqa: FBT001
    """No values in the members that a parser knows break it."""
    body = {"messages": {"msg": value}} if wrapped else value
    case = Example(name, "", Callback(account=Account(), method="POST", received_at=RECEIVED_AT), {})
    outcome(name, with_json(case, body))


@pytest.mark.parametrize("name", PROVIDERS)
@settings(deadline=None)
@given(pairs=st.lists(st.tuples(st.sampled_from(PARAMETERS.split()), st.text() | st.binary().map(bytes.hex))))
def test_any_values_of_known_parameters_are_refused_or_read(name: str, pairs: list[tuple[str, str]]) -> None:
    """No values of the parameters that a parser knows break it."""
    query = "&".join(f"{parameter}={value}" for parameter, value in pairs).encode("utf-8", "replace")
    for method in ("GET", "POST"):
        outcome(name, Callback(account=Account(), method=method, query=query, body=query, received_at=RECEIVED_AT))


def case_outcome(case: Example) -> Any:
    """Return what an unchanged example request becomes."""
    return outcome(case.provider, case.callback)
