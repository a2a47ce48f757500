"""`bench continuity`: what it counts, and that it can fail."""

from functools import lru_cache

import numpy as np
import pytest

from twinvouch.app.bench import continuity
from twinvouch.app.virtual_calibration import Calibrated
from twinvouch.core.virtual import Curve
from twinvouch.lab.continuity import play
from twinvouch.lab.continuity.site import site
from twinvouch.lab.continuity.tank import LARGE, SMALL, Tank

WHOLE = frozenset[str]()


@lru_cache(maxsize=1)
def curves() -> Calibrated:
    return continuity.learned(SMALL, range(1_000, 1_006))


def played(curve: Curve, seed: int = 1) -> play.Outcome:
    of = site(SMALL, {WHOLE: curve})
    return play.play(SMALL, of, seed, continuity.Hands(of.plant))


def test_a_small_tank_goes_on_by_its_meters_for_hours_after_its_level_is_distrusted() -> None:
    outcome = continuity.one(SMALL, curves(), 1)
    assert (len(outcome.supervised), all(outcome.supervised)) == (4 * play.HOUR, True)
    assert outcome.violations == 0
    assert outcome.permitted > 10
    assert np.mean([hit for _, hit in outcome.inside]) > 0.9
    assert outcome.blind_h == pytest.approx(15.0, abs=0.1), "after the longest time"
    assert continuity.one(SMALL, curves(), 1) == outcome, "a run depends on its seed alone"


def test_curves_that_are_too_narrow_do_not_cover() -> None:
    narrow = Curve((1.0, 16.0), (0.0, 0.0))
    assert np.mean([hit for _, hit in played(narrow, 2).inside]) < 0.9


def test_curves_that_are_too_wide_are_blind_and_the_asset_steps_down() -> None:
    outcome = played(Curve((1.0, 16.0), (1.5, 2.0)))
    assert 0 < outcome.blind_h < 2
    assert not all(outcome.supervised)
    figures = continuity._figures([outcome])
    assert figures["continuity"] < 0.95
    assert figures["blind_before_the_end"] == 1


def test_a_tank_keeps_its_own_balance() -> None:
    for design in (LARGE, SMALL):
        tank = Tank(design, 3)
        for step in range(50):
            before = tank.level
            tank.step(runs=step % 2 == 0)
            moved = (tank.level - before) * tank._area
            assert moved == pytest.approx((tank.inflow - tank.outflow - tank._leak) / 12, abs=1e-9)
