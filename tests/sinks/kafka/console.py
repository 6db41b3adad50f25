"""Reads a topic with Kafka's own console consumer, which shares no code with dlrhub."""

import subprocess
from typing import NamedTuple

from tests.sinks.kafka.broker import java

_SHOWN = ("print.headers=true", "print.key=true", "headers.separator=,")


class Message(NamedTuple):
    """One record as the console consumer prints it."""

    headers: dict[str, str]
    key: str
    value: str


def read_topic(bootstrap: str, topic: str, *, most: int, wait_seconds: float = 20) -> list[Message]:
    """Return up to `most` records of a topic from its start; fewer when none came for `wait_seconds`."""
    shown = [part for name in _SHOWN for part in ("--formatter-property", name)]
    command = java(
        "org.apache.kafka.tools.consumer.ConsoleConsumer",
        *("--bootstrap-server", bootstrap, "--topic", topic, "--from-beginning"),
        *("--max-messages", str(most), "--timeout-ms", str(int(wait_seconds * 1000))),
        *shown,
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=wait_seconds + 60)
    timed_out = "TimeoutException" in done.stderr
    assert done.returncode == 0 or timed_out, done.stderr
    return [_message(line) for line in done.stdout.splitlines()]


def _message(line: str) -> Message:
    headers, key, value = line.split("\t", 2)
    pairs = [] if headers == "NO_HEADERS" else [pair.split(":", 1) for pair in headers.split(",")]
    return Message(dict(pairs), key, value)
