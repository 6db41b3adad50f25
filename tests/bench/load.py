"""The load: wrk, posting one report or an array of a hundred a request from 64 connections."""

import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CONNECTIONS = 64
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True)
class Run:
    """The result of one run of wrk."""

    rate: float
    requests: int
    p50_ms: float
    p99_ms: float
    failed: int


def wrk(port: int, script: str, seconds: int, *, delay_ms: int = 0) -> Run:
    """Post a script's traffic for some seconds, each connection with this pause between two requests."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(HERE / script)]
    chosen = {"SEED": str(time.time_ns() // 1_000_000), "DELAY_MS": str(delay_ms)}
    text = subprocess.run(
        [*command, f"http://127.0.0.1:{port}"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, **chosen},
    ).stdout
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return Run(
        rate=float(_found(r"Requests/sec:\s+([\d.]+)", text)),
        requests=int(_found(r"(\d+) requests in", text)),
        p50_ms=_milliseconds(_found(r"(?m)^\s+50%\s+(\S+)", text)),
        p99_ms=_milliseconds(_found(r"(?m)^\s+99%\s+(\S+)", text)),
        failed=int(failed[1]) if failed else 0,
    )


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise SystemExit(f"wrk did not say {pattern!r}:\n{text}")
    return match[1]


def _milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()  # type: ignore[union-attr]
    return float(number) * _UNITS[unit]
