"""Families of metrics as Prometheus reads them: every name with its help in one table a process, and few series.

Label values may come from elsewhere: control characters are made visible, the exposition escapes the rest. No
family has more than MOST series, whatever floods in: what is beyond is one series `(other)`.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from twinvouch.app.terminal import safe

MOST: Final = 500
OTHER: Final = "(other)"
Labels = tuple[str, ...]


def counter(name: str, help_: str, value: float) -> Metric:
    """A number that only grows while the process runs."""
    return CounterMetricFamily(name, help_, value=value)


def gauge(name: str, help_: str, value: float) -> Metric:
    """A number that goes up and down."""
    return GaugeMetricFamily(name, help_, value=value)


def counters(name: str, help_: str, labels: Labels, rows: Iterable[tuple[Labels, float]]) -> Metric:
    """A counter for each row of label values."""
    family = CounterMetricFamily(name, help_, labels=labels)
    for values, number in bounded(rows).items():
        family.add_metric(values, number)
    return family


def gauges(name: str, help_: str, labels: Labels, rows: Iterable[tuple[Labels, float]]) -> Metric:
    """A gauge for each row of label values."""
    family = GaugeMetricFamily(name, help_, labels=labels)
    for values, number in list(bounded(rows, add=False).items()):
        family.add_metric(values, number)
    return family


def ending(name: str, of: Mapping[str, str], ends: Mapping[str, float]) -> Metric:
    """How long certificates hold; `ends` says of each when it ends, s since 1970, `of` are labels of all of them."""
    return gauges(
        name,
        "Until a certificate in use, or the list of revoked ones, ends; below 0 once it has.",
        (*of, "certificate"),
        [((*of.values(), what), at_s - time.time()) for what, at_s in ends.items()],
    )


def bounded(rows: Iterable[tuple[Labels, float]], *, add: bool = True) -> Mapping[Labels, float]:
    """At most MOST rows, harmless: the rest is added up under OTHER, or left out where a sum means nothing."""
    kept: dict[Labels, float] = {}
    for labels, number in rows:
        values = tuple(safe(value)[:200] for value in labels)
        if values not in kept and len(kept) >= MOST - 1:
            if not add:
                continue
            values = (OTHER,) * len(labels)
        kept[values] = kept.get(values, 0.0) + number if add else number
    return kept
