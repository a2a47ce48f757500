"""C29: who sets a clock is found, and time goes on."""

from typing import Any

import pytest

from tests.claims.site import Toy
from twinvouch.core.event import Append, Effect, Publish, Started, Tick
from twinvouch.core.site import SECOND
from twinvouch.verifier.entry import read_heading

HOUR = 3600 * SECOND


class Monotonic:
    """The other clock of the core."""

    now = HOUR


def tick(toy: Toy, wall_s: float, monotonic_s: float) -> list[Effect]:
    """Time passes on both clocks of the core."""
    toy.now += round(wall_s * SECOND)
    Monotonic.now += round(monotonic_s * SECOND)
    return list(toy.core.feed(Tick(toy.salt(), toy.now, Monotonic.now), toy.now))


def kinds(effects: list[Effect]) -> list[str]:
    headings = [read_heading(e.entry) for e in effects if isinstance(e, Append)]
    return [h.name for h in headings if h is not None]


def found(effects: list[Effect]) -> list[str]:
    return [e.body["rule"] for e in effects if isinstance(e, Publish) and e.topic == "finding"]


def test_c29_a_step_of_the_cores_clock_is_an_entry_and_a_finding(toy: Toy) -> None:
    tick(toy, 1, 1)
    assert found(tick(toy, 1, 1)) == []
    assert found(tick(toy, 1.3, 1)) == [], "slewed"
    effects = tick(toy, 1 + 3600, 1)
    assert kinds(effects)[:2] == ["clock", "finding"]
    assert found(effects)[0] == "wall_step"
    assert "wall_step" not in found(tick(toy, 1, 1))


def test_c29_time_in_the_ledger_never_runs_back_and_never_stands_still(toy: Toy) -> None:
    tick(toy, 1, 1)
    before = toy.memory.now_ns
    assert found(tick(toy, 1 - 100, 1))[0] == "wall_step"
    times = []
    for _ in range(220):
        tick(toy, 1, 1)
        times.append(toy.memory.now_ns)
    assert times == sorted(times)
    assert times[0] > before
    assert times[99] == before + 50 * SECOND + SECOND // 2, "half speed while it is behind"
    assert times[-1] == toy.now, "and caught up with after twice the step"


def test_c29_labels_expire_although_the_clock_was_set_back(toy: Toy) -> None:
    tick(toy, 1, 1)
    toy.now += SECOND
    assert toy.read().code == 200
    (tag, *_) = [t for t in toy.memory.frame.ids if toy.memory.frame.value(t) is not None]
    assert toy.memory.label([tag]).axes.min() > 0
    tick(toy, -3600, 1)
    age = max(g.max_age_ns for g in toy.memory.site.plant.groups.values()) // SECOND
    for _ in range(2 * age + 4):
        tick(toy, 1, 1)
    assert toy.memory.label([tag]).axes.min() == 0, "in at most twice its time"


def test_c29_clocks_of_another_boot_are_not_compared(toy: Toy) -> None:
    tick(toy, 1, 1)
    site = toy.memory.site
    toy.core.feed(Started(toy.salt(), site.config_digest, site.policy.digest, "b"), toy.now)
    assert "wall_step" not in found(tick(toy, 3600, -0.5))
    assert "wall_step" in found(tick(toy, 3600, 1))


@pytest.mark.parametrize("hours", [-2, -1, 1, 2])
def test_c29_an_edge_whose_clock_jumps_is_found(toy: Toy, hours: int) -> None:
    def read(error: int) -> list[str]:
        toy.now += SECOND
        but: Any = {"t_ns": [toy.now - SECOND // 10 + error]}
        before = len(toy.rules())
        assert toy.read(**but).code == 200
        return toy.rules()[before:]

    for _ in range(4):
        assert "clock_jump" not in read(0)
    assert "clock_jump" in read(hours * HOUR)
    assert "clock_jump" not in read(hours * HOUR)
