"""Rows of a data set of faults under both detectors: what `bench tep` and `bench skab` have in common.

An alarm is what it is in `bench detect`: an attack alarm; attack or drift alarms stand beside, and count alike in
detection and in false alarms. The plain ridge is without its hold of 12 hours, which is made for hourly rows.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.table import Table
from twinvouch.lab import plain_ridge
from twinvouch.readings.detect.learn import learn
from twinvouch.readings.detect.score import Scorer
from twinvouch.readings.detect.state import DRIFT, begin

KINDS: Final = ("", "either_", "baseline_")  # prefixes of figures


class Judge:
    """Both detectors, learned from one clean table and frozen."""

    def __init__(self, clean: Table) -> None:
        self._scorer = Scorer(learn(clean))
        self._plain = plain_ridge.fit(clean)

    def alarms(self, table: Table) -> Mapping[str, NDArray[np.bool_]]:
        """Rows bool[R] with an alarm, by prefix of figures; nothing came before the first row."""
        _, scored = self._scorer.score(begin(self._scorer.learned), table.t_ns, table.values)
        alarm = scored.is_alarm
        rows = (alarm.any(axis=1), (alarm | (scored.alarm == DRIFT)).any(axis=1))
        plain = plain_ridge.alarms(self._plain, table, hold_ns=0)
        return dict(zip(KINDS, (*rows, plain), strict=True))
