"""
Finds secrets in received data, however they are spelled, and replaces them before anything is kept.

It looks for the secrets of the settings, and for the values of the fields in which providers send theirs
(`Provider.secret_fields`): in the bytes as they came, and again after each layer of escapes is undone (percent-encoding,
JSON's and HTML's escapes, the zero bytes of UTF-16). Secrets of the settings are found in base64 and hexadecimal, too.
"""

import base64
import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

MASK: Final = "***"
#: How many layers of escapes are undone.
_LAYERS: Final = 4
#: A shorter secret is masked as a whole word only: it may be part of many other words.
_SHORT: Final = 4
#: A shorter secret is not looked for in base64 and hexadecimal: too few characters there depend on it alone.
_SHORT_ENCODED: Final = 8

_ESCAPE: Final = re.compile(
    rb"(?:% | \\+x)(?P<percent>[0-9A-Fa-f]{2}) | \\+u(?P<json>[0-9A-Fa-f]{4}) | \\+(?P<slash>/) | (?P<zero>\x00)"
    rb" | &\#(?P<decimal>\d{1,7}); | &\#[xX](?P<hex>[0-9A-Fa-f]{1,6}); | &(?P<name>amp|quot|apos|lt|gt);",
    re.VERBOSE,
)
_NAMED: Final = {b"amp": b"&", b"quot": b'"', b"apos": b"'", b"lt": b"<", b"gt": b">"}
#: The value of a field: between quotes (however they are escaped), an array or object, or a word.
_VALUE: Final = rb"""\\*["']?\s*[:=>]\s*(?:(?P<quote>\\*["'])(?P<quoted>.*?)(?:(?<!\\)(?P=quote)|\Z)|(?P<bare>[\[{][^\]}]*|[^&;,}\]<\s"']+))"""

#: The bytes that end a value.
_ENDINGS: Final = frozenset((b'"', b"'", b"&", b";", b",", b"}", b"]", b"<", b" ", b"\t", b"\n", b"\r"))

#: Headers that hold no secret. Of every other header only the name is kept.
_HARMLESS_HEADERS: Final = frozenset(
    """
    accept accept-charset accept-encoding accept-language cache-control connection content-encoding content-language
    content-length content-type date expect host keep-alive transfer-encoding user-agent via x-forwarded-for
    x-forwarded-host x-forwarded-port x-forwarded-proto x-real-ip x-request-id
    """.split()
)


class SecretMask:
    """Replaces secrets by `MASK`."""

    def __init__(self, known: Iterable[str] = (), fields: Iterable[str] = ()) -> None:
        """Look for the secrets `known`, and for the values of these `fields`."""
        secrets = sorted(filter(None, known))
        self._known = tuple({way for secret in secrets if len(secret) >= _SHORT for way in _encodings(secret)})
        words = b"|".join(re.escape(secret.encode()) for secret in secrets if len(secret) < _SHORT)
        self._words = re.compile(rb"(?<![0-9A-Za-z])(?:%s)(?![0-9A-Za-z])" % words) if words else None
        self._names = tuple(fields)
        names = b"|".join(re.escape(name.encode()).replace(b"_", rb"[_\- ]?") for name in self._names)
        self._fields = re.compile(rb"(?is)(?:%s)%s" % (names, _VALUE)) if names else None

    def __call__(self, data: bytes) -> bytes:
        """Return the bytes with `MASK` in the place of every secret."""
        spans = sorted({span for layer in _layers(data) for span in self._found(layer)})
        parts: list[bytes] = []
        end = 0
        for start, stop in spans:
            if start >= end:
                parts += (data[end:start], MASK.encode())
            end = max(end, stop)
        return b"".join((*parts, data[end:])) if parts else data

    def text(self, text: str) -> str:
        """Return a text with `MASK` in the place of every secret."""
        return self(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return headers with lower-case names, and `MASK` for the value of each that is not known to be harmless."""
        names = ((name.lower(), value) for name, value in headers.items())
        return {str(name): self.text(value) if name in _HARMLESS_HEADERS else MASK for name, value in names}

    def may_hold_field(self, text: str) -> bool:
        """Tell quickly whether a text may have one of the fields; a text without any may give true as well."""
        return any(name in text for name in self._names) or any(sign in text for sign in ("\\u", "%", "&#"))

    def _found(self, layer: "_Layer") -> Iterator[tuple[int, int]]:
        for known in self._known:
            start = layer.data.find(known)
            while start >= 0:
                yield layer.source(start, start + len(known))
                start = layer.data.find(known, start + len(known))
        for word in self._words.finditer(layer.data) if self._words else ():
            yield layer.source(*word.span())
        if self._fields is not None:
            for field in (*self._fields.finditer(layer.data), *self._fields.finditer(layer.guarded)):
                yield layer.source(*field.span("quoted" if field["quote"] else "bare"))


NO_SECRETS: Final = SecretMask()


def _encodings(secret: str) -> Iterator[bytes]:
    """Yield the bytes by which a secret may be written without escapes."""
    for spelled in (secret, secret.replace(" ", "+"), *_in_json(secret)):
        yield spelled.encode()
    if not secret.isascii():  # ASCII in UTF-16 is found once its zero bytes are removed
        yield from _in_charsets(secret, ("latin-1", "gb18030", "utf-16-be", "utf-16-le"))
    plain = secret.encode()
    if len(plain) < _SHORT_ENCODED:
        return
    for encoded in _in_charsets(secret, ("utf-8", "latin-1", "gb18030", "utf-16-be")):
        yield encoded.hex().encode()
        yield encoded.hex().upper().encode()
    for before in range(3):  # in base64 the characters depend on how many bytes stand before, modulo 3
        encoded = base64.b64encode(bytes(before) + plain)
        inner = encoded[(before * 8 + 5) // 6 : (before + len(plain)) * 8 // 6]
        yield inner
        yield inner.translate(bytes.maketrans(b"+/", b"-_"))


def _in_charsets(text: str, charsets: Iterable[str]) -> Iterator[bytes]:
    for charset in charsets:
        with suppress(UnicodeEncodeError):
            yield text.encode(charset)


def _in_json(text: str) -> Iterator[str]:
    """Yield a text as it is written in JSON, and in JSON within JSON."""
    for is_ascii in (True, False):
        inner = json.dumps(text, ensure_ascii=is_ascii)[1:-1]
        yield inner
        yield json.dumps(inner, ensure_ascii=is_ascii)[1:-1]


class _Layer(NamedTuple):
    """
    Bytes with some layers of escapes undone, and where each part came from.

    `pieces` are the positions in `data` where a run of plain bytes or an escape begins; `origins` has for each its start
    in the layer below, and its end there if it was an escape (else 0). `guarded` is `data` with `_` for each byte of an
    escape that would end a field's value.
    """

    data: bytes
    guarded: bytes
    pieces: Sequence[int]
    origins: Sequence[tuple[int, int]]
    below: "_Layer | None"

    def source(self, start: int, stop: int) -> tuple[int, int]:
        """Return start and end, in the original bytes, of a part of this layer."""
        if self.below is None:
            return start, stop
        if stop <= start:
            return self.below.source(self._origin(start)[0], self._origin(start)[0])
        return self.below.source(self._origin(start)[0], self._origin(stop - 1)[1])

    def _origin(self, at: int) -> tuple[int, int]:
        """Return start and end, in the layer below, of the bytes that the byte at this position came from."""
        index = bisect_right(self.pieces, at) - 1
        start, stop = self.origins[index]
        if stop:
            return start, stop
        shift = at - self.pieces[index]
        return start + shift, start + shift + 1


def _layers(data: bytes) -> Iterator[_Layer]:
    layer = _Layer(data, data, (), (), None)
    yield layer
    for _ in range(_LAYERS):
        upper = _undo_escapes(layer)
        if upper is None:
            return
        yield upper
        layer = upper


def _undo_escapes(layer: _Layer) -> _Layer | None:
    """Return the bytes with one layer of escapes undone, None if there is no escape."""
    parts: list[bytes] = []
    guarded: list[bytes] = []
    pieces: list[int] = []
    origins: list[tuple[int, int]] = []
    size = end = 0
    for escape in _ESCAPE.finditer(layer.data):
        start, stop = escape.span()
        plain = _plain(escape)
        parts += (layer.data[end:start], plain)
        guarded += (layer.guarded[end:start], b"_" if plain in _ENDINGS else plain)
        pieces += (size, size + start - end)
        origins += ((end, 0), (start, stop))
        size += start - end + len(plain)
        end = stop
    if not parts:
        return None
    data, guard = b"".join((*parts, layer.data[end:])), b"".join((*guarded, layer.guarded[end:]))
    return _Layer(data, guard, (*pieces, size), (*origins, (end, 0)), layer)


def _plain(escape: re.Match[bytes]) -> bytes:
    """Return the bytes that an escape stands for."""
    kind = escape.lastgroup or ""
    digits = escape[kind]
    if kind == "percent":
        return bytes((int(digits, 16),))
    if kind == "slash":
        return b"/"
    if kind == "zero":
        return b""
    if kind == "name":
        return _NAMED[digits]
    code = int(digits, 10 if kind == "decimal" else 16)
    return chr(min(code, 0x10FFFF)).encode("utf-8", "surrogatepass")
