"""
A real Apache Kafka for tests: one broker in one JVM, on free loopback ports, that can be stopped, killed and frozen.

Fixtures (`tests/sinks/kafka/fixtures.py`; every test under `tests/` has them, no import needed):

    kafka           bootstrap servers of a broker that all tests share: use topic names of your own, break nothing.
                    It is the one that `KAFKA_BOOTSTRAP_SERVERS` names, where that is set.
    kafka_broker    a `Broker` for this test alone, to stop, kill or freeze
    kafka_of_module a `Broker` for the tests of one module, to freeze and kill and leave running
    kafka_cluster   a `Cluster` of three for this test alone: RF 3, min.insync.replicas 2
    kafka_security, kafka_secured   a `Security`, and a shared `Broker` with TLS and SASL listeners beside the plain one

A `Broker` starts in about 3 s and takes about 200 MB. Everything here blocks: in a test that has a loop running, say
`await asyncio.to_thread(broker.start)`. Topics are never made by themselves. The JVM compiles little: it starts
fast, and for some minutes serves faster than a broker whose compiler has one of two cores.
"""

import secrets
import signal
import socket
import struct
import subprocess
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
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


class Broker:
    """
    One Kafka process, broker and controller together; its ports and its data outlive a stop, a kill and a start.

    `voters` are the controller ports of the whole cluster by node id, `settings` go over the defaults above.
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
        """Choose ports and format the storage; nothing runs yet."""
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
        """Return host:port of the listener for a protocol; the three others are there with `security` only."""
        return f"127.0.0.1:{self._ports[protocol]}"

    @property
    def bootstrap(self) -> str:
        """The listener for clients without TLS or SASL."""
        return self.address()

    def start(self, *, timeout_seconds: float = 60) -> None:
        """Start, the first time or again, and return once it answers."""
        self.launch()
        self.wait_until_answering(timeout_seconds=timeout_seconds)

    def launch(self) -> None:
        """Start without waiting."""
        assert self.process is None, "it runs"
        with self.log.open("ab") as log:
            command = java("kafka.Kafka", str(self._config))
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def wait_until_answering(self, *, timeout_seconds: float = 60) -> None:
        """Return once clients are served: a broker opens its ports to them when it has joined its cluster."""
        deadline = time.monotonic() + timeout_seconds
        while not self.answers():
            assert self.process
            assert self.process.poll() is None, f"Kafka ended:\n{self._log_end()}"
            assert time.monotonic() < deadline, f"no answer in {timeout_seconds} s:\n{self._log_end()}"
            time.sleep(0.05)

    def _log_end(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]

    def answers(self) -> bool:
        """Whether it replies to an ApiVersions request (version 0, correlation id 1, client id `x`)."""
        request = struct.pack(">ihhihs", 11, 18, 0, 1, 1, b"x")
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._ports["PLAINTEXT"]), timeout=1) as client:
            client.sendall(request)
            return len(client.recv(4)) > 0
        return False

    def stop(self, *, timeout_seconds: float = 30) -> None:
        """Ask it to end (SIGTERM), and return when it has; a frozen one goes on first."""
        if self.process:
            self.resume()
            self.process.terminate()
            self.process.wait(timeout_seconds)
            self.process = None

    def kill(self) -> None:
        """End it at once (SIGKILL), frozen or not."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections stay open, and nothing answers."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        assert self.process
        self.process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill: whoever leaves has no more use for the data."""
        self.kill()


def java(main: str, *arguments: str) -> list[str]:
    """Return the command that runs a class of Kafka's; raises `KafkaMissingError` if there is no Kafka."""
    log_level = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    return ["java", *_QUICK_START, log_level, "-cp", f"{fetch()}/*", main, *arguments]


def new_cluster_id() -> str:
    """Return a random id in Kafka's spelling of a UUID."""
    return urlsafe_b64encode(b"\x01" + secrets.token_bytes(15)).decode().rstrip("=")


def free_ports(count: int) -> list[int]:
    """
    Return ports on which nothing listens.

    They are below those that the system gives to outgoing connections: a stopped broker finds its own again.
    """
    ports: list[int] = []
    while len(ports) < count:
        port = 20_000 + secrets.randbelow(12_000)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            ports += [port] if port not in ports else []
    return ports
