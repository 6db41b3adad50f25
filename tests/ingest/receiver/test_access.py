"""Who may post: secrets, networks, proxies and keys."""

import json
from urllib.parse import quote

import orjson
import pytest
from multidict import CIMultiDict

from ingest.receiver.access import client_of
from ingest.settings.settings import Settings
from sinks.stream import Topic
from tests.ingest.receiver.callbacks import CLOUDSMS, CLOUDSMS_ENVELOPE, CM
from tests.ingest.receiver.conftest import StartReceiver


async def test_a_secret_path_opens_to_each_of_its_secrets(start_receiver: StartReceiver) -> None:
    """An account takes every secret in its list, so that they can be rotated; of other callers nothing is kept."""
    post = await start_receiver(accounts=[{"provider": "cm", "name": "acme", "secrets": ["new-one", "old-one"]}])
    assert await post("cm/acme/new-one", CM) == (200, b"OK")
    assert await post("cm/acme/old-one", CM) == (200, b"OK")
    for path in ("cm/acme", "cm/acme/", "cm/acme/new-on", "cm/acme/NEW-ONE", "cm/acme/new-one%00", "cm/acme/%FF"):
        assert (await post(path, CM))[0] == 403, path
        assert (await post(path, b"{"))[0] == 403, path
    assert len(await post.kept(Topic.REPORTS)) == 2
    assert await post.kept(Topic.DEAD_LETTERS) == []


SECRETS = ("hush-path/é".replace("/", "-"), "hush-header", "hush+auth/key=", "hush-admin-token")


@pytest.mark.parametrize("configured", [True, False])
async def test_no_secret_is_kept(start_receiver: StartReceiver, *, configured: bool) -> None:
    """A kept callback shows no secret of the settings, no credential of a header, and no AUTH_KEY, set or not."""
    path_secret, header_secret, auth_key, token = SECRETS
    post = await start_receiver(
        admin={"token": token},
        accounts=[
            {"provider": "cm", "secrets": [path_secret]},
            {"provider": "cloudsms", **({"auth_key": auth_key} if configured else {"open": True})},
        ],
    )
    headers = {
        "Authorization": f"Basic {header_secret}",
        "X-Original-URI": f"/callbacks/cm/default/{quote(path_secret)}",
        "X-Token": header_secret,
        "User-Agent": token,
    }
    path = f"cm/default/{quote(path_secret)}"
    assert (await post(f"{path}?seen={quote(path_secret)}&key={token}", b"{", headers=headers))[0] == 400
    escaped = json.dumps({**CLOUDSMS_ENVELOPE, "AUTH_KEY": auth_key, "SMS_UID": ""}).replace("/", "\\/")
    assert (await post("cloudsms", escaped.replace("+", "\\u002b")))[0] == 400
    if not configured:
        assert (await post("cloudsms", escaped[:-2]))[0] == 400
    letters = await post.kept(Topic.DEAD_LETTERS)
    assert len(letters) == (2 if configured else 3)
    assert "hush" not in json.dumps(letters, ensure_ascii=False)


async def test_a_stored_report_shows_no_auth_key(start_receiver: StartReceiver) -> None:
    """AUTH_KEY is not in a stored report, wherever in the packet it stands."""
    post = await start_receiver(accounts=[{"provider": "cloudsms", "open": True}])
    [result] = CLOUDSMS_ENVELOPE["SMS_RESULT_LIST"]
    packet = {
        **CLOUDSMS_ENVELOPE,
        "AUTH_KEY": "hush",
        "CUSTOMER_BODY": {"AUTH_KEY": "hush"},
        "SMS_RESULT_LIST": [{**result, "AUTH_KEY": "hush"}],
    }
    assert (await post("cloudsms", orjson.dumps(packet)))[0] == 200
    [report] = await post.kept(Topic.REPORTS)
    assert "hush" not in json.dumps(report)


async def test_cloudsms_key_is_checked_where_it_is_set(start_receiver: StartReceiver) -> None:
    """With auth_key set, a callback without it (or that can't be read) is forbidden, with an ANSWER, and not kept."""
    post = await start_receiver(accounts=[{"provider": "cloudsms", "auth_key": "k" * 88}])
    assert (await post("cloudsms", orjson.dumps({**CLOUDSMS_ENVELOPE, "AUTH_KEY": "k" * 88})))[0] == 200
    for body in (CLOUDSMS, orjson.dumps({**CLOUDSMS_ENVELOPE, "AUTH_KEY": "k" * 87}), b"{", b""):
        status, answer = await post("cloudsms", body, method="POST")
        assert (status, orjson.loads(answer)["RESULT_CODE"]) == (403, 5)
    assert await post.kept(Topic.DEAD_LETTERS) == []


async def test_an_allowlist_keeps_other_networks_out(start_receiver: StartReceiver) -> None:
    """Only the networks in `allow` may post to an account that has some."""
    outside = await start_receiver(accounts=[{"provider": "cm", "allow": ["10.0.0.0/8", "2001:db8::/32"]}])
    assert (await outside("cm", CM))[0] == 403
    inside = await start_receiver(accounts=[{"provider": "cm", "allow": ["127.0.0.0/8"]}])
    assert (await inside("cm", CM))[0] == 200


async def test_a_trusted_proxy_tells_who_calls(start_receiver: StartReceiver) -> None:
    """X-Forwarded-For counts where the peer is a trusted proxy, and only as far as proxies are trusted."""
    accounts = [{"provider": "cm", "allow": ["203.0.113.0/24"]}]
    forged = {"X-Forwarded-For": "203.0.113.7"}
    direct = await start_receiver(accounts=accounts)
    assert (await direct("cm", CM, headers=forged))[0] == 403
    proxied = await start_receiver(accounts=accounts, receiver={"trusted_proxies": ["127.0.0.1/32"]})
    assert (await proxied("cm", CM, headers=forged))[0] == 200
    assert (await proxied("cm", CM, headers={"X-Forwarded-For": "203.0.113.7, 198.51.100.1"}))[0] == 403
    assert (await proxied("cm", CM))[0] == 403
    two_lines = CIMultiDict([("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-For", "198.51.100.1")])
    assert (await proxied("cm", CM, headers=two_lines))[0] == 403
    assert (await proxied("cm", CM, headers={"Forwarded": "for=203.0.113.7"}))[0] == 403


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("", "10.0.0.1"),
        ("203.0.113.7", "203.0.113.7"),
        ("1.1.1.1, 203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, 10.0.0.9", "203.0.113.7"),
        ("203.0.113.7,, 10.0.0.9, ", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db8::1]:4711, 10.0.0.9", "2001:db8::1"),
        ("nonsense", "nonsense"),
    ],
)
def test_forwarded_hops_are_read_from_the_right(forwarded: str, client: str) -> None:
    """The client is the last hop that no trusted proxy stands for."""
    proxies = Settings.model_validate({"receiver": {"trusted_proxies": ["10.0.0.0/8"]}}).receiver.trusted_proxies
    assert client_of("10.0.0.1", forwarded, proxies) == client


async def test_accounts_read_by_their_own_settings(start_receiver: StartReceiver) -> None:
    """An account's time zone and the customer's names of CM's parameters decide how its callbacks are read."""
    post = await start_receiver(
        accounts=[
            {
                "provider": "cm",
                "timezone": "Europe/Amsterdam",
                "fields": {"STATUS": "state", "GSM": "phone", "DATETIME_S": "at"},
            }
        ]
    )
    assert (await post("cm?state=2&phone=0031612345678&at=2026-07-01T12:00:00&REFERENCE=r"))[0] == 200
    [report] = await post.kept(Topic.REPORTS)
    assert (report["recipient"], report["occurred_at"]) == ("+31612345678", "2026-07-01T10:00:00Z")
