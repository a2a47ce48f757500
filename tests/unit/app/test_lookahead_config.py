"""`lookahead:` from the file to gate 4, and a core with real workers."""

import re
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from queue import Queue

import pytest

from tests.unit.app.plants import GOOD, changed, loaded, problems
from twinvouch.app import build, safety
from twinvouch.app.api.hub import Hub
from twinvouch.app.config_checks import notices
from twinvouch.app.core import Core, runs_as
from twinvouch.app.effects import Effects
from twinvouch.app.lookahead import Workers, served
from twinvouch.core.errors import ConfigError
from twinvouch.core.event import Simulate, SimulationDone
from twinvouch.core.lookahead import Interval, Question, Source
from twinvouch.core.watchdog import Response, SafeAction
from twinvouch.engine import Engine
from twinvouch.lab.epanet import network_file
from twinvouch.wire.lookahead import read_foresight, write_question

AHEAD = """\
lookahead:
  net:
    model: twinvouch.twin.tank:Tank
    numbers: {area_m2: 100, pump_m3h: 100, demand_m3h: 40, low_m: 0, high_m: 10}
    tags: {level: {tag: tank-1/level, error: 0.01, drift_per_h: 0.5}}
    actuators: {pump-1/speed: speed}
    limits: {level: [1.0, 9.0]}
    members: each
"""
NET3 = """\
lookahead:
  net:
    model: twinvouch.adapters.epanet_ahead:Epanet
    data: net3.inp
    tags: {"tank:1": {tag: tank-1/level, factor: 3.28084}}
    actuators: {pump-1/speed: "speed:10"}
    limits: {"tank:1": [2.0, 30.0]}
    deadline_ms: 50000
    memory_mib: 512
"""
WITH = GOOD + AHEAD


def test_what_is_configured_is_what_gate_4_has(tmp_path: Path) -> None:
    site = build.site(loaded(tmp_path, WITH))
    (tag, ahead), *others = site.ahead.items()
    assert (tag, others) == ("pump-1/speed", [])
    assert ahead.sources == {
        "level": Source("tank-1/level", 0.0, 10.0, 0.01, 0.5),
        "speed": Source("pump-1/speed", 0.0, 1.0),
    }
    assert (ahead.horizon_s, ahead.tau_s, ahead.is_each) == (21_600.0, 3600.0, True)
    assert ahead.demands == (100, 200, 200, 100)
    assert f"look-ahead net {ahead.digest.hex()[:16]}" in runs_as(site)


def test_without_a_model_nothing_is_looked_ahead(tmp_path: Path) -> None:
    assert build.site(loaded(tmp_path)).ahead == {}


@pytest.mark.parametrize(
    ("rate", "drift", "words"),
    [
        ("rate: 0.5", "", "`drift_per_h` 0, so once it is in doubt look-ahead starts for ever"),
        ("rate: 0.5", "", "give the fastest that it moves an hour, at most 1800 by its `rate`"),
        ("rate: 0.5", ", drift_per_h: 0", "at most 1800 by its `rate`"),
        ("dtype: f8", "", "give the fastest that it moves an hour"),
        ("rate: 0.5", ", drift_per_h: 0.5", ""),
        ("dtype: f8", ", drift_per_h: 0", ""),
    ],
)
def test_a_source_that_moves_and_has_no_drift_is_noticed(
    tmp_path: Path, rate: str, drift: str, words: str
) -> None:
    text = changed("rate: 0.5", rate, changed(", drift_per_h: 0.5", drift, WITH))
    found = [n for n in notices(loaded(tmp_path, text)) if "drift_per_h" in n]
    assert len(found) == bool(words)
    assert all(n.startswith("lookahead.net.tags.level: `tank-1/level` has") for n in found)
    assert all(words in n for n in found)


def test_an_actuator_as_a_source_needs_no_drift(tmp_path: Path) -> None:
    sources = "drift_per_h: 0.5}, speed: {tag: pump-1/speed}}"
    text = changed("drift_per_h: 0.5}}", sources, WITH)
    assert not [n for n in notices(loaded(tmp_path, text)) if "drift_per_h" in n]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("tag: tank-1/level, error", "tag: tank-9/level, error", "is no tag"),
        ("pump-1/speed: speed", "tank-1/level: speed", "is no tag with an `actuator`"),
        ("members: each", "members: all", "paired"),
        ("limits: {level: [1.0, 9.0]}", "limits: {level: [9.0, 1.0]}", "low below high"),
        ("limits: {level: [1.0, 9.0]}", "limits: {}", "limits"),
        ("members: each", "tau_s: 86400", "longer than"),
        ("members: each", "step_s: 1", "more than 2000 steps"),
        ("twinvouch.twin.tank:Tank", "os.system", "module:Class"),
    ],
)
def test_what_contradicts_is_told_at_its_place(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    told = problems(tmp_path, changed(old, new, WITH))
    assert len(told) == 1
    assert words in told[0]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("twinvouch.twin.tank:Tank", "twinvouch.twin.tank:Pond", "Pond"),
        ("area_m2: 100", "area_m2: 0", "positive area"),
        ("pump-1/speed: speed", "pump-1/speed: level", "no actuator of the model"),
        ("tags: {level:", "tags: {depth:", "has no `depth`"),
        ("level: [1.0, 9.0]", "level: [1.0, 19.0]", "beyond what the model can be"),
        ("    members: each", "    data: no-such-file", "no-such-file"),
        ("error: 0.01", "offset: 100", "nothing in common"),
    ],
)
def test_a_model_that_does_not_fit_ends_the_start(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    config = loaded(tmp_path, changed(old, new, WITH))
    with pytest.raises(ConfigError, match=re.escape(words)):
        build.site(config)


def test_two_persons_sign_the_model_and_what_it_starts_from(tmp_path: Path) -> None:
    def signed(text: str) -> bytes:
        return safety.digest(safety.content(loaded(tmp_path, text), bytes(32)))

    assert signed(WITH) != signed(GOOD)
    assert signed(changed("demand_m3h: 40", "demand_m3h: 41", WITH)) != signed(WITH)
    assert signed(changed("level: [1.0, 9.0]", "level: [1.0, 9.5]", WITH)) != signed(WITH)


@pytest.mark.skipif(find_spec("wntr") is None, reason="needs the extra `lab`")
def test_a_network_in_a_confined_worker(tmp_path: Path) -> None:
    (tmp_path / "net3.inp").write_bytes(network_file("Net3").read_bytes())
    text = WITH.replace(AHEAD, NET3)
    config = loaded(tmp_path, text)
    ahead = build.site(config).ahead["pump-1/speed"]
    level = ahead.sources["tank:1"]
    assert (level.low, level.high) == (
        pytest.approx(0.26 / 3.28084),
        pytest.approx(31.94 / 3.28084),
    )
    told: Queue[SimulationDone] = Queue()
    workers = Workers(served(config), told.put)
    workers.start()
    try:
        state = {n: Interval(20.0, 20.5, 21.0) for n in ("tank:1", "tank:2", "tank:3")}
        asked = Question(
            *("net", ahead.digest, tuple(sorted(state.items())), (("tank:1", 2.0, 30.0),)),
            *("speed:10", 1.0, 0.0, 1.0, 6 * 3600.0, 3600.0, 300.0, 0.06, 0.0),
        )
        workers.take(Simulate("x", write_question(asked)))
        done = told.get(timeout=60)
        assert done.why == ""
        assert read_foresight(done.foresight).residual < 1e-3
    finally:
        workers.stop()


def test_a_core_with_workers_gets_its_answers(tmp_path: Path) -> None:
    from tests.unit.twin.test_rollout import question

    config = loaded(tmp_path, WITH)
    site = build.site(config)
    effects = Effects(config, Hub("net3", None))
    core = effects.begin(
        Core(Engine(site), build.stores(config), effects.leave, tmp_path / "models")
    )
    core.start()
    try:
        asked = question(digest=site.ahead["pump-1/speed"].digest)
        effects.leave(Simulate("x", write_question(asked)))
        give_up = time.monotonic() + 30
        counts = core.engine.memory.counts
        while not counts["simulation:ignored"] and time.monotonic() < give_up:
            time.sleep(0.01)
        assert counts["simulation:ignored"] == 1  # nobody had asked
    finally:
        effects.end()
        core.stop()


LISTED = changed(
    "pump-1: {zone: field}",
    "pump-1: {zone: field, safe_actions: [{tag: pump-1/speed, value: 0.5}, {tag: pump-1/speed, value: 0.6}]}",
    WITH,
)
WATCHED = changed(
    "    members: each\n",
    """\
    members: each
    watchdog:
      every_s: 120
      warn_s: 1800
      action: safe_action
      safe: [{tag: pump-1/speed, value: 0.5}]
""",
    LISTED,
)


def test_a_watchdog_asks_with_the_most_that_an_actuator_of_its_model_demands(
    tmp_path: Path,
) -> None:
    site = build.site(loaded(tmp_path, WATCHED))
    watchdog = site.watchdogs["net"]
    ahead = site.ahead["pump-1/speed"]
    assert watchdog.ahead == replace(ahead, actuator="")
    assert (watchdog.every_ns, watchdog.warn_s, watchdog.unanswered) == (120 * 10**9, 1800.0, 3)
    assert (watchdog.response, watchdog.assets) == (Response.SAFE_ACTION, ("pump-1",))
    assert watchdog.safe == (SafeAction("pump-1/speed", 0.5),)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "[{tag: pump-1/speed, value: 0.5}]\n",
            "[{tag: pump-1/speed, value: 0.7}]\n",
            "on no `safe_actions` list",
        ),
        ("safe: [{tag: pump-1/speed", "safe: [{tag: tank-1/level", "no actuator of model"),
        ("safe: [{tag: pump-1/speed, value: 0.5}]\n", "safe: []\n", "without a safe action"),
        ("warn_s: 1800", "warn_s: 30000", "longer than"),
        ("every_s: 120", "every_s: 5", "shorter than `deadline_ms`"),
        ("action: safe_action", "action: panic", "step_down"),
    ],
)
def test_what_does_not_fit_a_watchdog_is_told_at_its_place(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    told = problems(tmp_path, changed(old, new, WATCHED))
    assert len(told) == 1, told
    assert words in told[0]


def test_a_watchdog_is_signed_and_what_was_signed_without_one_stays_signed(tmp_path: Path) -> None:
    parts = []
    for n, text in enumerate((LISTED, WATCHED, WATCHED.replace("0.5}]\n", "0.6}]\n"))):
        (tmp_path / str(n)).mkdir()
        parts.append(safety.content(loaded(tmp_path / str(n), text), b""))
    assert "watchdog" not in parts[0]["lookahead"]["net"]
    assert len({safety.digest(part) for part in parts}) == 3


SECOND = changed(
    "    members: each\n",
    """\
    members: each
    second: other
  other:
    model: tests.unit.engine.second:Pond
    numbers: {area_m2: 100, pump_m3h: 100, demand_m3h: 40, low_m: 0, high_m: 10, more: 1.5}
    tags: {level: {tag: tank-1/level}}
    actuators: {pump-1/speed: speed}
    limits: {level: [2.0, 8.0]}
    horizon_h: 3
""",
    WITH,
)


def test_a_second_model_is_asked_as_it_is_configured_and_judges_nothing_by_itself(
    tmp_path: Path,
) -> None:
    config = loaded(tmp_path, SECOND)
    site = build.site(config)
    (ahead,) = site.ahead.values()
    assert (ahead.model, ahead.horizon_s, ahead.second is not None) == ("net", 21_600.0, True)
    assert ahead.second is not None
    assert (ahead.second.model, ahead.second.horizon_s) == ("other", 10_800.0)
    assert ahead.second.limits == {"level": (2.0, 8.0)}
    assert "look-ahead other" in runs_as(site)
    assert [each.plan.name for each in served(config)] == ["net", "other"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("second: other", "second: nobody", "no other model"),
        ("second: other", "second: net", "no other model"),
        ("horizon_h: 3", "second: net", "it only gives its opinion"),
        ("class: A,", "class: B,", "no actuator of"),
    ],
)
def test_what_does_not_fit_a_second_model_is_told_at_its_place(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    assert any(words in told for told in problems(tmp_path, changed(old, new, SECOND)))


def test_two_opinions_of_one_class_are_one(tmp_path: Path) -> None:
    same = changed(", more: 1.5", "", changed("tests.unit.engine.second:Pond", "twinvouch.twin.tank:Tank", SECOND))  # fmt: skip
    with pytest.raises(ConfigError, match="of the same class"):
        build.site(loaded(tmp_path, same))
