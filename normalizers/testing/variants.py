"""Variants of an example request: some that mean the same, and some that are damaged."""

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import orjson
from msgspec.structs import replace

from normalizers.model import Callback
from normalizers.testing.examples import Example

Json = Any


def json_body(case: Example) -> Json | None:
    """Return a request's body as a JSON value, None if it is not JSON (orjson is stricter than json)."""
    with contextlib.suppress(orjson.JSONDecodeError):
        orjson.loads(case.callback.body)
        return json.loads(case.callback.body)
    return None


def with_json(case: Example, value: Json) -> Callback:
    """Return the request with another JSON body."""
    return replace(case.callback, body=json.dumps(value).encode())


def turned(value: Json) -> Json:
    """Return a JSON value with the members of every object in reverse order."""
    if isinstance(value, dict):
        return {name: turned(value[name]) for name in reversed(value)}
    return [turned(element) for element in value] if isinstance(value, list) else value


def with_floats(value: Json) -> Json:
    """Return a JSON value with every whole number as a float, if a float can hold it."""
    if isinstance(value, dict):
        return {name: with_floats(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [with_floats(element) for element in value]
    return float(value) if type(value) is int and abs(value) < 2**53 else value


def doubled(value: Json) -> Json:
    """Return a JSON value with the elements of every array twice."""
    if isinstance(value, dict):
        return {name: doubled(inner) for name, inner in value.items()}
    return [doubled(element) for element in [*value, *value]] if isinstance(value, list) else value


def members(value: Json) -> list[tuple[dict[str, Json], str]]:
    """Return object and name of every member in a JSON value, except inside of the customer's own JSON."""
    if isinstance(value, dict):
        inside = [found for name, inner in value.items() if name != "CUSTOMER_BODY" for found in members(inner)]
        return [(value, name) for name in value] + inside
    return [found for inner in value for found in members(inner)] if isinstance(value, list) else []


def replaced(value: Json, other: Json) -> Iterator[Json]:
    """Yield a JSON value once for each of its members, with that member replaced by `other`."""
    return _changed(value, lambda parent, name: parent.update({name: other}))


def removed(value: Json) -> Iterator[Json]:
    """Yield a JSON value once for each of its members, without that member."""
    return _changed(value, lambda parent, name: parent.pop(name))


def _changed(value: Json, change: Callable[[dict[str, Json], str], object]) -> Iterator[Json]:
    text = json.dumps(value)
    for at in range(len(members(value))):
        copy = json.loads(text)
        change(*members(copy)[at])
        yield copy


def truncated(callback: Callback) -> Iterator[Callback]:
    """Yield a request cut off after each of its bytes."""
    for length in range(len(callback.body)):
        yield replace(callback, body=callback.body[:length])
    for length in range(len(callback.query)):
        yield replace(callback, query=callback.query[:length])
