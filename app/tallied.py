"""What is counted in the database, as Prometheus reads it."""

from collections import defaultdict
from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from app.store.tallies import COUNTED, TIMED, Counted, Series, Timed
from app.store.tallies.count import ABOVE, COUNT, SUM
from app.store.tallies.kinds import BOUNDS_S


class Tallied(Collector):
    """The series of one scrape."""

    def __init__(self, series: Iterable[Series]) -> None:
        self._series: defaultdict[str, list[Series]] = defaultdict(list)
        for each in series:
            self._series[each.metric].append(each)

    def collect(self) -> Iterable[Metric]:
        """Every metric; what an older release counted, or a newer one, is left out."""
        for counted in COUNTED:
            yield self._counter(counted)
        for timed in TIMED:
            yield self._histogram(timed)

    def _counter(self, kind: Counted) -> Metric:
        family = CounterMetricFamily(kind.name, kind.says, labels=kind.labels)
        for series in self._of(kind):
            family.add_metric(series.labels, series.parts.get(COUNT, 0.0))
        return family

    def _histogram(self, kind: Timed) -> Metric:
        family = HistogramMetricFamily(kind.name, kind.says, labels=kind.labels)
        for series in self._of(kind):
            buckets, below = [], 0.0
            for bound in (*(str(each) for each in BOUNDS_S), ABOVE):
                below += series.parts.get(bound, 0.0)
                buckets.append((bound, below))
            family.add_metric(series.labels, buckets, series.parts.get(SUM, 0.0))
        return family

    def _of(self, kind: Counted | Timed) -> list[Series]:
        fitting = len(kind.labels)
        return [each for each in self._series[kind.name] if len(each.labels) == fitting]
