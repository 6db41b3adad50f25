"""Rates: of accounts, and of clients that are refused."""

import time

from ingest.receiver.rates import ClientRates, TokenBucket
from sinks.stream import Topic
from tests.ingest.receiver.callbacks import CLOUDSMS, JUHE
from tests.ingest.receiver.conftest import StartReceiver


def test_a_bucket_lets_its_rate_through() -> None:
    """After a burst, as many events pass as the rate allows, and what is not used is kept up to a burst."""
    bucket = TokenBucket(rate=2, burst=3)
    assert [bucket.take(100.0) for _ in range(5)] == [True, True, True, False, False]
    assert [bucket.take(101.0) for _ in range(3)] == [True, True, False]
    assert [bucket.take(900.0) for _ in range(5)] == [True, True, True, False, False]


def test_each_client_has_its_own_bucket() -> None:
    """A client that asks too often takes nothing from another."""
    rates = ClientRates(rate=1, burst=1)
    assert [rates.take(client, 5.0) for client in ("a", "a", "b", "b")] == [True, False, True, False]


async def test_an_account_over_its_rate_is_busy(start_receiver: StartReceiver) -> None:
    """Over an account's rate, callbacks are answered `busy` unparsed, with Retry-After; other accounts go on."""
    post = await start_receiver(
        accounts=[
            {"provider": "juhe", "open": True, "rate": 0.001, "burst": 2},
            {"provider": "cloudsms", "open": True, "rate": 0.001},
            {"provider": "juhe", "name": "other", "open": True},
        ]
    )
    statuses = [(await post("juhe", JUHE))[0] for _ in range(4)]
    assert statuses == [200, 200, 503, 503]
    assert (await post("juhe", b"["))[0] == 503
    assert await post.kept(Topic.DEAD_LETTERS) == []
    assert (await post("juhe/other", JUHE))[0] == 200
    assert (await post("cloudsms", CLOUDSMS))[0] == 200
    status, answer = await post("cloudsms", CLOUDSMS)
    assert (status, b'"RESULT_CODE":3' in answer.replace(b" ", b"")) == (503, True)


async def test_a_client_that_is_refused_again_and_again_has_to_wait(start_receiver: StartReceiver) -> None:
    """Over the rate, wrong secrets and paths are answered 429 after a second; the right secret is still let in."""
    post = await start_receiver(
        accounts=[{"provider": "juhe", "secrets": ["right-one"]}], receiver={"refused_rate": 0.01, "refused_burst": 3}
    )
    statuses = [(await post(path, JUHE))[0] for path in ("juhe/default/wrong", "nobody", "juhe/default/wrong")]
    assert statuses == [403, 404, 403]
    started = time.monotonic()
    assert (await post("juhe/default/wrong", JUHE))[0] == 429
    assert time.monotonic() - started >= 1
    assert (await post("juhe/default/right-one", JUHE))[0] == 200
