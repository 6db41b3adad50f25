"""Three brokers that replicate each other's data, for the tests in which one or two of them fail."""

from pathlib import Path

from tests.sinks.kafka.broker import Broker, Started, free_ports, new_cluster_id

_SETTINGS = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
}


class Cluster(Started):
    """Brokers 1, 2 and 3, of which two have to run. They start in about 6 s and take about 600 MB."""

    def __init__(self, folder: Path) -> None:
        """Choose ports and format the storage of all three."""
        voters = dict(enumerate(free_ports(3), start=1))
        cluster_id = new_cluster_id()
        self.brokers = [
            Broker(folder / f"{node}", node_id=node, voters=voters, settings=_SETTINGS, cluster_id=cluster_id)
            for node in voters
        ]

    @property
    def bootstrap(self) -> str:
        """The addresses of all three."""
        return ",".join(broker.bootstrap for broker in self.brokers)

    def start(self) -> None:
        """Start those that don't run, and return once each answers."""
        for broker in self.brokers:
            if broker.process is None:
                broker.launch()
        for broker in self.brokers:
            broker.wait_until_answering(timeout_seconds=90)

    def kill(self) -> None:
        """End all at once (SIGKILL)."""
        for broker in self.brokers:
            broker.kill()
