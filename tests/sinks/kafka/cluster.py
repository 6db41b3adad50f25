"""Three brokers that hold each other's data, for the tests in which one or two of them fail."""

from pathlib import Path
from types import TracebackType
from typing import Self

from tests.sinks.kafka.broker import Broker, free_ports, new_cluster_id

_SETTINGS = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
}


class Cluster:
    """
    Brokers 1, 2 and 3, each a voter of the controllers' quorum: two suffice for everything, one for nothing.

    They start in about 6 s and take about 600 MB.
    """

    def __init__(self, folder: Path) -> None:
        """Choose ports and format the storage of all three; nothing runs yet."""
        voters = dict(enumerate(free_ports(3), start=1))
        cluster_id = new_cluster_id()
        self.brokers = [
            Broker(
                folder / str(node_id),
                node_id=node_id,
                voters=voters,
                settings=_SETTINGS,
                cluster_id=cluster_id,
            )
            for node_id in voters
        ]

    @property
    def bootstrap(self) -> str:
        """All three, as a client is told."""
        return ",".join(broker.bootstrap for broker in self.brokers)

    def start(self, *, timeout_seconds: float = 90) -> None:
        """Start those that don't run, and return once each answers."""
        for broker in self.brokers:
            if broker.process is None:
                broker.launch()
        for broker in self.brokers:
            broker.wait_until_answering(timeout_seconds=timeout_seconds)

    def kill(self) -> None:
        """End all at once (SIGKILL)."""
        for broker in self.brokers:
            broker.kill()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill: whoever leaves has no more use for the data."""
        self.kill()
