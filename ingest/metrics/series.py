"""
Counts in each process, and adds up the processes' values for Prometheus.

A process counts in dictionaries, which costs a fraction of a microsecond, and sends a snapshot to the supervisor once a
second. The supervisor adds up the values of its children, and keeps the counts of those that have ended. So a scrape
sees the whole program, however many workers there are, and a counter never goes back while the supervisor lives.
"""

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

Labels: TypeAlias = tuple[str, ...]
#: Values by metric name: pairs of labels and value, as they go through JSON.
Snapshot: TypeAlias = Mapping[str, Sequence[tuple[Sequence[str], Any]]]

_Family: TypeAlias = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class Series(ABC):
    """A metric: its name as Prometheus shows it (without `_total`), its labels, and its values in this process."""

    kind: type[_Family]
    #: Whether the value of a process still counts when the process has ended.
    outlives_process = True

    def __init__(self, name: str, documentation: str, labels: Sequence[str] = ()) -> None:
        self.name = name
        self.documentation = documentation
        self.labels = labels
        self.values: dict[Labels, Any] = {}

    @abstractmethod
    def merge(self, values: Sequence[Any]) -> Any:
        """Combine the values of several processes for the same labels."""

    def sample(self, family: Any, labels: Sequence[str], value: Any) -> None:
        """Add one series to the family."""
        family.add_metric(labels, value)


class Counter(Series):
    """A counter: a number that only grows."""

    kind = CounterMetricFamily

    def add(self, *labels: str, by: float = 1) -> None:
        """Count."""
        self.values[labels] = self.values.get(labels, 0) + by

    def merge(self, values: Sequence[float]) -> float:
        """Add up."""
        return sum(values)


class Gauge(Series):
    """A number that goes up and down; `combine` is the function that combines the values of several processes."""

    kind = GaugeMetricFamily
    outlives_process = False

    def __init__(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str] = (),
        combine: Callable[[Iterable[float]], float] = sum,
    ) -> None:
        super().__init__(name, documentation, labels)
        self.combine = combine

    def set(self, value: float, *labels: str) -> None:
        """Set."""
        self.values[labels] = value

    def merge(self, values: Sequence[float]) -> float:
        """Combine."""
        return self.combine(values)


class Histogram(Series):
    """
    A distribution over `buckets`, given by their upper bounds.

    Its value is a list: the count of each bucket, the count beyond the last bucket, and the sum of the observations.
    """

    kind = HistogramMetricFamily

    def __init__(self, name: str, documentation: str, labels: Sequence[str], buckets: Sequence[float]) -> None:
        super().__init__(name, documentation, labels)
        self.buckets = buckets

    def observe(self, value: float, *labels: str) -> None:
        """Count one value in its bucket, and add it to the sum."""
        counts = self.values.get(labels)
        if counts is None:
            counts = self.values[labels] = [0] * (len(self.buckets) + 2)
        counts[bisect_left(self.buckets, value)] += 1
        counts[-1] += value

    def merge(self, values: Sequence[Sequence[float]]) -> list[float]:
        """Add up."""
        return [sum(column) for column in zip(*values, strict=True)]

    def sample(self, family: HistogramMetricFamily, labels: Sequence[str], value: Sequence[float]) -> None:
        """Add one series to the family, with cumulative buckets."""
        total = 0.0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip([*map(str, self.buckets), "+Inf"], value[:-1], strict=True):
            total += count
            buckets.append((bound, total))
        family.add_metric(labels, buckets, sum_value=value[-1])


def snapshot(metrics: Iterable[Series]) -> Snapshot:
    """Return this process' values."""
    return {metric.name: list(metric.values.items()) for metric in metrics}


class Totals(Collector):
    """The sums of all processes' snapshots of `metrics`, as a `prometheus_client` collector."""

    def __init__(self, metrics: Iterable[Series]) -> None:
        self._metrics = list(metrics)
        self._running: dict[str, Snapshot] = {}
        self._ended: dict[str, dict[Labels, Any]] = {metric.name: {} for metric in self._metrics}

    def update(self, process: str, values: Snapshot) -> None:
        """Replace the values of a running process."""
        self._running[process] = values

    def end(self, process: str) -> None:
        """Add the counts of a process that has ended to those of earlier ones, and drop its gauges."""
        last = self._running.pop(process, {})
        for metric in self._metrics:
            if metric.outlives_process:
                ended = self._ended[metric.name]
                for labels, value in _pairs(last, metric.name):
                    ended[labels] = metric.merge([ended[labels], value]) if labels in ended else value

    def sum_of(self, metric: Counter | Gauge) -> float:
        """Return the sum of a metric's values over all labels and processes."""
        return float(sum(value for parts in self._parts(metric).values() for value in parts))

    def values(self, metric: Series) -> dict[Labels, Any]:
        """Return a metric's values over all processes, by labels."""
        return {labels: metric.merge(parts) for labels, parts in self._parts(metric).items()}

    def collect(self) -> Iterator[Metric]:
        """Yield every metric with its values over all processes."""
        for metric in self._metrics:
            family = metric.kind(metric.name, metric.documentation, labels=metric.labels)
            for labels, value in self.values(metric).items():
                metric.sample(family, labels, value)
            yield family

    def _parts(self, metric: Series) -> dict[Labels, list[Any]]:
        """Return each process' values of a metric, by labels."""
        found: dict[Labels, list[Any]] = {labels: [value] for labels, value in self._ended[metric.name].items()}
        for values in self._running.values():
            for labels, value in _pairs(values, metric.name):
                found.setdefault(labels, []).append(value)
        return found


def _pairs(values: Snapshot, name: str) -> Iterator[tuple[Labels, Any]]:
    return ((tuple(labels), value) for labels, value in values.get(name, ()))
