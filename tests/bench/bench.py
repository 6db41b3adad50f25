"""
How fast the whole durable path is, as ratios against a bare aiohttp handler in the same run.

    python tests/bench/bench.py [--rounds 5] [--seconds 5]

Starts `dlrhub run` (one worker, embedded, fsync on) in an empty folder and the bare handler (`bare.py`) beside it,
lets wrk (64 connections, one thread) post the same traffic to both in turn, and prints medians. It ends by asking the
store whether all that was acknowledged is there. Needs wrk.
"""

import argparse
import contextlib
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CONNECTIONS = 64
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True)
class Run:
    """What one run of wrk saw."""

    rate: float
    requests: int
    p50_ms: float
    p99_ms: float
    failed: int


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wrk(port: int, script: str, seconds: int, **environment: str) -> Run:
    """Post a script's traffic for some seconds."""
    command = [
        "wrk",
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{seconds}s",
        "--latency",
        "-s",
        str(HERE / script),
        f"http://127.0.0.1:{port}",
    ]
    seed = str(time.time_ns() // 1_000_000)
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "SEED": seed, **environment}
    )
    text = done.stdout
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


@contextlib.contextmanager
def serving(command: list[str], port: int, **environment: str) -> Iterator[None]:
    """Run a server until the block ends."""
    with subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for(port)
            yield
        finally:
            server.terminate()
            server.wait(15)


def wait_for(port: int) -> None:
    """Wait until something listens on a port, half a minute at most."""
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise SystemExit(f"nothing came to listen on {port}")


def stored(port: int) -> int:
    """Count the reports in the store."""
    with urllib.request.urlopen(
        f"http://127.0.0.1:{port}/?query=SELECT+count()+FROM+dlr.reports", timeout=60
    ) as answer:
        return int(answer.read())


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=int, default=5)
    given = arguments.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("needs wrk (Debian: apt-get install wrk)")
    bare, receiver, admin, query = (free_port() for _ in range(4))
    with tempfile.TemporaryDirectory() as data, contextlib.ExitStack() as servers:
        servers.enter_context(serving([sys.executable, str(HERE / "bare.py"), str(bare)], bare))
        environment = {
            "DLRHUB_DATA_DIR": data,
            "DLRHUB_RECEIVER__LISTEN": f"127.0.0.1:{receiver}",
            "DLRHUB_ADMIN__LISTEN": f"127.0.0.1:{admin}",
            "DLRHUB_QUERY__LISTEN": f"127.0.0.1:{query}",
        }
        servers.enter_context(serving([sys.executable, "-m", "ingest", "run"], receiver, **environment))
        wait_for(query)
        measure(bare, receiver, query, rounds=given.rounds, seconds=given.seconds)


def measure(bare: int, receiver: int, query: int, *, rounds: int, seconds: int) -> None:
    """Run the rounds, one server at a time, and print what they gave."""
    singles: list[tuple[Run, Run]] = []
    for number in range(rounds):
        singles.append((wrk(bare, "single.lua", seconds), wrk(receiver, "single.lua", seconds)))
        settle(query)
        reference, ours = singles[-1]
        print(
            f"round {number + 1}: bare {reference.rate:8.0f}/s   dlrhub {ours.rate:8.0f}/s   ratio {ours.rate / reference.rate:.2f}"
        )
    batches = [wrk(receiver, "batch.lua", seconds) for _ in range(2)]
    settle(query)
    rate = statistics.median(ours.rate for _, ours in singles)
    pace = str(round(1000 * CONNECTIONS / (rate / 2)))
    half = [
        (wrk(bare, "single.lua", seconds, DELAY_MS=pace), wrk(receiver, "single.lua", seconds, DELAY_MS=pace))
        for _ in range(2)
    ]
    acknowledged = sum(ours.requests - ours.failed for _, ours in [*singles, *half]) + 100 * sum(
        batch.requests for batch in batches
    )
    print(
        f"single reports:    {rate:.0f} requests/s, ratio to bare {statistics.median(o.rate / b.rate for b, o in singles):.2f} (median)"
    )
    print(f"arrays of 100:     {100 * statistics.median(batch.rate for batch in batches):.0f} reports/s")
    for reference, ours in half:
        print(
            f"at half that load: p50 {ours.p50_ms:.2f} ms, p99 {ours.p99_ms:.2f} ms at {ours.rate:.0f}/s (bare p99 {reference.p99_ms:.2f} ms)"
        )
    print(f"failed requests:   {sum(ours.failed for _, ours in [*singles, *half])}")
    held = settle(query)
    print(
        f"acknowledged {acknowledged}, stored {held} (wrk drops the answers that are under way when it stops: stored may be more)"
    )
    if held < acknowledged:
        raise SystemExit("LOST: the store holds less than was acknowledged")


def settle(query: int) -> int:
    """Wait until the store has stopped growing; return what it holds."""
    held = -1
    while (now := stored(query)) != held:
        held = now
        time.sleep(1.5)
    return held


if __name__ == "__main__":
    main()
