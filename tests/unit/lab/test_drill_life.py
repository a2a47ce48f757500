"""Where in its life a command is, by what controller, actuator and plant have written down; and the plant's own control."""

import json
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest

from twinvouch.lab.drill import life, local
from twinvouch.lab.drill.judge import ACTUATOR_JOURNAL, SpentPermits
from twinvouch.lab.drill.site import SETPOINTS, setpoints
from twinvouch.lab.drill.slow_tank import PAUSE, SlowTank
from twinvouch.lab.drill.words import number, words_of
from twinvouch.twin.tank import Tank

TAG, NONCE = SETPOINTS[1], "ab" * 16
NUMBERS = {"area_m2": 10.0, "pump_m3h": 60.0, "demand_m3h": 30.0, "low_m": 0.0, "high_m": 5.0}


class Journals:
    """The three journals of a drill, and where its one command is by them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / ACTUATOR_JOURNAL).parent.mkdir()
        self.spent = SpentPermits(directory / ACTUATOR_JOURNAL)
        self.life = life.Life(directory, self.spent)

    def add(self, name: str, said: dict[str, object]) -> None:
        """One more line of a journal, as it is written there."""
        text = json.dumps(said)
        path = self.directory / (ACTUATOR_JOURNAL if name == "actuator" else f"{name}.jsonl")
        with path.open("a", encoding="ascii") as file:
            is_summed = name == "actuator"
            file.write(f"{crc32(text.encode()):08x} {text}\n" if is_summed else f"{text}\n")

    def stages(self) -> dict[str, int]:
        """As the journals stand now."""
        self.life.look()
        return dict(self.life.stages())


@pytest.fixture
def drill(tmp_path: Path) -> Iterator[Journals]:
    """Journals of which nothing is written yet."""
    found = Journals(tmp_path)
    yield found
    found.life.close()
    found.spent.close()


def test_a_command_is_where_the_last_journal_says(drill: Journals) -> None:
    assert drill.stages() == {}, "nothing has been written down yet"
    drill.add("controller", {"proposed": "c1", "tag": TAG, "value": 7})
    assert drill.stages() == {life.PROPOSED: 1}
    drill.add("controller", {"answered": "c1", "code": 200, "status": "held"})
    assert drill.stages() == {life.HELD: 1}
    words = list(words_of(7.0))
    drill.add("actuator", {"spent": {"nonce": NONCE, "command": "c1", "words": words}})
    assert drill.stages() == {life.SPENT: 1}
    drill.add("plant", {"t_ns": 1, "address": setpoints()[TAG], "words": words})
    assert drill.stages() == {life.WRITTEN: 1}
    assert drill.life.last == {setpoints()[TAG]: tuple(words)}
    drill.add("actuator", {"of": NONCE, "outcome": ""})
    assert drill.stages() == {life.TOLD: 1}
    drill.add("actuator", {"delivered": NONCE})
    assert drill.stages() == {}, "it is over"


def test_what_was_denied_or_given_up_is_over(drill: Journals) -> None:
    for n in range(3):
        drill.add("controller", {"proposed": f"c{n}", "tag": TAG, "value": n})
    drill.add("controller", {"answered": "c0", "code": 200, "status": "denied"})
    drill.add("controller", {"given_up": "c1"})
    drill.add("controller", {"answered": "c2", "code": 200, "status": "permitted"})
    assert drill.stages() == {life.PERMITTED: 1}


def test_a_refused_permit_meets_nothing(drill: Journals) -> None:
    drill.add("controller", {"proposed": "c1", "tag": TAG, "value": 7})
    spent = {"nonce": NONCE, "command": "c1", "words": [1, 2]}
    drill.add("actuator", {"spent": spent, "outcome": ""})
    assert drill.stages() == {}


def test_the_float_switch_keeps_its_tank_and_without_it_the_tank_leaves_its_limits() -> None:
    switch, still = local.FloatSwitch(), local.FloatSwitch()
    for _ in range(10_000):
        switch.cycle(0.1)
    still.cycle(1_000.0)
    said = local.said(switch.words())
    assert said.cycles == 10_000
    assert said.outside == 0
    assert local.LOW < said.level < local.HIGH
    assert said.level == pytest.approx(switch.level, abs=1e-6)
    assert local.said(still.words()).outside == 1


def test_two_words_are_a_number_again() -> None:
    assert number(*words_of(1234.5)) == 1234.5


def test_a_slow_tank_says_what_a_tank_says() -> None:
    slow, tank = SlowTank(b"", {**NUMBERS, PAUSE: 0.0}), Tank(b"", NUMBERS)
    for model in (slow, tank):
        model.restore({"level": 2.0, "run": 1.0})
    assert slow.snapshot() == tank.snapshot()
    assert slow.law("band", {"level": 1.0}) == tank.law("band", {"level": 1.0})
    for _ in range(3):
        assert slow.step({}, 60.0) == tank.step({}, 60.0)
    assert slow.limits() == tank.limits()
    with pytest.raises(KeyError):
        SlowTank(b"", NUMBERS)
