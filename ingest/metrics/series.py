"""
Series of one process, kept as plain numbers, and how those of many processes become Prometheus' series.

A process counts in dictionaries, which costs a fraction of a microsecond, and hands a snapshot to the supervisor once a
second; the supervisor adds up what its children count, those that have died included. So a scrape sees the whole
program whatever the number of workers, and a counter never goes back while the supervisor lives.
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
    """A metric: its name, its labels, and its values in this process."""

    kind: type[_Family]
    #: Whether a dead process' value still counts.
    outlives = True

    def __init__(self, name: str, documentation: str, labels: Sequence[str] = ()) -> None:
        """Name a metric as Prometheus will show it (a counter without its `_total`)."""
        self.name = name
        self.documentation = documentation
        self.labels = labels
        self.values: dict[Labels, Any] = {}

    @abstractmethod
    def merge(self, values: Sequence[Any]) -> Any:
        """Make one value of those that several processes have for the same labels."""

    def family(self) -> _Family:
        """Return this metric's empty family."""
        return self.kind(self.name, self.documentation, labels=self.labels)

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
    """A number that goes up and down; `combine` makes one value of several processes'."""

    kind = GaugeMetricFamily
    outlives = False

    def __init__(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str] = (),
        combine: Callable[[Iterable[float]], float] = sum,
    ) -> None:
        """Name a gauge, and say how several processes' values become one."""
        super().__init__(name, documentation, labels)
        self.combine = combine

    def set(self, value: float, *labels: str) -> None:
        """Set."""
        self.values[labels] = value

    def merge(self, values: Sequence[float]) -> float:
        """Combine."""
        return self.combine(values)


class Histogram(Series):
    """A distribution. Its value is a list: the count of each bucket, the count beyond the last bucket, and the sum."""

    kind = HistogramMetricFamily

    def __init__(self, name: str, documentation: str, labels: Sequence[str], buckets: Sequence[float]) -> None:
        """Name a histogram, with the upper bounds of its buckets."""
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
        """Add one series, its buckets as running totals."""
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
    """The values of all processes of one program; a `prometheus_client` collector."""

    def __init__(self, metrics: Iterable[Series]) -> None:
        """Expose `metrics`, of which the processes send snapshots."""
        self._metrics = list(metrics)
        self._living: dict[str, Snapshot] = {}
        self._dead: dict[str, dict[Labels, Any]] = {metric.name: {} for metric in self._metrics}

    def update(self, process: str, values: Snapshot) -> None:
        """Take a living process' newest values."""
        self._living[process] = values

    def bury(self, process: str) -> None:
        """Keep what a dead process counted; its gauges end with it."""
        last = self._living.pop(process, {})
        for metric in self._metrics:
            if metric.outlives:
                buried = self._dead[metric.name]
                for labels, value in _pairs(last, metric.name):
                    buried[labels] = metric.merge([buried[labels], value]) if labels in buried else value

    def sum_of(self, metric: Counter | Gauge) -> float:
        """Return the sum of a metric's values over all labels and processes."""
        return float(sum(value for parts in self._parts(metric).values() for value in parts))

    def values(self, metric: Series) -> dict[Labels, Any]:
        """Return a metric's values over all processes, by labels."""
        return {labels: metric.merge(parts) for labels, parts in self._parts(metric).items()}

    def collect(self) -> Iterator[Metric]:
        """Yield every metric with what all processes have of it."""
        for metric in self._metrics:
            family = metric.family()
            for labels, value in self.values(metric).items():
                metric.sample(family, labels, value)
            yield family

    def _parts(self, metric: Series) -> dict[Labels, list[Any]]:
        """Return what each process has of a metric, by labels."""
        found: dict[Labels, list[Any]] = {labels: [value] for labels, value in self._dead[metric.name].items()}
        for values in self._living.values():
            for labels, value in _pairs(values, metric.name):
                found.setdefault(labels, []).append(value)
        return found


def _pairs(values: Snapshot, name: str) -> Iterator[tuple[Labels, Any]]:
    return ((tuple(labels), value) for labels, value in values.get(name, ()))
