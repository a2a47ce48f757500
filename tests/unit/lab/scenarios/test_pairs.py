"""Pairs of a change and an attack: alike on one tag to the last digit, and everything else as the plant says."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from twinvouch.lab.scenarios import world as worlds
from twinvouch.lab.scenarios.pairs import CHANGES, LARGE, Paired, paired
from twinvouch.lab.scenarios.settings import settings

pytest.importorskip("wntr")
SHORT = replace(settings(), training_days=30, test_days=45, events=8)


@pytest.fixture(scope="module")
def made() -> Iterator[list[Paired]]:
    kept = dict(worlds._KEPT)
    yield [paired("net3", 0, SHORT)]
    worlds._KEPT.clear()
    worlds._KEPT.update(kept)


def test_the_touched_tag_is_alike_and_in_the_attack_no_other_moved(made: list[Paired]) -> None:
    for of in made:
        for pair in of.pairs:
            quiet = of.undisturbed.values[pair.start : pair.end]
            assert np.array_equal(pair.attacked[:, pair.touched], pair.changed[:, pair.touched])
            others = np.arange(quiet.shape[1]) != pair.touched
            assert np.array_equal(pair.attacked[:, others], quiet[:, others])


def test_in_the_change_the_rest_of_the_plant_follows(made: list[Paired]) -> None:
    large = [(of, pair) for of in made for pair in of.pairs if pair.counts]
    assert large
    for of, pair in large:
        quiet = of.undisturbed.values[pair.start : pair.end]
        moved = (pair.changed != quiet).any(axis=0)
        assert moved.sum() > 1


def test_sizes_are_departures_in_the_unit_of_scenarios(made: list[Paired]) -> None:
    sd = worlds.commissioned("net3", SHORT).plant.sd
    for of in made:
        for pair in of.pairs:
            quiet = of.undisturbed.values[pair.start : pair.end, pair.touched]
            away = np.abs(pair.attacked[:, pair.touched] - quiet).max()
            assert pair.size == pytest.approx(away / sd[pair.touched] if away else 0.0)
            assert pair.counts == (pair.size >= LARGE)


def test_kinds_come_evenly_and_nothing_but_the_plant_is_undisturbed(made: list[Paired]) -> None:
    for of in made:
        kinds = [pair.change for pair in of.pairs]
        assert set(kinds) == set(CHANGES)
        assert max(map(kinds.count, kinds)) - min(map(kinds.count, kinds)) <= 1
        assert [pair.start for pair in of.pairs] == sorted(pair.start for pair in of.pairs)
        ids = of.undisturbed.ids
        shown = [n for n, tag in enumerate(ids) if tag.endswith(("-below", "-above"))]
        assert (np.ptp(of.undisturbed.values[:, shown], axis=0) == 0).all()


def test_a_set_point_is_shown_by_the_change_alone(made: list[Paired]) -> None:
    pairs = [(of, p) for of in made for p in of.pairs if p.change == "setpoint"]
    for of, pair in pairs:
        ids = of.undisturbed.ids
        shown = [n for n, tag in enumerate(ids) if tag.endswith(("-below", "-above"))]
        quiet = of.undisturbed.values[pair.start : pair.end][:, shown]
        assert (pair.changed[:, shown] != quiet).any()
        assert np.array_equal(pair.attacked[:, shown], quiet)


def test_a_seed_decides_everything() -> None:
    shorter = replace(SHORT, test_days=15, events=2)
    one, again, other = (paired("net3", seed, shorter) for seed in (1, 1, 2))
    assert one.pairs
    assert [p.touched for p in again.pairs] == [p.touched for p in one.pairs]
    assert all(
        np.array_equal(a.changed, b.changed) for a, b in zip(again.pairs, one.pairs, strict=True)
    )
    assert not np.array_equal(one.undisturbed.values, other.undisturbed.values)
