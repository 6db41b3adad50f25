"""Ways to make a request unreadable; it still contains the message id, by which the audit finds the dead letter."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson

from ingest.simulation.plan import PlannedRequest, Spoil
from normalizers.errors import Fault


def _cut_short(request: PlannedRequest, mark: str) -> PlannedRequest:
    return replace(request, body=request.body[: request.body.index(mark.encode()) + len(mark)])


def _emptied(request: PlannedRequest, mark: str) -> PlannedRequest:
    return replace(request, query=f"empty={mark}", body=b"")


def _page(request: PlannedRequest, mark: str) -> PlannedRequest:
    return replace(request, body=f"<html><body>502 Bad Gateway ({mark})</body></html>".encode())


def _trailing_comma(request: PlannedRequest, _: str) -> PlannedRequest:
    return replace(request, body=request.body.replace(b"}", b",}", 1))


def _garbled(request: PlannedRequest, mark: str) -> PlannedRequest:
    in_gbk = "测试".encode("gbk")
    return replace(request, body=request.body.replace(mark.encode(), mark.encode() + in_gbk))


#: The ways to make JSON unreadable as a whole.
NOT_JSON = (
    Spoil(Fault.NOT_JSON, _cut_short),
    Spoil(Fault.NOT_JSON, _page),
    Spoil(Fault.NOT_JSON, _trailing_comma),
    Spoil(Fault.NOT_JSON, _garbled),
)
EMPTY = Spoil(Fault.EMPTY, _emptied)


def without_parameter(name: str) -> Spoil:
    """Leave a parameter out of a GET."""

    def make(request: PlannedRequest, _: str) -> PlannedRequest:
        pairs = [pair for pair in request.query.split("&") if pair.partition("=")[0].upper() != name.upper()]
        return replace(request, query="&".join(pairs))

    return Spoil(Fault.MISSING_FIELD, make, method="GET")


def without_member(*path: str) -> Spoil:
    """Leave out the member at `path` of a JSON body; of a list on the path, the first element is taken."""
    return _changed(Fault.MISSING_FIELD, path, lambda parent: parent.pop(path[-1]))


def with_value(*path: str, value: object) -> Spoil:
    """Put a value that is not allowed at `path` into a JSON body."""
    return _changed(Fault.BAD_VALUE, path, lambda parent: parent.update({path[-1]: value}))


def _changed(why: Fault, path: tuple[str, ...], change: Callable[[dict[str, Any]], object]) -> Spoil:
    def make(request: PlannedRequest, _: str) -> PlannedRequest:
        body = orjson.loads(request.body)
        parent = _element(body)
        for name in path[:-1]:
            parent = _element(parent[name])
        change(parent)
        return replace(request, body=orjson.dumps(body))

    return Spoil(why, make, authentic=True)


def _element(value: Any) -> Any:
    return value[0] if isinstance(value, list) else value
