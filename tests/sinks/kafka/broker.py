"""
A real Apache Kafka for tests: one broker in one JVM, on free loopback ports, that can be stopped, killed and frozen.

A broker starts in about 3 s and takes about 200 MB. All methods block: an async test calls
`await asyncio.to_thread(broker.start)`. Topics are not created automatically. The JVM's compiler is limited, since it would
take one of two cores for some minutes.
"""

import secrets
import signal
import socket
import struct
import subprocess
import time
from abc import ABC, abstractmethod
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.sinks.kafka.fetch import fetch
from tests.sinks.kafka.security import Security

_QUICK_START = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

_SETTINGS = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "offsets.topic.num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "log.cleaner.dedupe.buffer.size": "4194304",
    "num.network.threads": "2",
    "num.io.threads": "2",
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")


class Started(ABC):
    """Something that a `with` block starts, and kills at its end."""

    @abstractmethod
    def start(self) -> None:
        """Start it, and return once it answers."""

    @abstractmethod
    def kill(self) -> None:
        """End it at once (SIGKILL)."""

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Kill."""
        self.kill()


class Broker(Started):
    """
    One Kafka process, broker and controller together; a restart keeps its ports and its data.

    `voters` are the controller ports of the whole cluster by node id; `settings` override the defaults above.
    """

    def __init__(
        self,
        folder: Path,
        *,
        node_id: int = 1,
        voters: Mapping[int, int] | None = None,
        settings: Mapping[str, str] | None = None,
        security: Security | None = None,
        cluster_id: str | None = None,
    ) -> None:
        """Choose ports and format the storage."""
        self.node_id = node_id
        self.log = folder / "broker.log"
        self.process: subprocess.Popen[bytes] | None = None
        protocols = _PROTOCOLS if security else _PROTOCOLS[:1]
        *ports, controller = free_ports(len(protocols) + 1)
        self._ports = dict(zip(protocols, ports, strict=True))
        self._voters = voters or {node_id: controller}
        self._config = folder / "server.properties"
        folder.mkdir(parents=True)
        own = self._properties(folder / "data") | (security.properties() if security else {})
        self._config.write_text(
            "".join(f"{name}={value}\n" for name, value in (_SETTINGS | own | dict(settings or {})).items()),
            encoding="utf-8",
        )
        self._format(cluster_id or new_cluster_id(), security.format_options() if security else [])

    def _properties(self, data: Path) -> dict[str, str]:
        advertised = ",".join(f"{name}://{self.address(name)}" for name in self._ports)
        return {
            "node.id": str(self.node_id),
            "log.dirs": str(data),
            "listeners": f"{advertised},CONTROLLER://127.0.0.1:{self._voters[self.node_id]}",
            "advertised.listeners": advertised,
            "listener.security.protocol.map": ",".join(f"{name}:{name}" for name in _PROTOCOLS)
            + ",CONTROLLER:PLAINTEXT",
            "controller.quorum.voters": ",".join(f"{node}@127.0.0.1:{port}" for node, port in self._voters.items()),
        }

    def _format(self, cluster_id: str, options: Sequence[str]) -> None:
        command = java("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(self._config), *options)
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout

    def address(self, protocol: str = "PLAINTEXT") -> str:
        """Return host:port of the listener for a protocol; without `security` there is only PLAINTEXT."""
        return f"127.0.0.1:{self._ports[protocol]}"

    @property
    def bootstrap(self) -> str:
        """The listener for clients without TLS or SASL."""
        return self.address()

    def start(self) -> None:
        """Start, and return once it answers."""
        self.launch()
        self.wait_until_answering()

    def launch(self) -> None:
        """Start without waiting."""
        assert self.process is None, "it runs"
        with self.log.open("ab") as log:
            command = java("kafka.Kafka", str(self._config))
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def wait_until_answering(self, *, timeout_seconds: float = 60) -> None:
        """Return once clients are served."""
        deadline = time.monotonic() + timeout_seconds
        while not self.answers():
            assert self.process
            assert self.process.poll() is None, f"Kafka ended:\n{self._log_end()}"
            assert time.monotonic() < deadline, f"no answer in {timeout_seconds} s:\n{self._log_end()}"
            time.sleep(0.05)

    def _log_end(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]

    def answers(self) -> bool:
        """Tell whether it replies to an ApiVersions request (version 0, correlation id 1, client id `x`)."""
        request = struct.pack(">ihhihs", 11, 18, 0, 1, 1, b"x")
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._ports["PLAINTEXT"]), timeout=1) as client:
            client.sendall(request)
            return len(client.recv(4)) > 0
        return False

    def stop(self) -> None:
        """Ask it to end (SIGTERM), and return when it has."""
        if self.process:
            self.resume()
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def kill(self) -> None:
        """End it at once (SIGKILL), frozen or not."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections stay open, but nothing answers."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Continue it (SIGCONT)."""
        assert self.process
        self.process.send_signal(signal.SIGCONT)


def java(main: str, *arguments: str) -> list[str]:
    """Return the command that runs one of Kafka's classes; raises `KafkaMissingError` if there is no Kafka."""
    log_level = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    return ["java", *_QUICK_START, log_level, "-cp", f"{fetch()}/*", main, *arguments]


def new_cluster_id() -> str:
    """Return a random id in Kafka's spelling of a UUID."""
    return urlsafe_b64encode(b"\x01" + secrets.token_bytes(15)).decode().rstrip("=")


def free_ports(count: int) -> list[int]:
    """
    Return ports on which nothing listens.

    They are below the range of outgoing connections, so that a stopped broker's port stays free.
    """
    ports: list[int] = []
    while len(ports) < count:
        port = 20_000 + secrets.randbelow(12_000)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            ports += [port] if port not in ports else []
    return ports
