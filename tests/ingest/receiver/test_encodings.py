"""Compressed bodies: undone within bounds, and where they are damaged, kept and said so."""

import gzip
import zlib

import pytest

from ingest.http_server.bodies import TooLargeError
from ingest.receiver.encodings import BrokenBodyError, inflate
from sinks.stream import Topic
from tests.ingest.receiver.callbacks import JUHE
from tests.ingest.receiver.conftest import Post, StartReceiver


def raw_deflate(plain: bytes) -> bytes:
    """Compress without a header, as some clients do."""
    packing = zlib.compressobj(wbits=-15)
    return packing.compress(plain) + packing.flush()


@pytest.mark.parametrize(
    "pack",
    [gzip.compress, zlib.compress, raw_deflate, lambda plain: gzip.compress(plain[:5]) + gzip.compress(plain[5:])],
)
@pytest.mark.parametrize("size", [0, 1, 5, 70_000, 400_000])
def test_every_form_of_deflate_is_undone(pack: object, size: int) -> None:
    """Gzip, of several members too, zlib and deflate without a header give the bytes that went in."""
    plain = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert inflate(pack(plain), 400_000) == plain  # type: ignore[operator]


def test_a_bomb_is_not_blown_up() -> None:
    """Decompression stops at the bound."""
    with pytest.raises(TooLargeError):
        inflate(gzip.compress(b" " * 10_000_001), 10_000_000)


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_damage_is_found_and_the_rest_is_kept(cut: int) -> None:
    """A stream that is cut short or altered is told as damaged, with the part that can be read."""
    plain = bytes(range(256)) * 40
    packed = gzip.compress(plain)
    with pytest.raises(BrokenBodyError) as cut_short:
        inflate(packed[:-cut], 100_000)
    assert plain.startswith(cut_short.value.rest) or cut_short.value.rest == packed[:-cut]


async def test_a_compressed_callback_is_read(post: Post) -> None:
    """Gzip and deflate bodies are taken as what they hold; another encoding is refused by 415, and nothing is kept."""
    assert await post("juhe", gzip.compress(JUHE), headers={"Content-Encoding": "gzip"}) == (200, b"OK")
    assert await post("juhe", zlib.compress(JUHE), headers={"Content-Encoding": "Deflate"}) == (200, b"OK")
    assert await post("juhe", JUHE, headers={"Content-Encoding": "identity"}) == (200, b"OK")
    assert (await post("juhe", JUHE, headers={"Content-Encoding": "br"}))[0] == 415
    assert len(await post.kept(Topic.REPORTS)) == 3


async def test_a_damaged_body_is_a_dead_letter(start_receiver: StartReceiver) -> None:
    """A compressed body that can't be undone gets 400 and is a dead letter, forbidden where the key would be in it."""
    post = await start_receiver(
        accounts=[{"provider": "juhe", "open": True}, {"provider": "cloudsms", "auth_key": "hush-key-of-cloudsms"}]
    )
    damaged = gzip.compress(JUHE)[:-4]
    assert (await post("juhe", damaged, headers={"Content-Encoding": "gzip"}))[0] == 400
    assert (await post("juhe", JUHE, headers={"Content-Encoding": "gzip"}))[0] == 400
    assert (await post("cloudsms", damaged, headers={"Content-Encoding": "gzip"}))[0] == 403
    letters = await post.kept(Topic.DEAD_LETTERS)
    assert [(letter["why"], letter["location"], letter["body"]) for letter in letters] == [
        ("bad_value", "body", JUHE.decode())
    ] * 2
    assert await post.kept(Topic.REPORTS) == []
