"""A twin beside the plant: levels as it predicts them are further tags, near the truth of a quiet plant and not the plant's own noise."""

from dataclasses import replace

import numpy as np
import pytest

from twinvouch.lab.scenarios import world as worlds
from twinvouch.lab.scenarios.settings import settings
from twinvouch.lab.scenarios.twin import beside
from twinvouch.lab.scenarios.world import world

pytest.importorskip("wntr")
SHORT = replace(settings(), training_days=10, test_days=45, events=8)


def test_a_twin_tells_levels_with_errors_of_its_own() -> None:
    kept = dict(worlds._KEPT)
    made = world("net3", 3, SHORT)
    with_twin = beside(made, SHORT)
    worlds._KEPT.clear()
    worlds._KEPT.update(kept)
    width = len(made.test.ids)
    added = with_twin.test.ids[width:]
    assert added == ("twin/tank-1/level", "twin/tank-2/level", "twin/tank-3/level")
    assert np.array_equal(with_twin.test.values[:, :width], made.test.values, equal_nan=True)
    assert with_twin.assets[width:] == ("twin",) * 3
    assert with_twin.training.ids == with_twin.test.ids
    levels = [made.test.ids.index(name.removeprefix("twin/")) for name in added]
    measured, told = made.training.values[:, levels], with_twin.training.values[:, width:]
    assert not np.array_equal(measured, told)
    apart = np.abs(measured - told).mean(axis=0)
    assert (apart < np.ptp(measured, axis=0) / 2).all()
    again = beside(made, SHORT)
    assert np.array_equal(again.test.values, with_twin.test.values, equal_nan=True)
