"""
The tests that every provider has to pass.

A provider's package runs them by one class in its tests:

    class TestContract(ProviderContract):
        provider = PROVIDER
        examples_folder = Path(__file__).parent / "payloads"
        codes_folder = Path(__file__).parent / "codes"
"""

import json
import re
from codecs import BOM_UTF8
from datetime import UTC
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from normalizers.errors import CallbackError, ForbiddenError, MalformedError
from normalizers.model import Account, Callback, CodeTable, DeliveryReport, InboundMessage, Item, Reject, Source
from normalizers.provider import Reply
from normalizers.testing.codes_contract import CodesContract
from normalizers.testing.examples import (
    RECEIVED_AT,
    Example,
    completed,
    described,
    event_ids,
    fault,
    fields,
    read_examples,
)
from normalizers.testing.variants import (
    Json,
    doubled,
    json_body,
    members,
    removed,
    replaced,
    truncated,
    turned,
    with_floats,
    with_json,
)

#: Values that no provider sends.
_OTHERS: Final[list[Any]] = [True, 1.5, [], {}, "\0", 10**40, "9" * 5000, -1]

# hypothesis would complain that a test is inherited by several classes.
_shared = settings(deadline=None, suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow])

_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
_likely = st.sampled_from(["0", "1", "2", "13800138000", "DELIVRD", "2025-11-20 12:00:05", 0, 1, 2, 852, "", None])


@cache
def _examples(folder: Path, provider: str) -> tuple[Example, ...]:
    return tuple(read_examples(folder, provider))


class ProviderContract(CodesContract):
    """The tests of one provider: `examples_folder` has its example requests, `codes_folder` its code tables as csv."""

    examples_folder: ClassVar[Path]

    # ---- the examples

    def test_there_are_examples(self) -> None:
        """A provider has examples of requests that can be read, and of one that can't."""
        assert self._good()
        assert any("error" in example.expected for example in self._all())
        if self.provider.methods:
            assert all("reply" in example.expected for example in self._all())

    def test_every_example_says_what_it_becomes(self) -> None:
        """Every `.http` has its `.json` and vice versa, so that a misspelt name leaves no example out."""
        names = {path.with_suffix("") for path in self.examples_folder.iterdir() if path.suffix in {".http", ".json"}}
        assert all(name.with_suffix(suffix).exists() for name in names for suffix in (".http", ".json"))

    def test_an_example_becomes_what_is_written_beside_it(self, subtests: pytest.Subtests) -> None:
        """An example request is read into the records, or the error, of the file beside it."""
        for example in self._all():
            with subtests.test(str(example)):
                parsed = self._parsed(example.callback)
                if "error" in example.expected:
                    assert _error(parsed) == example.expected["error"]
                else:
                    assert isinstance(parsed, list), parsed
                    assert [described(item) for item in parsed] == [
                        completed(item) for item in example.expected["items"]
                    ]

    def test_an_example_is_answered_as_its_provider_expects(self, subtests: pytest.Subtests) -> None:
        """An example request gets the reply of the file beside it, by which its provider knows whether to repeat it."""
        for example in self._all():
            if "reply" in example.expected:
                with subtests.test(str(example)):
                    _check_reply(self._reply(example.callback), example.expected["reply"])

    def test_a_record_says_where_it_came_from(self, subtests: pytest.Subtests) -> None:
        """Every record has its provider and account, when and how it was received, and its raw item."""
        for example in self._good():
            with subtests.test(str(example)):
                for item in self._records(example.callback):
                    assert (item.provider, item.account) == (self.provider.name, "default")
                    assert item.received_at == RECEIVED_AT
                    assert item.source == example.callback.source
                    assert item.source == (Source.CALLBACK if self.provider.methods else Source.POLL)
                    assert item.identity == self.provider.parser.identity
                    assert item.raw

    def test_a_busy_answer_says_when_to_try_again(self) -> None:
        """A callback that could not be stored is answered 503, so that the provider repeats it after a while."""
        for example in self._all():
            reply = self.provider.replies.busy(example.callback)
            assert reply.status == 503
            assert int(reply.headers["Retry-After"]) > 0

    # ---- identity

    def test_it_says_what_makes_one_report(self) -> None:
        """A provider's rule of identity has a reason and a document."""
        rule = self.provider.identity
        assert rule.words
        assert rule.because
        assert rule.document

    def test_the_same_request_is_the_same_reports(self, subtests: pytest.Subtests) -> None:
        """A report that is delivered twice has the same id, however much later."""
        for example in self._good():
            with subtests.test(str(example)):
                again = replace(example.callback, received_at=RECEIVED_AT.replace(year=2026))
                assert event_ids(self._records(again)) == event_ids(self._records(example.callback))

    def test_another_account_has_other_ids(self, subtests: pytest.Subtests) -> None:
        """Two accounts' reports are never taken for one."""
        for example in self._good():
            with subtests.test(str(example)):
                account = replace(example.callback.account, name="other")
                other = event_ids(self._records(replace(example.callback, account=account)))
                assert set(other).isdisjoint(event_ids(self._records(example.callback)))

    def test_no_setting_changes_an_id(self, subtests: pytest.Subtests) -> None:
        """A retry is the same report after the account's time zone, region or codes were changed."""
        for example in self._good():
            own = example.callback.account
            for account in (
                replace(own, timezone=ZoneInfo("America/New_York")),
                replace(own, default_region="US"),
                replace(own, default_region="DE", timezone=ZoneInfo("Europe/Berlin")),
                replace(own, codes=CodeTable({}), reasons=CodeTable({})),
            ):
                with subtests.test(str(example)):
                    after = self._records(replace(example.callback, account=account))
                    assert _identities(after) == _identities(self._records(example.callback))

    # ---- what is kept

    def test_raw_alone_can_be_read_again(self, subtests: pytest.Subtests) -> None:
        """A record's `raw` is read into the same record again, and holds no secret."""
        for example in self._good():
            with subtests.test(str(example)):
                for item in self._records(example.callback):
                    assert not any(name in item.raw for name in self.provider.secret_fields)
                    kept = replace(_kept(example.callback, item.raw.encode()), source=item.source)
                    assert fields(self.provider.reread(kept)) == fields(item)

    def test_a_rejected_item_alone_is_refused_again(self, subtests: pytest.Subtests) -> None:
        """The `raw` of an item that can't be read can be tried again, and has the same fault."""
        for example in self._good():
            for item in self.provider.parse(example.callback):
                if isinstance(item, Reject):
                    with subtests.test(str(example)), pytest.raises(MalformedError) as raised:
                        self.provider.reread(_kept(example.callback, item.raw))
                    assert raised.value.why == item.error.why

    # ---- variants of the examples: the same in other words, damage, noise

    def test_the_order_of_members_does_not_matter(self, subtests: pytest.Subtests) -> None:
        """An object means the same in whatever order its members stand."""
        for example in self._json():
            with subtests.test(str(example)):
                assert self._outcome(with_json(example, turned(json_body(example)))) == self._outcome(example.callback)

    def test_the_order_of_parameters_does_not_matter(self, subtests: pytest.Subtests) -> None:
        """A query means the same in whatever order its parameters stand."""
        for example in self._forms():
            with subtests.test(str(example)):
                parts = example.callback.query, example.callback.body.removeprefix(BOM_UTF8)
                query, body = (b"&".join(reversed(part.split(b"&"))) for part in parts)
                assert self._outcome(replace(example.callback, query=query, body=body)) == self._outcome(
                    example.callback
                )

    def test_a_byte_order_mark_means_nothing(self, subtests: pytest.Subtests) -> None:
        """A body that begins with UTF-8's byte order mark means the same as without."""
        for example in self._all():
            with subtests.test(str(example)):
                body = BOM_UTF8 + example.callback.body.removeprefix(BOM_UTF8)
                assert self._outcome(replace(example.callback, body=body)) == self._outcome(example.callback)

    def test_a_whole_number_may_be_a_float(self, subtests: pytest.Subtests) -> None:
        """A whole number means the same written as `2` and as `2.0`."""
        for example in self._json():
            if "items" in example.expected:
                with subtests.test(str(example)):
                    floats = with_json(example, with_floats(json_body(example)))
                    assert _identities(self._records(floats)) == _identities(self._records(example.callback))

    def test_null_is_as_good_as_missing(self, subtests: pytest.Subtests) -> None:
        """A member that is null is a member that is missing."""
        for example in self._json():
            value = json_body(example)
            with subtests.test(str(example)):
                for null, missing in zip(replaced(value, None), removed(value), strict=True):
                    assert self._outcome(with_json(example, null)) == self._outcome(with_json(example, missing))

    def test_a_value_of_another_kind_is_refused_or_read(self, subtests: pytest.Subtests) -> None:
        """A value of a kind that the provider never sends makes the parser raise nothing but its own errors."""
        for example in self._json():
            with subtests.test(str(example)):
                for other in _OTHERS:
                    for value in replaced(json_body(example), other):
                        self._outcome(with_json(example, value))

    def test_a_duplicate_in_a_batch_has_the_same_id(self, subtests: pytest.Subtests) -> None:
        """An item that a batch holds twice is one report."""
        for example in self._json():
            if "items" in example.expected:
                with subtests.test(str(example)):
                    twice = self._records(with_json(example, doubled(json_body(example))))
                    assert set(event_ids(twice)) == set(event_ids(self._records(example.callback)))

    def test_a_request_cut_off_anywhere_is_refused_or_read(self, subtests: pytest.Subtests) -> None:
        """A request that was cut off makes the parser raise nothing but its own errors."""
        for example in self._all():
            with subtests.test(str(example)):
                for cut in truncated(example.callback):
                    self._outcome(cut)

    @_shared
    @given(method=st.sampled_from(["GET", "POST"]), query=st.binary(), body=st.binary(), key=st.none() | st.text())
    def test_noise_is_refused_or_read(self, method: str, query: bytes, body: bytes, key: str | None) -> None:
        """Random bytes make the parser raise nothing but its own errors."""
        keys = {} if key is None else dict.fromkeys(self.provider.keys, key)
        account = Account(auth_key=key, keys=keys)
        self._outcome(Callback(account=account, method=method, query=query, body=body, received_at=RECEIVED_AT))

    @settings(_shared, max_examples=300)
    @given(data=st.data(), at=st.integers(0, 2000), length=st.integers(0, 9), noise=st.binary(max_size=9))
    def test_a_damaged_request_is_refused_or_read(
        self, data: st.DataObject, at: int, length: int, noise: bytes
    ) -> None:
        """Changed, lost or added bytes make the parser raise nothing but its own errors."""
        callback = data.draw(st.sampled_from(self._all())).callback
        query, body = (part[:at] + noise + part[at + length :] for part in (callback.query, callback.body))
        self._outcome(replace(callback, query=query, body=body))

    @_shared
    @given(data=st.data())
    def test_any_json_of_known_names_is_refused_or_read(self, data: st.DataObject) -> None:
        """Random values of known JSON members make the parser raise nothing but its own errors."""
        known = sorted({name for example in self._json() for _, name in members(json_body(example))}) or [""]
        names = st.sampled_from(known)
        inner = _likely | _scalars | st.dictionaries(names, _likely | _scalars, max_size=3)
        value: Json = data.draw(st.dictionaries(names, inner, max_size=12) | st.lists(inner, max_size=3))
        for example in self._json()[:1]:
            for shape in (value, *replaced(json_body(example), value)):
                self._outcome(with_json(example, shape))

    @_shared
    @given(data=st.data())
    def test_any_values_of_known_parameters_are_refused_or_read(self, data: st.DataObject) -> None:
        """Random values of known parameters make the parser raise nothing but its own errors."""
        known = {
            pair.partition(b"=")[0].decode("latin-1")
            for example in self._forms()
            for part in (example.callback.query, example.callback.body)
            for pair in part.split(b"&")
        }
        names = st.sampled_from(sorted(known) or [""])
        pairs = data.draw(st.lists(st.tuples(names, st.text() | st.binary().map(bytes.hex))))
        query = "&".join(f"{name}={value}" for name, value in pairs).encode("utf-8", "replace")
        for method in ("GET", "POST"):
            self._outcome(Callback(account=Account(), method=method, query=query, body=query, received_at=RECEIVED_AT))

    # ---- parts of the tests above

    def _all(self) -> tuple[Example, ...]:
        return _examples(self.examples_folder, self.provider.name)

    def _good(self) -> list[Example]:
        return [example for example in self._all() if "items" in example.expected]

    def _json(self) -> list[Example]:
        return [example for example in self._all() if isinstance(json_body(example), dict | list)]

    def _forms(self) -> list[Example]:
        known = self._json()
        return [
            example
            for example in self._good()
            if b"=" in example.callback.query + example.callback.body and example not in known
        ]

    def _parsed(self, callback: Callback) -> list[Item] | CallbackError:
        try:
            return list(self.provider.parse(callback))
        except CallbackError as error:
            return error

    def _records(self, callback: Callback) -> list[DeliveryReport | InboundMessage]:
        return [item for item in self.provider.parse(callback) if not isinstance(item, Reject)]

    def _reply(self, callback: Callback) -> Reply:
        replies, parsed = self.provider.replies, self._parsed(callback)
        if isinstance(parsed, MalformedError):
            return replies.malformed(callback, parsed)
        return replies.forbidden(callback) if isinstance(parsed, CallbackError) else replies.stored(callback)

    def _outcome(self, callback: Callback) -> Any:
        """Return the result of a request; any other exception than a `CallbackError` fails the test."""
        parsed = self._parsed(callback)
        if isinstance(parsed, CallbackError):
            described_error = fault(parsed) if isinstance(parsed, MalformedError) else str(parsed)
            return described_error, self._reply(callback).status
        for item in parsed:
            if not isinstance(item, Reject):
                assert fields(item)
                assert item.occurred_at is None or item.occurred_at.tzinfo is UTC
        assert not parsed or event_ids(parsed), "a batch of which nothing can be read is not stored"
        return [described(item) for item in parsed]


def _identities(records: list[DeliveryReport | InboundMessage]) -> list[tuple[object, ...]]:
    return [(record.event_id, record.stamp_day, getattr(record, "supersedes", None)) for record in records]


def _kept(callback: Callback, raw: bytes) -> Callback:
    """Return an item's `raw` as a callback for `reread`."""
    return Callback(account=callback.account, method="POST", body=raw, received_at=callback.received_at)


def _error(parsed: list[Item] | CallbackError) -> dict[str, Any]:
    if isinstance(parsed, MalformedError):
        return fault(parsed)
    return {"forbidden": isinstance(parsed, ForbiddenError)}


def _check_reply(reply: Reply, expected: dict[str, Any]) -> None:
    assert reply.status == expected["status"]
    if isinstance(expected["body"], str):
        assert reply.content_type == "text/plain"
        assert _shortened(reply.body.decode()) == expected["body"]
    else:
        assert reply.content_type == "application/json"
        assert {name: _shortened(value) for name, value in json.loads(reply.body).items()} == expected["body"]


def _shortened(value: Any) -> Any:
    """Cut off the JSON library's error message, which changes with its version."""
    return re.sub("(is not JSON: ).+", r"\1…", value) if isinstance(value, str) else value
