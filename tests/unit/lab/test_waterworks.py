"""The virtual plant without network: physics, controller memory, and the numbers of the register table."""

from collections.abc import Callable

import numpy as np
import pytest

from twinvouch.core.errors import UnavailableError, UsageError
from twinvouch.core.inventory import Table
from twinvouch.lab import epanet
from twinvouch.lab.epanet import Network, OfLink, network_file
from twinvouch.lab.net3 import BY_TAG, PERIODS_S, REGISTERS, RUN, SPEED, TICK_S, Source
from twinvouch.lab.waterworks import RefusedWriteError, Waterworks
from twinvouch.wire.words import from_words, to_words, word_count

Policy = Callable[[Waterworks, int], None]


def run_pump(works: Waterworks, *, runs: bool) -> None:
    works.write(Table.COIL, 0, [int(runs)])


def test_the_native_control_keeps_the_tanks_when_nobody_commands() -> None:
    works = Waterworks()
    levels = []
    for _ in range(2 * 24 * 60):
        works.tick()
        levels.append(works.truth().levels)
    low, high = np.min(levels, axis=0), np.max(levels, axis=0)
    assert (low > [0.03, 1.98, 1.21]).all()
    assert (high < [9.79, 12.29, 10.83]).all()
    assert not works.truth().runs
    works.close()


def test_a_commanded_pump_stays_as_commanded_and_moves_water() -> None:
    works = Waterworks()
    run_pump(works, runs=True)
    assert works.value("pump-10/flow") > 500
    for _ in range(20 * 60):  # past the hours at which the network file would switch it off
        works.tick()
    assert works.value(RUN) == 1
    run_pump(works, runs=False)
    assert works.value("pump-10/flow") == pytest.approx(0, abs=1e-3)
    works.close()


def test_speed_is_kept_while_the_pump_rests_and_used_when_it_starts() -> None:
    works = Waterworks()
    words = to_words(1.1, BY_TAG[SPEED].point)
    works.write(Table.HOLDING, 0, words)
    assert works.value("pump-10/flow") == pytest.approx(0, abs=1e-3)
    run_pump(works, runs=True)
    works.tick()
    fast = works.truth().discharge
    works.write(Table.HOLDING, 0, to_words(0.9, BY_TAG[SPEED].point))
    works.tick()
    assert works.truth().discharge < fast - 30
    works.close()


def test_two_plants_with_the_same_writes_are_equal_to_the_last_bit() -> None:
    def story() -> list[object]:
        works = Waterworks()
        seen: list[object] = []
        for tick in range(200):
            if tick % 50 == 10:
                run_pump(works, runs=tick % 100 == 10)
            works.tick()
            seen.append(works.truth())
        works.close()
        return seen

    assert story() == story()


def test_memory_holds_the_last_computed_values() -> None:
    works = Waterworks()
    before = [
        works.read(r.point.table, r.point.address, word_count(r.point.encoding)) for r in REGISTERS
    ]
    again = [
        works.read(r.point.table, r.point.address, word_count(r.point.encoding)) for r in REGISTERS
    ]
    assert before == again
    for register, words in zip(REGISTERS, before, strict=True):
        step = max(register.point.scale, abs(works.value(register.tag)) * 1e-6)
        assert from_words(words, register.point) == pytest.approx(
            works.value(register.tag), abs=step
        )
    works.close()


@pytest.mark.parametrize(
    ("table", "address", "words", "code"),
    [
        (Table.COIL, 1, [0], 2),  # pump 335 belongs to the plant
        (Table.COIL, 7, [0], 2),
        (Table.INPUT, 0, [0, 0], 2),
        (Table.HOLDING, 0, [1, 2], 2),
        (Table.COIL, 0, [2], 3),
    ],
)
def test_writes_that_mean_nothing_are_refused(
    table: Table, address: int, words: list[int], code: int
) -> None:
    works = Waterworks()
    before = works.truth()
    with pytest.raises(RefusedWriteError) as refused:
        works.write(table, address, words)
    assert refused.value.code == code
    assert works.truth() == before
    works.close()


def test_no_register_overlaps_another() -> None:
    places = [
        (r.point.table, r.point.address + at)
        for r in REGISTERS
        for at in range(word_count(r.point.encoding))
    ]
    assert len(places) == len(set(places))
    assert len(REGISTERS) >= 28
    assert {r.group for r in REGISTERS} == set(PERIODS_S)


def _always(*, runs: bool) -> Policy:
    return lambda works, tick: run_pump(works, runs=runs) if tick == 0 else None


def _flap(works: Waterworks, tick: int) -> None:
    if tick % 15 == 0:
        run_pump(works, runs=tick % 30 == 0)


def _speeds(works: Waterworks, tick: int) -> None:
    if tick % 30 == 0:
        run_pump(works, runs=True)
        speed = (0.8, 1.1, 0.95, 1.0)[tick // 30 % 4]
        works.write(Table.HOLDING, 0, to_words(speed, BY_TAG[SPEED].point))


@pytest.mark.parametrize("policy", [_always(runs=False), _always(runs=True), _flap, _speeds])
def test_survey_clean_runs_stay_inside_ranges_and_rates(policy: Policy) -> None:
    """A day here; the table's numbers come from eight."""
    works = Waterworks()
    seen = []
    for tick in range(24 * 60):
        policy(works, tick)
        works.tick()
        seen.append([works.value(r.tag) for r in REGISTERS])
    works.close()
    values = np.array(seen)
    low = np.array([r.low for r in REGISTERS])
    high = np.array([r.high for r in REGISTERS])
    assert ((values >= low) & (values <= high)).all()
    steps = np.abs(np.diff(values, axis=0)).max(axis=0)
    for register, step in zip(REGISTERS, steps, strict=True):
        if register.source not in {Source.RUN, Source.SPEED}:
            assert step / TICK_S * 2 <= register.rate, register.tag  # two steps in one tick's time


def test_misuse_of_epanet_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(network_file("Net3"), 60)
    network.start()
    with pytest.raises(UsageError, match="not a finite number"):
        network.set_link(network.link("10"), OfLink.SETTING, float("nan"))
    with pytest.raises(UsageError, match="error 204"):
        network.link("no such pump")
    network.close()
    network.close()
    monkeypatch.setattr(epanet, "find_spec", lambda _: None)
    with pytest.raises(UnavailableError, match=r"pip install 'twinvouch\[lab\]'"):
        network_file("Net3")
