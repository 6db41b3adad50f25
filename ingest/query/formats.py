"""
The output formats, HTTP statuses and compression of ClickHouse's HTTP interface.

A format that is not listed is refused: it needs files or a schema, talks to a schema registry, or is a wire protocol.
"""

from collections.abc import Callable, Mapping
from typing import Final

import cramjam

from ingest.query.guard.tokens import RefusedQueryError

_CONTENT_TYPES: Final = {
    "text/tab-separated-values; charset=UTF-8": """
        LineAsString Raw RawWithNames RawWithNamesAndTypes TSKV TSV TSVRaw TSVRawWithNames TSVRawWithNamesAndTypes
        TSVWithNames TSVWithNamesAndTypes TabSeparated TabSeparatedRaw TabSeparatedRawWithNames
        TabSeparatedRawWithNamesAndTypes TabSeparatedWithNames TabSeparatedWithNamesAndTypes""",
    "text/csv; charset=UTF-8; header=absent": "CSV",
    "text/csv; charset=UTF-8; header=present": "CSVWithNames CSVWithNamesAndTypes",
    "application/json; charset=UTF-8": """
        JSON JSONColumns JSONColumnsWithMetadata JSONCompact JSONCompactColumns JSONCompactStrings JSONObjectEachRow
        JSONStrings""",
    "application/x-ndjson; charset=UTF-8": """
        JSONEachRow JSONL JSONLines JSONStringsEachRow NDJSON PrettyJSONEachRow PrettyJSONLines PrettyNDJSON""",
    "application/xml; charset=UTF-8": "XML",
    "application/octet-stream": """
        Arrow ArrowStream Avro BSONEachRow MsgPack Native ORC Parquet RowBinary RowBinaryWithNames
        RowBinaryWithNamesAndTypes""",
    "text/plain; charset=UTF-8": """
        CustomSeparated CustomSeparatedWithNames CustomSeparatedWithNamesAndTypes JSONCompactEachRow
        JSONCompactEachRowWithNames JSONCompactEachRowWithNamesAndTypes JSONCompactStringsEachRow
        JSONCompactStringsEachRowWithNames JSONCompactStringsEachRowWithNamesAndTypes Markdown Null Pretty PrettyCompact
        PrettyCompactMonoBlock PrettyCompactNoEscapes PrettyMonoBlock PrettyNoEscapes PrettySpace PrettySpaceNoEscapes
        SQLInsert Values Vertical""",
}
CONTENT_TYPES: Final[Mapping[str, str]] = {
    name: content_type for content_type, names in _CONTENT_TYPES.items() for name in names.split()
}
_FORMATS: Final = {name.lower(): name for name in CONTENT_TYPES}

#: The HTTP statuses of ClickHouse's error codes (src/Server/HTTP/exceptionCodeToHTTPStatus.cpp); of all others: 500.
_STATUSES: Final = {
    400: (6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441, 675, 676),
    401: (194,),
    403: (192, 193, 497, 512, 516),
    404: (46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511),
    408: (159,),
    411: (381,),
    413: (229,),
    501: (48,),
    503: (76, 202, 209, 439),  # ClickHouse answers 202, TOO_MANY_SIMULTANEOUS_QUERIES, with 500
}
STATUSES: Final[Mapping[int, int]] = {code: status for status, codes in _STATUSES.items() for code in codes}


def find_format(name: str) -> str:
    """Return ClickHouse's spelling of an output format; raises `RefusedQueryError`."""
    try:
        return _FORMATS[name.lower()]
    except KeyError:
        raise RefusedQueryError(73, "UNKNOWN_FORMAT", f"there is no output format {name} here") from None


_ENCODINGS: Final[Mapping[str, Callable[[bytes], cramjam.Buffer]]] = {
    "zstd": cramjam.zstd.compress,
    "lz4": cramjam.lz4.compress,
    "gzip": lambda body: cramjam.gzip.compress(body, 3),
    "br": lambda body: cramjam.brotli.compress(body, 3),
    "deflate": lambda body: cramjam.zlib.compress(body, 3),
}


def compress(body: bytes, accept_encoding: str) -> tuple[bytes, str]:
    """Compress with the first encoding that both sides know; return the body and the encoding's name, empty if none."""
    for offer in accept_encoding.split(","):
        name = offer.split(";")[0].strip().lower()
        if encode := _ENCODINGS.get(name):
            return bytes(encode(body)), name
    return body, ""
