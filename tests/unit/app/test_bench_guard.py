"""The range itself: every scenario plays, a seed gives the same figures, the guard is what makes the difference, and the report counts."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from twinvouch.app.bench import guard as guard_bench
from twinvouch.app.bench import guard_times
from twinvouch.app.bench.guard import Plan, Task, played, run
from twinvouch.app.bench.range_outside import Beside, model_of
from twinvouch.app.cli import cli
from twinvouch.core.statement import Verb
from twinvouch.lab.range.plan import sector
from twinvouch.lab.range.plants import Wish
from twinvouch.lab.range.play import Cast, play
from twinvouch.lab.range.result import Result
from twinvouch.lab.range.site import (
    ABLATIONS,
    FULL,
    LEAD,
    OPTIMIZER,
    SECOND_LEAD,
    Guard,
    site_of,
)
from twinvouch.lab.range.stage import Stage, Written
from twinvouch.lab.range.table import ALL, BY_NAME
from twinvouch.lab.range.tally import report

pytest.importorskip("wntr")


def short(name: str, guard: Guard | None = FULL, hours: float = 1.0, seed: int = 1) -> Result:
    """A run whose attack begins after half an hour."""
    scenario = BY_NAME[name]
    where = sector(scenario.sector)
    site = None if guard is None else site_of(where, guard, model_of(where, seed).digest)

    def beside() -> Beside:
        assert site is not None
        return Beside(where, seed, site.plant)

    told = "off" if guard is None else "full"
    return play(Cast(scenario, where, seed, told, site, beside, 0.5 + hours, 0.5))


@pytest.mark.parametrize("name", [s.name for s in ALL])
def test_every_scenario_plays(name: str) -> None:
    found = short(name, hours=0.2)
    assert found.scenario == name
    assert 0 <= len(found.blocked) <= found.legit
    assert (found.hostile > 0) == bool(BY_NAME[name].orders)
    assert len(found.engine_ms) >= found.legit


@pytest.mark.parametrize(
    "name", ["building-valve-slam", "grid-hostile-dispatch", "grid-switching-burst"]
)
def test_without_a_guard_it_leaves_its_limits_and_with_it_not(name: str) -> None:
    assert short(name, None).violated >= 0
    guarded = short(name)
    assert guarded.violated == -1
    assert guarded.unsafe == []


def test_without_rules_over_the_past_a_valve_is_slammed() -> None:
    found = short("building-valve-slam", ABLATIONS["no_history"])
    assert found.violated >= 0
    assert found.unsafe


def test_without_look_ahead_a_hostile_dispatch_goes_through() -> None:
    assert short("grid-hostile-dispatch", ABLATIONS["no_lookahead"]).unsafe


def test_a_lie_is_noticed_and_its_size_told() -> None:
    found = short("building-rooms-warm", seed=2)
    assert found.detected == 6
    assert found.deviation == pytest.approx(BY_NAME["building-rooms-warm"].strength(2))


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("building-replayed-permit", "the permit was used before"),
        ("building-expired-approval", "held"),
        ("building-same-person-twice", "held"),
        ("building-in-anothers-name", "refused"),
        ("building-mode-abuse", "refused 403"),
        ("net3-poisoned-look-ahead", "held"),
        ("net3-killed-worker", "held"),
        ("net3-distrusts", "distrusted"),
    ],
)
def test_how_a_trick_ends(name: str, end: str) -> None:
    found = short(name)
    assert set(found.tricks) == {end}
    assert found.unsafe == []


def test_forged_permits_are_refused_each_for_its_reason() -> None:
    found = short("building-forged-permit")
    keys = [end for end in found.tricks if "signature is not by key" in end]
    digests = [end for end in found.tricks if "not a permit of this plant" in end]
    assert len(keys) == 1
    assert len(digests) == len(found.tricks) == 2


def test_an_approval_that_counts_lets_the_same_command_through() -> None:
    """What the tricks with approvals carry is stopped by nothing else."""
    where = sector("building")
    site = site_of(where, FULL, model_of(where, 1).digest)
    written: list[Written] = []
    stage = Stage(site, 1, Beside(where, 1, site.plant), written.append)
    plant = where.make(1)
    stage.scan(0, plant.truth())
    ident = stage.propose(OPTIMIZER, Wish("loop/purge", 1.0, ("loop/purge",)))
    for person in (LEAD, SECOND_LEAD):
        assert stage.say(person, Verb.APPROVE, ident, 60.0) == 200
    assert [w.value for w in written] == [1.0]


def test_a_level_that_lies_is_replaced_for_control() -> None:
    """The operator is shown the estimate, and commands by it; nothing of his is blocked for the lie."""
    scenario, where = BY_NAME["net3-levels-up"], sector("net3")
    site = site_of(where, FULL, model_of(where, 100).digest)
    cast = Cast(
        scenario, where, 100, "full", site, lambda: Beside(where, 100, site.plant), 6.0, 3.5
    )
    found = play(cast)
    assert found.detected == 42
    assert found.legit > 6
    assert found.blocked == []
    assert found.stepped_down == -1


def test_an_emergency_stop_under_distrust_is_carried_out() -> None:
    found = short("building-stop")
    assert found.stops == 5
    assert found.stops_blocked == 0


def test_without_a_list_of_safe_actions_the_same_stops_are_held() -> None:
    scenario, where = BY_NAME["building-stop"], replace(sector("building"), safe=(), watch=None)
    site = site_of(where, FULL, model_of(where, 1).digest)
    cast = Cast(scenario, where, 1, "full", site, lambda: Beside(where, 1, site.plant), 5.5, 4.0)
    found = play(cast)
    assert found.stops == found.stops_blocked == 5
    assert set(found.rules) == {"label"}


def test_the_same_seed_gives_the_same_report() -> None:
    tasks = [Task(("grid-two-lines",), 5, guard, 0.05) for guard in ("off", "full")]
    times = {"engine_p99_ms", "engine_p50_ms", "range_lookahead_p99_ms", "range_lookahead_p50_ms"}
    first, again = (report([r for t in tasks for r in played(t)]) for _ in range(2))
    assert {k: v for k, v in first.items() if k not in times} == {
        k: v for k, v in again.items() if k not in times
    }
    assert first["legit_commands"] > 0


@pytest.mark.parametrize("guard", ["off", "full", "no_label"])
def test_scenarios_that_share_their_honest_hours_say_what_each_says_alone(guard: str) -> None:
    """Among them one that acts before its hour, and one whose stations lie."""
    names = ("building-clean", "building-replayed-permit", "building-rooms-warm")
    together = played(Task(names, 3, guard, 0.05))
    alone = [r for name in names for r in played(Task((name,), 3, guard, 0.05))]
    assert [r.scenario for r in together] == list(names)
    assert [timeless(r) for r in together] == [timeless(r) for r in alone]
    assert len({str(timeless(r)) for r in together}) == len(names)


def timeless(result: Result) -> Result:
    return replace(result, engine_ms=[], lookahead_ms=[])


def made(scenario: str, guard: str, seed: int = 1, **more: object) -> Result:
    s = BY_NAME[scenario]
    found = Result(s.name, s.sector, s.kind.value, seed, guard, gap=bool(s.gap))
    for name, value in more.items():
        setattr(found, name, value)
    return found


def test_what_the_report_counts() -> None:
    results = [
        made("grid-clean", "off"),
        made("grid-clean", "full", legit=100, blocked=[3], rules={"lookahead": 1}, distrusted=True),
        made("grid-two-lines", "off", violated=60),
        made("grid-two-lines", "full", legit=50, blocked=[1, 2], unsafe=[70], violated=75),
        made("net3-levels-up", "off"),  # an attack that harms nobody does not count
        made("net3-levels-up", "full", legit=10, unsafe=[5], violated=9),
        made("net3-replay", "off", violated=60),
        made(
            "net3-replay",
            "full",
            legit=40,
            blocked=[60],
            unsafe=[50, 51],
            violated=70,
            stepped_down=60,
        ),
        made("net3-drift-1e-2", "off"),
        made("net3-drift-1e-2", "full", detected=80, deviation=0.03),
    ]
    found = report(results)
    assert found["unsafe_executed"] == 1
    assert found["unsafe_executed_in_gaps"] == 2
    assert found["stepped_down_first"] == 1.0
    assert found["violations_commission"] == 1
    assert found["violations_omission"] == found["violations_guard_made"] == 0
    assert found["legit_commands"] == 200
    assert found["legit_blocked_clean"] == pytest.approx(0.01)
    assert found["legit_blocked_attack"] == pytest.approx(3 / 100)
    assert found["legit_blocked_attack_outside_gaps"] == pytest.approx(2 / 60)
    assert found["false_distrust"] == 100.0
    drift = found["drift_deviation_at_detection"]["net3-drift-1e-2"]
    assert drift == {"detected": 1.0, "median": 0.03, "largest": 0.03}
    assert found["to_trace"][0] == {
        "name": "grid-two-lines", "seed": 1, "gap": False,
        "unsafe_at_h": [5.83], "left_at_h": 6.25, "cause": "commission",
    }  # fmt: skip
    traced = [run["name"] for run in found["to_trace"]]
    assert traced == ["grid-two-lines", "net3-levels-up", "net3-replay"]
    rows = {row["name"]: row for row in found["scenarios"]}
    assert rows["net3-levels-up"]["counts"] is False
    assert rows["grid-two-lines"]["guard_off_violations"] == 1


def test_ablations_are_compared_with_the_same_runs_of_the_whole_guard() -> None:
    results = [
        made("grid-two-lines", "off", violated=60),
        made("grid-two-lines", "full", legit=50),
        made("grid-two-lines", "full", seed=2, legit=70),
        made("grid-two-lines", "no_history", legit=40, unsafe=[1, 2], violated=60),
    ]
    found = report(results)["ablation"]["no_history"]
    assert found["runs"] == 1
    assert found["without"]["unsafe_executed"] == 2
    assert found["full"] == {"unsafe_executed": 0, "violations": 0, "legit": 50, "legit_blocked": 0}


def test_two_processes_say_what_one_says() -> None:
    plan = Plan(1, 3, ("grid-clean",), share=0.05, ablates=False, processes=1)
    one, two = (
        run(plan, lambda _: None),
        run(Plan(1, 3, ("grid-clean",), 0.05, ablates=False), lambda _: None),
    )
    assert one["scenarios"] == two["scenarios"]
    assert one["true_plants"] == two["true_plants"]


def test_the_command_prints_one_object() -> None:
    asked = ["bench", "guard", "--seeds", "1", "--only", "grid-clean", "--share", "0.05"]
    done = CliRunner().invoke(
        cli, [*asked, "--processes", "1", "--no-ablation", "--no-times", "--json"]
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["scenarios"][0]["name"] == "grid-clean"
    assert {"unsafe_executed", "legit_blocked_clean", "wall_s", "true_plants"} <= told.keys()


def test_a_run_that_fails_is_told_and_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(task: Task) -> list[Result]:
        if task.scenarios[0].startswith("building"):
            raise ValueError("no such valve")
        return played(task)

    monkeypatch.setattr(guard_bench, "played", fails)
    asked = ["bench", "guard", "--seeds", "1", "--only", "grid-clean", "--only", "building-clean"]
    more = ["--share", "0.05", "--processes", "1", "--no-ablation", "--no-times", "--json"]
    done = CliRunner().invoke(cli, [*asked, *more])
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert [row["name"] for row in told["scenarios"]] == ["grid-clean"]
    why = {"scenarios": ["building-clean"], "seed": 1, "share": 0.05}
    why["why"] = "ValueError: no such valve"
    assert told["failed"] == [{**why, "guard": guard} for guard in ("off", "full")]


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux kills them")
def test_a_killed_bench_leaves_no_process() -> None:
    asked = ["bench", "guard", "--seeds", "3", "--only", "net3-clean", "--no-times"]
    with subprocess.Popen(
        [sys.executable, "-m", "twinvouch", *asked], start_new_session=True
    ) as bench:
        try:
            assert eventually(lambda: len(of_session(bench.pid)) >= 3), "two that play"
        finally:
            bench.kill()
    assert eventually(lambda: not of_session(bench.pid))


def eventually(is_so: Callable[[], bool], patience_s: float = 60.0) -> bool:
    end = time.monotonic() + patience_s
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def of_session(ident: int) -> list[int]:
    """Its processes; those that are dead and wait to be reaped are none."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            state, _, _, session = path.read_text().rpartition(")")[2].split()[:4]
            if int(session) == ident and state != "Z":
                found.append(int(path.parent.name))
    return found


def test_a_scenario_that_is_none_is_an_error() -> None:
    done = CliRunner().invoke(cli, ["bench", "guard", "--only", "net3-nothing"])
    assert done.exit_code == 2
    assert "net3-clean" in done.output


def test_the_times_of_the_gate_are_those_of_the_benches(monkeypatch: pytest.MonkeyPatch) -> None:
    told = dict.fromkeys(guard_times.NAMES.values(), 7)
    halves = [dict(list(told.items())[::2]), dict(list(told.items())[1::2]), {}, {}]
    parts = [
        SimpleNamespace(__name__=f"a.part{n}", run=lambda h=h: h) for n, h in enumerate(halves)
    ]
    monkeypatch.setattr(guard_times, "PARTS", parts)
    said: list[str] = []
    assert guard_times.run(said.append) == dict.fromkeys(guard_times.NAMES, 7)
    assert said == [f"measuring part{n} ..." for n in range(4)]
