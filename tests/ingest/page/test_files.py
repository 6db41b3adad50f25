"""The page's files: all are used, the bundled ones are unchanged, and together they are small."""

import gzip
import hashlib
import re
from pathlib import Path

from ingest.page.api import FILES

_STATIC = Path(__file__).parents[3] / "ingest" / "page" / "static"
_VENDOR = _STATIC / "vendor"


def test_every_file_is_used() -> None:
    """No file is served that neither the page nor another file names, and none is named that is not served."""
    texts = [path.read_text(encoding="utf-8") for path in FILES.values() if path.parent == _STATIC]
    named = {name for text in texts for name in re.findall(r'(?:from "\./|(?:href|src)="/page/)([\w.]+)"', text)}
    assert named | {"index.html"} == set(FILES)


def test_bundled_files_are_as_they_came() -> None:
    """Every bundled file is recorded, with its origin and licence, and has the bytes that were recorded."""
    said = (_VENDOR / "README.md").read_text(encoding="utf-8")
    recorded = dict(re.findall(r"^\| `([^`]+)` \|.*`([0-9a-f]{64})` \|$", said, re.MULTILINE))
    held = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in _VENDOR.iterdir()}
    del held["README.md"]
    assert recorded == held


def test_the_page_is_light() -> None:
    """All files together, compressed, have less than 100 kB."""
    assert sum(len(gzip.compress(path.read_bytes())) for path in FILES.values()) < 100_000


def test_nothing_is_loaded_from_elsewhere() -> None:
    """Our own files name no other host, and make no HTML of text."""
    for name, path in FILES.items():
        text = path.read_text(encoding="utf-8")
        if path.parent == _STATIC:
            addresses = set(re.findall(r"https?://[\w.]+", text))
            assert addresses <= {"http://www.w3.org", "http://127.0.0.1"}, name
            assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|style=", text), name
