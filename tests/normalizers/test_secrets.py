"""No secret is kept, however it is spelled."""

import base64
import html
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizers.secrets import MASK, SecretMask

SECRET = 'hush/é+key "5\\'
KEYS = ("AUTH_KEY",)

#: Ways to write one character.
SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "percent": lambda c: "".join(f"%{byte:02X}" for byte in c.encode()),
    "twice percent": lambda c: "".join(f"%25{byte:02x}" for byte in c.encode()),
    "json": lambda c: f"\\u{ord(c):04x}",
    "html": lambda c: f"&#{ord(c)};",
    "html hex": lambda c: f"&#x{ord(c):X};",
}


def mask(known: str = SECRET) -> SecretMask:
    """Make a mask of one secret and of AUTH_KEY."""
    return SecretMask([known], KEYS)


@given(st.lists(st.sampled_from(sorted(SPELLINGS)), min_size=len(SECRET), max_size=len(SECRET)), st.text(), st.text())
def test_a_known_secret_is_found_in_any_mix_of_escapes(ways: list[str], before: str, after: str) -> None:
    """A known secret is masked however each of its characters is escaped, and the text around it stays."""
    spelled = "".join(SPELLINGS[way](character) for way, character in zip(ways, SECRET, strict=True))
    text = f"<{before}|{spelled}|{after}>".encode("utf-8", "surrogatepass")
    assert mask()(text) == text.replace(spelled.encode(), MASK.encode())


@pytest.mark.parametrize(
    "written",
    [
        lambda secret: json.dumps(secret)[1:-1].encode(),
        lambda secret: json.dumps(json.dumps(secret))[3:-3].encode(),
        lambda secret: quote(secret).encode(),
        lambda secret: quote(secret, safe="").encode(),
        lambda secret: html.escape(secret).encode(),
        lambda secret: secret.encode("utf-16-le"),
        lambda secret: secret.encode("utf-16-be"),
        lambda secret: base64.b64encode(b"user:" + secret.encode()),
        lambda secret: base64.urlsafe_b64encode(b"u:" + secret.encode()),
        lambda secret: secret.encode().hex().encode(),
        lambda secret: secret.replace("/", "\\/").encode(),
    ],
)
def test_a_known_secret_is_found_as_programs_write_it(written: Callable[[str], bytes]) -> None:
    """A known secret is found in JSON, JSON within JSON, URLs, HTML, UTF-16, base64 and hexadecimal."""
    secret = "hush/?+key&<12345>"
    masked = mask(secret)(b"before " + written(secret) + b" after")
    assert MASK.encode() in masked
    assert not any(unquote_to_bytes(masked).find(part) >= 0 for part in (b"hush", b"h\0u\0s", b"68757368", b"aHVzaC"))


@pytest.mark.parametrize("secret", ['hush"quo\\te key', "hush-密码-é-key", "hush😀key"])
@pytest.mark.parametrize(
    "written",
    [
        lambda secret: json.dumps(secret)[1:-1].encode(),
        lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1].encode(),
        lambda secret: json.dumps(json.dumps(secret))[3:-3].encode(),
        lambda secret: quote_plus(secret).encode(),
        lambda secret: quote(secret.encode("gb18030")).encode(),
        lambda secret: secret.encode("utf-16-be"),
        lambda secret: secret.encode("utf-16-le"),
        lambda secret: secret.encode("utf-16-be").hex().upper().encode(),
        lambda secret: secret.encode("gb18030").hex().encode(),
        lambda secret: "".join(f"\\x{byte:02x}" for byte in secret.encode()).encode(),
    ],
)
def test_a_secret_of_any_characters_is_found(secret: str, written: Callable[[str], bytes]) -> None:
    """Quotes, spaces, and characters beyond ASCII hide no secret, in the charsets and forms that providers send."""
    masked = SecretMask([secret])(b"before " + written(secret) + b" after")
    assert masked.replace(b"\0", b"") == b"before *** after"


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ('{"AUTH_KEY":"hush","A":1}', '{"AUTH_KEY":"***","A":1}'),
        ('{"AUTH\\u005fKEY" : "hu\\"sh","A":1}', '{"AUTH\\u005fKEY" : "***","A":1}'),
        ('{"AUTH_KEY":"hu\\u0022sh","A":1}', '{"AUTH_KEY":"***","A":1}'),
        ('{"auth_key":"hush', '{"auth_key":"***'),
        ('{"AUTH_KEY": 12345}', '{"AUTH_KEY": ***}'),
        ('{"AUTH_KEY": [ "hush", "hush" ]}', '{"AUTH_KEY": ***]}'),
        ("AUTH_KEY=hush&A=1", "AUTH_KEY=***&A=1"),
        ("A=1&AUTH%5FKEY=hu%26sh", "A=1&AUTH%5FKEY=***"),
        ('"{\\"AUTH_KEY\\":\\"hush\\",\\"A\\":1}"', '"{\\"AUTH_KEY\\":\\"***\\",\\"A\\":1}"'),
        ("<AUTH_KEY>hush</AUTH_KEY>", "<AUTH_KEY>***</AUTH_KEY>"),
        ("%7B%22AUTH_KEY%22%3A%22hush%22%7D", "%7B%22AUTH_KEY%22%3A%22***%22%7D"),
    ],
)
def test_a_secret_field_is_masked_whatever_it_holds(given_text: str, kept: str) -> None:
    """A provider's secret field is masked whether it is configured or not, in broken payloads, too."""
    assert "hush" not in SecretMask((), KEYS).text(given_text)
    assert SecretMask((), KEYS).text(given_text) == kept


def test_a_short_secret_is_masked_as_a_word() -> None:
    """A secret of less than four characters is masked where it stands alone, not inside of words."""
    assert SecretMask(["ab"]).text("ab cabbage /ab/ x=ab") == "*** cabbage /***/ x=***"


@given(st.binary())
def test_bytes_without_a_secret_stay(data: bytes) -> None:
    """Bytes without a secret are not changed."""
    assert mask("hush-a-secret-that-is-not-there")(data) == data or re.search(rb"(?i)auth", data)


def test_headers_are_kept_by_name() -> None:
    """The value of a header is kept if the header is known to hold no secret; else only its name is kept."""
    headers = {
        "Content-Type": "text/plain",
        "User-Agent": f"curl {SECRET}",
        **dict.fromkeys("Authorization Cookie X-Original-URI Referer X-Token Api-Key X-Anything-New".split(), "hush"),
    }
    kept = mask().headers(headers)
    assert kept.pop("content-type") == "text/plain"
    assert kept.pop("user-agent") == f"curl {MASK}"
    assert set(kept.values()) == {MASK}
    assert len(kept) == 7
