"""
Coverage-guided fuzzing of every normalizer with atheris, by hand.

    pip install atheris
    python -m tests.normalizers.fuzz [-max_total_time=600] [any other option of libFuzzer]

It starts from the example requests. An input that makes a normalizer raise anything but its own errors, or return an
item that can't be written as JSON, ends the run and is kept in a file `crash-...`.
"""

import sys
import tempfile
from pathlib import Path
from typing import Final

import atheris

with atheris.instrument_imports(include=["normalizers"]):
    from normalizers import PROVIDERS
    from normalizers.errors import CallbackError
    from normalizers.model import Account, Callback, Reject
    from normalizers.testing.examples import RECEIVED_AT

import msgspec

from tests.normalizers.examples import examples

_NAMES: Final = sorted(PROVIDERS)
#: Ends the query in an input; the body follows.
_END: Final = b"\x00\x01"


def _input_of(provider: str, query: bytes, body: bytes) -> bytes:
    return bytes([_NAMES.index(provider)]) + query + _END + body


def read(data: bytes) -> None:
    """Read an input as a callback: a byte for the provider, the query, and the body."""
    if not data:
        return
    query, _, body = data[1:].partition(_END)
    method = "POST" if body else "GET"
    callback = Callback(account=Account(), method=method, query=query, body=body, received_at=RECEIVED_AT)
    try:
        items = PROVIDERS[_NAMES[data[0] % len(_NAMES)]].parse(callback)
    except CallbackError:
        return
    for item in items:
        if not isinstance(item, Reject):
            msgspec.json.encode(item)


def main() -> None:
    """Fuzz until the time is over or an input fails."""
    with tempfile.TemporaryDirectory() as corpus:
        for number, example in enumerate(examples()):
            content = _input_of(example.provider, example.callback.query, example.callback.body)
            (Path(corpus) / f"{number}").write_bytes(content)
        atheris.Setup([*sys.argv, corpus], read)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
