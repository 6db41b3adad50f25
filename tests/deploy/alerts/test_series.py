"""The labels of metrics are bounded: callbacks of strangers can't add time series."""

import asyncio
from collections.abc import Iterator
from random import Random
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from ingest.metrics import catalogue
from ingest.metrics.series import Counter
from normalizers import PROVIDERS
from tests.program.running import Program
from tests.waiting import until

_ACCOUNTS: list[dict[str, Any]] = [
    {"provider": "juhe", "name": "default"},
    {"provider": "cm", "name": "acme", "secrets": ["s3cret"]},
    {"provider": "santo", "name": "default"},
]
_CALLBACKS = 3_000
_AT_ONCE = 32


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Run dlrhub with three accounts."""
    folder = tmp_path_factory.mktemp("series")
    with Program(folder, settings={"DLRHUB_ACCOUNTS": orjson.dumps(_ACCOUNTS).decode()}) as running:
        yield running


def samples(program: Program) -> list[Sample]:
    """Return the samples of a scrape."""
    status, body = program.get(program.admin, "/metrics")
    assert status == 200
    return [sample for family in text_string_to_metric_families(body.decode()) for sample in family.samples]


def total(program: Program, name: str) -> float:
    """Return the sum of a metric's samples."""
    return sum(sample.value for sample in samples(program) if sample.name == name)


def test_every_counter_begins_at_zero(program: Program) -> None:
    """A counter is exposed as 0 before its first count, so that Prometheus sees that count as an increase."""
    found = {(sample.name, *sorted(sample.labels.values())) for sample in samples(program)}
    assert ("dlr_dead_letters_total", "bad_value", "juhe") in found
    assert ("dlr_reports_total", "acme", "cm", "delivered") in found
    assert ("dlr_reports_total", "cm", "default", "delivered") not in found
    counters = {f"{metric.name}_total" for metric in catalogue.ALL if isinstance(metric, Counter)}
    assert counters <= {name for name, *_ in found}


async def test_hostile_callbacks_add_no_series(program: Program) -> None:
    """Whatever providers, accounts, codes and ids are posted, each label's value is from the settings or an enum."""
    await post_hostile(program.receiver)
    await until(lambda: total(program, "dlr_reports_total") > 300, seconds=30)
    await until(lambda: total(program, "dlr_stream_lag_records") == 0, seconds=30)
    bounds = {label: set(map(str, values)) for label, values in catalogue.VALUES.items()}
    owners = {(account["provider"], account["name"]) for account in _ACCOUNTS}
    for sample in samples(program):
        labels = dict(sample.labels)
        provider, account, _ = labels.pop("provider", ""), labels.pop("account", ""), labels.pop("le", "")
        assert not provider or any(provider == owner and account in {"", name} for owner, name in owners), sample
        assert all(value in bounds[label] for label, value in labels.items()), sample


async def post_hostile(port: int) -> None:
    """Post hostile callbacks, many at once."""
    paths = hostile_callbacks()

    async def work(client: aiohttp.ClientSession) -> None:
        for path, body in paths:
            async with client.post(f"http://127.0.0.1:{port}/callbacks/{path}", data=body) as answer:
                await answer.read()

    async with aiohttp.ClientSession() as client:
        await asyncio.gather(*(work(client) for _ in range(_AT_ONCE)))


def hostile_callbacks() -> Iterator[tuple[str, bytes]]:
    """Yield paths and bodies with random ids and codes, half of them for existing accounts."""
    rng = Random(5)  # noqa: S311 - junk, not secrets
    for number in range(_CALLBACKS):
        junk = quote("".join(map(chr, rng.choices(range(33, 1000), k=rng.randint(1, 30)))), safe="")
        provider = rng.choice([*PROVIDERS, junk])
        account = rng.choice(["", f"/{junk}", "/acme/s3cret", f"/acme/{junk}"])
        report = {"flag": 1, "mid": f"{number}", "mobile": f"{rng.randrange(10**11)}", "stat": junk, "time": junk}
        body = rng.choice([orjson.dumps([report]), orjson.dumps({junk: junk}), junk.encode()])
        yield rng.choice(["juhe", f"{provider}{account}?STATUS={junk}&REFERENCE={number}&GSM={junk}"]), body
