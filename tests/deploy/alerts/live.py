"""Runs Prometheus with the configuration and rules of `deploy/`, with all durations divided by sixty."""

import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

import yaml

from tests.deploy.alerts.rules import PROMETHEUS, RULES
from tests.program.running import free_port
from tests.waiting import wait_until

_START_SECONDS = 60
_SHORTER = {"d": ("24", "m"), "h": ("1", "m"), "m": ("1", "s")}


def hasten(text: str) -> str:
    """Divide every duration by sixty: `[15m]` is fifteen seconds, `offset 1d` 24 minutes."""
    return re.sub(r"\b(\d+)([dhm])\b", lambda found: _shorter(int(found[1]), found[2]), text)


def _shorter(number: int, unit: str) -> str:
    times, shorter = _SHORTER[unit]
    return f"{number * int(times)}{shorter}"


class Prometheus:
    """A Prometheus on a free port that scrapes one dlrhub twice a second."""

    def __init__(self, folder: Path, target: str, token: str) -> None:
        """Write its configuration."""
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "rules").mkdir(parents=True)
        for path in RULES:
            (folder / "rules" / path.name).write_text(hasten(path.read_text(encoding="utf-8")), encoding="utf-8")
        (folder / "token").write_text(token, encoding="ascii")
        config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
        config["global"] = {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "1s"}
        config["global"]["external_labels"] = {"runbook": "https://runbook.example/operating.md"}
        [job] = config["scrape_configs"]
        job["authorization"]["credentials_file"] = str(folder / "token")
        del job["dns_sd_configs"]
        job["static_configs"] = [{"targets": [target]}]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")

    def ask(self, path: str, **parameters: str | float) -> Any:
        """Call its HTTP API, and return the data of the answer."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{parameters}: {error.read().decode()}") from None

    def firing(self, name: str) -> Sequence[dict[str, Any]]:
        """Return the firing alerts of this name."""
        alerts: list[dict[str, Any]] = self.ask("alerts")["alerts"]
        return [alert for alert in alerts if alert["labels"]["alertname"] == name and alert["state"] == "firing"]

    def __enter__(self) -> Self:
        """Start, and return once it answers."""
        command = [
            "prometheus",
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        log = self._folder / "log"
        with log.open("wb") as file:
            self._process = subprocess.Popen(command, stdout=file, stderr=file)
        try:
            wait_until(self._is_ready, seconds=_START_SECONDS, shown=log.read_text)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Kill it."""
        self.stop()

    def stop(self) -> None:
        """Kill it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=10) as answer:
                return bool(answer.status == HTTPStatus.OK)
        except OSError:
            return False
