"""Example requests: the records that they become, and their answers."""

import json
import re
from typing import Any

import pytest

from normalizers import PROVIDERS
from normalizers.errors import CallbackError, ForbiddenError, MalformedError
from normalizers.model import Item, Reject, Source
from normalizers.provider import Reply
from tests.normalizers.examples import PAYLOADS, RECEIVED_AT, Example, completed, described, examples, fault

ALL = examples()


@pytest.mark.parametrize("case", ALL, ids=str)
def test_an_example_request_becomes_what_is_written_beside_it(case: Example) -> None:
    """A request means what its provider's document says it means."""
    if "error" in case.said:
        assert _error(_parsed(case)) == case.said["error"]
    else:
        assert [described(item) for item in _items(case)] == [completed(said) for said in case.said["items"]]


@pytest.mark.parametrize("case", [case for case in ALL if "reply" in case.said], ids=str)
def test_an_example_request_is_answered_as_its_provider_expects(case: Example) -> None:
    """A provider is answered in its own words, by which it knows whether to send again."""
    reply, expected = _reply(case), case.said["reply"]
    assert reply.status == expected["status"]
    if isinstance(expected["body"], str):
        assert reply.content_type == "text/plain"
        assert _shortened(reply.body.decode()) == expected["body"]
    else:
        assert reply.content_type == "application/json"
        assert {name: _shortened(value) for name, value in json.loads(reply.body).items()} == expected["body"]


@pytest.mark.parametrize("case", [case for case in ALL if "items" in case.said], ids=str)
def test_a_record_says_where_it_came_from(case: Example) -> None:
    """Every record names its provider and account, when and how it was received, and what it was read from."""
    for item in _items(case):
        if not isinstance(item, Reject):
            assert item.provider == case.provider
            assert item.account == "default"
            assert item.received_at == RECEIVED_AT
            assert item.source == (Source.CALLBACK if PROVIDERS[case.provider].methods else Source.POLL)
            assert item.raw


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_provider_has_examples(name: str) -> None:
    """A provider in the registry has its document's examples, and something that can't be read."""
    cases = examples(name)
    assert any(case.case.startswith("document") for case in cases)
    assert any("items" in case.said for case in cases)
    assert any("error" in case.said for case in cases)
    if PROVIDERS[name].methods:
        assert all("reply" in case.said for case in cases)


def test_every_recording_is_of_a_provider() -> None:
    """No recording is left out because its folder, or the file beside it, is misspelt."""
    assert {path.name for path in PAYLOADS.iterdir() if path.is_dir()} == set(PROVIDERS)
    names = {path.with_suffix("") for path in PAYLOADS.glob("*/*")}
    assert all(name.with_suffix(".http").exists() and name.with_suffix(".json").exists() for name in names)


def _parsed(case: Example) -> list[Item] | CallbackError:
    try:
        return list(PROVIDERS[case.provider].parse(case.callback))
    except CallbackError as error:
        return error


def _items(case: Example) -> list[Item]:
    parsed = _parsed(case)
    assert isinstance(parsed, list)
    return parsed


def _error(parsed: list[Item] | CallbackError) -> dict[str, Any]:
    if isinstance(parsed, MalformedError):
        return fault(parsed)
    return {"forbidden": isinstance(parsed, ForbiddenError)}


def _reply(case: Example) -> Reply:
    replies, parsed = PROVIDERS[case.provider].replies, _parsed(case)
    if isinstance(parsed, MalformedError):
        return replies.malformed(case.callback, parsed)
    if isinstance(parsed, ForbiddenError):
        return replies.forbidden(case.callback)
    return replies.stored(case.callback)


def _shortened(value: Any) -> Any:
    """Leave out a library's words on what is wrong with JSON: they change with its version."""
    return re.sub("(is not JSON: ).+", r"\1…", value) if isinstance(value, str) else value
