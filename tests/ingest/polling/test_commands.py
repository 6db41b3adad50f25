"""The commands for polls."""

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import orjson

from ingest.commands.check import check
from ingest.settings.settings import Settings
from tests.ingest.polling.accounts import make_server, poll_settings


def test_simulate_plays_the_providers_that_are_asked(tmp_path: Path) -> None:
    """`dlrhub simulate --serve-pull` answers as the three providers do, and says in the end what it answered."""
    command = [sys.executable, "-m", "ingest", "simulate", "--serve-pull", "127.0.0.1:0", "--pull-faults", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = re.search(r"http://[0-9.:]+", process.stdout.readline())
        assert url is not None
        sent = ask(f"{url[0]}/sms", b"action=send&account=a&password=b&mobile=13800138000&rt=json")["list"][0]
        [report] = [
            item for item in ask(f"{url[0]}/sms", b"action=report&size=100")["list"] if item["mid"] == sent["mid"]
        ]
        assert report["mobile"] == "13800138000"
        balance = ask(f"{url[0]}/sms/get_balance", b"{}")
        process.send_signal(signal.SIGINT)
        said = process.stdout.read()
    assert balance == {"balance": 10}
    assert process.returncode == 0
    assert re.search(r"cmessages\s+200\s+1\s", said), said


def ask(url: str, body: bytes) -> Any:
    """Post, and return the JSON that is answered."""
    with urllib.request.urlopen(url, data=body, timeout=30) as answer:
        return orjson.loads(answer.read())


async def test_check_tries_the_providers_that_are_asked(tmp_path: Path) -> None:
    """`dlrhub check` asks each of them for the balance, and fails where one turns the account down."""
    async with make_server().serve() as url:
        for given, status in (({}, 0), ({"app_key": "wr0ng"}, 1)):
            accounts = [{"provider": "cmessages", "poll": poll_settings("cmessages", url, **given)}]
            doors = {name: {"listen": "127.0.0.1:0"} for name in ("receiver", "admin", "query")}
            settings = Settings.model_validate({"data_dir": tmp_path, "accounts": accounts, **doors})
            assert await check(settings) == status
