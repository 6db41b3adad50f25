"""The page's files: all are served, those of others are as they came, and together they are light."""

import gzip
import hashlib
import re
from pathlib import Path

from ingest.page.api import FILES

_STATIC = Path(__file__).parents[3] / "ingest" / "page" / "static"
_VENDOR = _STATIC / "vendor"


def test_every_file_is_served() -> None:
    """No file lies about unused, and none is missing."""
    there = {str(path.relative_to(_STATIC)) for path in _STATIC.rglob("*") if path.is_file()}
    assert there - {"index.html", "vendor/README.md", "vendor/uPlot.LICENSE"} == set(FILES.values())


def test_bundled_files_are_as_they_came() -> None:
    """Every bundled file is recorded, with its origin and licence, and has the bytes that were recorded."""
    said = (_VENDOR / "README.md").read_text(encoding="utf-8")
    recorded = dict(re.findall(r"^\| `([^`]+)` \|.*`([0-9a-f]{64})` \|$", said, re.MULTILINE))
    held = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in _VENDOR.iterdir()}
    del held["README.md"]
    assert recorded == held


def test_the_page_is_light() -> None:
    """The whole of it, compressed, is under 100 kB."""
    files = [_STATIC / "index.html", *(_STATIC / path for path in FILES.values())]
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) < 100_000


def test_nothing_is_loaded_from_elsewhere() -> None:
    """Our own files name no other host, and make no HTML of text."""
    for name, path in FILES.items():
        text = (_STATIC / path).read_text(encoding="utf-8")
        if not path.startswith("vendor/"):
            addresses = set(re.findall(r"https?://[\w.]+", text))
            assert addresses <= {"http://www.w3.org", "http://127.0.0.1"}, name
            assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|style=", text), name
