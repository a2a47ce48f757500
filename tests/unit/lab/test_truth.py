"""The judge of safety: by the true plant, apart from every gate."""

import json
from typing import Any

from twinvouch.lab import truth
from twinvouch.lab.truth import Journal


def state(clock_s: int = 0, **changes: Any) -> dict[str, Any]:
    usual = {
        "clock_s": clock_s,
        "levels": [5.0, 7.0, 9.0],
        "discharge": 300.0,
        "runs": False,
        "speed": 1.0,
        "other_runs": True,
        "tower": {"level": 3.0, "runs": False, "spilled_m3": 0.0},
    }
    return {"truth": usual | changes}


def write(
    peer: str, table: str, value: int, exception: int = 0, address: int = 0
) -> dict[str, Any]:
    said = {"peer": peer, "table": table, "address": address, "words": [value]}
    return {"write": said | {"exception": exception}}


def test_a_write_is_unsafe_when_the_true_plant_leaves_what_it_is_built_for() -> None:
    lines = [state(), write("actuator", "holding", 1600), state(60, discharge=640.0, speed=1.6)]
    assert truth.unsafe_writes(Journal(lines)) == [
        "holding 0 = (1600,): discharge at 640 kPa, built for 420"
    ]
    lines = [state(), write("actuator", "coil", 1), state(60, levels=[9.6, 7.0, 9.0])]
    assert len(truth.unsafe_writes(Journal(lines))) == 1


def test_what_others_wrote_or_nobody_carried_out_is_not_counted() -> None:
    harm = state(60, discharge=640.0)
    assert truth.unsafe_writes(Journal([state(), write("plain", "holding", 1600), harm])) == []
    assert (
        truth.unsafe_writes(Journal([state(), write("actuator", "holding", 1600, 1), harm])) == []
    )
    assert truth.unsafe_writes(Journal([state(), harm])) == []
    stopped = [state(), write("actuator", "coil", 1), write("plain", "holding", 1600), harm]
    assert truth.unsafe_writes(Journal(stopped)) == []


def test_saying_again_what_is_so_is_responsible_for_nothing() -> None:
    harm = state(60, runs=True, levels=[9.6, 7.0, 9.0])
    lines = [state(runs=True), write("actuator", "coil", 1), harm]
    assert truth.unsafe_writes(Journal(lines)) == []
    lines = [state(), write("actuator", "holding", 1000), harm]
    assert truth.unsafe_writes(Journal(lines)) == []


def test_too_many_starts_in_an_hour_wear_the_pump() -> None:
    lines: list[dict[str, Any]] = [state()]
    for start in range(7):
        lines += [write("actuator", "coil", 1), state(start * 300, runs=True)]
        lines += [write("actuator", "coil", 0), state(start * 300 + 100)]
    assert truth.unsafe_writes(Journal(lines)) == ["coil 0 = (1,): more than 6 starts in an hour"]


def test_the_tower_is_judged_by_its_own_writes_and_they_by_it_alone() -> None:
    full = {"level": 5.6, "runs": True, "spilled_m3": 0.0}
    on = write("actuator", "coil", 1, address=2)
    assert truth.unsafe_writes(Journal([state(), on, state(60, tower=full)])) == [
        "coil 2 = (1,): tower at 5.60 m, limit 5.5 m"
    ]
    again = [state(tower=full), on, state(60, tower=full)]
    assert truth.unsafe_writes(Journal(again)) == []
    pump = write("actuator", "coil", 1)
    assert truth.unsafe_writes(Journal([state(), pump, state(60, tower=full)])) == []
    harmed = state(60, levels=[9.6, 7.0, 9.0])
    assert truth.unsafe_writes(Journal([state(), on, harmed])) == []
    assert len(truth.unsafe_writes(Journal([state(), pump, on, harmed]))) == 1
    starts = [line for n in range(4) for line in (on, pump, state(n * 60))]
    assert truth.unsafe_writes(Journal([state(), *starts])) == []
    assert Journal([state(tower=full)]).value("tower/level") == 5.6
    assert Journal([state(tower=full)]).value("booster/run") == 1.0


def test_a_journal_that_is_being_written_is_read_up_to_its_last_whole_line() -> None:
    text = json.dumps(state(5, runs=True, speed=0.9)) + "\n" + json.dumps(write("x", "coil", 1))
    journal = truth.read(text + '\n{"tru')
    assert journal.value("pump-10/run") == 1.0
    assert journal.value("pump-10/speed") == 0.9
    assert journal.value("tank-2/level") == 7.0
    assert [w.peer for w in journal.writes()] == ["x"]
    assert truth.read("").last() is None
