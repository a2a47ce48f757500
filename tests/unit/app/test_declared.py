"""What a configuration declares of its tags: mistakes at their place, the rules it becomes, what of it is signed, a replay."""

import json
from math import inf
from pathlib import Path

import pytest

from tests.unit.app.plants import GOOD, changed, loaded, problems
from tests.unit.app.test_cli_config import call
from twinvouch.app import inventory, safety
from twinvouch.core.declared import Expectation, Jitter, Redundancy, Take

TAGS = """\
  tank-1/level-2: {unit: m, group: fast, redundancy_group: level}
  tank-1/level-3: {unit: m, group: fast, redundancy_group: level, step: 0.01, varies_within_s: 60}
  pump-1/flow: {unit: l/s, group: slow}
edges: {edge-1"""
SECTIONS = """\
redundancy: {level: {tolerance: 0.1, settle_s: 2}}
balance:
  tank:
    terms:
      - {tag: pump-1/flow, factor: 0.001}
      - {tag: tank-1/level-2, factor: -12.5, take: derivative}
    tolerance: 0.01
    window_s: 60
actuator_state:
  p-off: {status: pump-1/speed, state: [0, 0], tag: pump-1/flow, max: 0.1, settle_s: 5}
"""
TEXT = (
    GOOD.replace("edges: {edge-1", TAGS, 1)
    .replace("groups: [fast]", "groups: [fast, slow]")
    .replace("max_age_s: 5}", "max_age_s: 5, jitter: {tolerance_s: 0.02}}", 1)
    .replace("}}\ntags:", "}, slow: {edge: edge-1, period_s: 1, max_age_s: 10}}\ntags:", 1)
    .replace("unit: m, range: [0, 10],", "unit: m, range: [0, 10], redundancy_group: level,", 1)
) + SECTIONS


def test_it_becomes_rules_of_its_scan_groups(tmp_path: Path) -> None:
    plant = inventory.plant(loaded(tmp_path, TEXT))
    fast, slow = plant.declared["fast"], plant.declared["slow"]
    ids = plant.groups["fast"].ids
    assert fast.jitter == Jitter(20_000_000, 0.1)
    assert slow.jitter is None
    assert fast.steps is not None
    assert [ids[k] for k in fast.steps.columns] == ["tank-1/level-3"]
    assert fast.varying is not None
    assert fast.varying.limit_ns.tolist() == [60_000_000_000]
    tags = ("tank-1/level", "tank-1/level-2", "tank-1/level-3")
    assert fast.redundancy[0].what == Redundancy("level", tags, 0.1, 2_000_000_000)
    told = Expectation("p-off", "pump-1/speed", 0, 0, "pump-1/flow", -inf, 0.1, 5_000_000_000)
    assert slow.expectations[0].what == fast.expectations[0].what == told
    assert [t.take for t in slow.balances[0].balance.terms] == [Take.MEAN, Take.DERIVATIVE]


def test_a_plant_that_declares_nothing_has_no_such_rules(tmp_path: Path) -> None:
    assert inventory.plant(loaded(tmp_path)).declared == {}
    named = GOOD.replace("unit: m,", "unit: m, redundancy_group: level, resolution: 0.1,", 1)
    assert inventory.plant(loaded(tmp_path, named)).declared == {}


def test_steps_of_a_scaled_tag_begin_at_its_offset(tmp_path: Path) -> None:
    text = changed("encoding: f32", "encoding: f32, scale: 0.5, offset: -40, step: 0.5")
    steps = inventory.plant(loaded(tmp_path, text)).declared["fast"].steps
    assert steps is not None
    assert (steps.size.tolist(), steps.origin.tolist()) == ([0.5], [-40.0])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("tag: pump-1/flow, factor", "tag: pump-1/flwo, factor", "31:15: `pump-1/flwo` is not in `tags:`, did you mean `pump-1/flow`?"),
        ("take: derivative", "take: deriv", "32:52: `take`, expected 'mean', 'derivative', 'integral' or 'change', got 'deriv', did you mean `derivative`?"),
        ("factor: 0.001", "factor: 0", "31:36: `factor`, expected any number but 0, got 0"),
        ("factor: 0.001", "factor: .inf", "31:36"),
        ("{tag: tank-1/level-2, factor: -12.5, take: derivative}", "{tag: pump-1/flow}", "32:9: `pump-1/flow` is taken as mean twice"),
        ("window_s: 60", "window_s: 19", "34:15: `window_s`, expected at least twice the longest max_age_s of its tags, 20, got 19"),
        ("    window_s: 60\n", "", "missing key `window_s` in `tank`"),
        ("window_s: 60", "window: 60", "unknown key `window`, did you mean `window_s`?"),
        ("redundancy: {level:", "redundancy: {lvel:", "27:20: `lvel`, expected the `redundancy_group` of at least two tags, it is that of 0, did you mean `level`?"),
        ("tank-1/level-3: {unit: m", "tank-1/level-3: {unit: cm", "tags of `level` have different units: `cm`, `m`"),
        ("tolerance: 0.1, settle_s", "tolerance: -0.1, settle_s", "`tolerance`, expected greater than or equal to 0, got -0.1"),
        ("status: pump-1/speed", "status: pump-1/sped", "36:19: `pump-1/sped` is not in `tags:`, did you mean `pump-1/speed`?"),
        ("status: pump-1/speed", "status: pump-1/flow", "`pump-1/flow` is also the `status`, expected another tag"),
        ("max: 0.1, settle_s: 5", "settle_s: 5", "36:10: missing key `min` or `max`: what the tag is expected to be"),
        ("max: 0.1, settle_s: 5", "max: 0.1, min: 0.2, settle_s: 5", "`max`, expected at least min = 0.2, got 0.1"),
        ("max: 0.1, settle_s: 5", "max: 0.1, settle_s: 0.5", "`settle_s`, expected at least the longer period of the two, 1, got 0.5"),
        ("state: [0, 0]", "state: [1, 0]", "`state`, expected [low, high] with low not above high, got [1, 0]"),
        ("tolerance_s: 0.02", "tolerance_s: 0.05", "`tolerance_s`, expected less than half of period_s = 0.1, got 0.05"),
        ("jitter: {tolerance_s: 0.02}", "jitter: {tolerance_s: 0.02, share: 1}", "`share`, expected less than 1, got 1"),
        ("varies_within_s: 60", "varies_within_s: 0.1", "`varies_within_s`, expected at least two periods of its group, 0.2, got 0.1"),
        ("step: 0.01", "step: 0", "`step`, expected greater than 0, got 0"),
    ],
)  # fmt: skip
def test_mistakes_are_told_at_their_place(tmp_path: Path, old: str, new: str, words: str) -> None:
    found = problems(tmp_path, changed(old, new, TEXT))
    assert any(words in problem for problem in found), found


def test_what_tells_changes_only_has_no_jitter(tmp_path: Path) -> None:
    text = changed("period_s: 1, max_age_s: 10", "rhythm: exception, max_age_s: 10, jitter: {tolerance_s: 1}", TEXT)  # fmt: skip
    assert any("has no period" in p for p in problems(tmp_path, text))


def test_too_many_tags_of_one_quantity_are_refused(tmp_path: Path) -> None:
    more = "".join(f"  tank-1/l{n}: {{unit: m, group: fast, redundancy_group: level}}\n" for n in range(14))  # fmt: skip
    text = changed("  pump-1/flow:", more + "  pump-1/flow:", TEXT)
    assert any("`level` has 17 tags, the limit is 16" in p for p in problems(tmp_path, text))


def part(folder: Path, text: str) -> bytes:
    return safety.digest(safety.content(loaded(folder, text), bytes(32)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tolerance: 0.1, settle_s: 2", "tolerance: 9, settle_s: 2"),
        ("level-2: {unit: m, group: fast, redundancy_group: level}", "level-2: {unit: m, group: fast}"),
        ("state: [0, 0]", "state: [-1, 0]"),
        ("max: 0.1, settle_s: 5", "max: 0.1, settle_s: 500"),
        ("tolerance_s: 0.02", "tolerance_s: 0.04"),
        ("encoding: f32", "encoding: f32, step: 0.1"),
        ("  p-off: {", "  p-of: {"),
    ],
)  # fmt: skip
def test_what_loosens_trust_in_what_commands_are_judged_by_is_signed(
    tmp_path: Path, old: str, new: str
) -> None:
    assert part(tmp_path, TEXT) != part(tmp_path, changed(old, new, TEXT))


def test_a_balance_over_other_tags_is_not_signed_and_one_over_an_input_is(tmp_path: Path) -> None:
    wider = changed("tolerance: 0.01", "tolerance: 5", TEXT)
    assert part(tmp_path, TEXT) == part(tmp_path, wider)
    over_input = "{tag: tank-1/level, factor: -12.5, take: derivative}"
    changed_term = changed("{tag: tank-1/level-2, factor: -12.5, take: derivative}", over_input, TEXT)  # fmt: skip
    assert part(tmp_path, changed_term) != part(tmp_path, TEXT)
    wider = changed("tolerance: 0.01", "tolerance: 5", changed_term)
    assert part(tmp_path, changed_term) != part(tmp_path, wider)


def test_what_was_signed_before_any_of_this_could_be_declared_stays_signed(tmp_path: Path) -> None:
    content = safety.content(loaded(tmp_path), bytes(32))
    assert {"redundancy", "balance", "actuator_state"} & content.keys() == set()
    assert {"step", "varies_within_s"} & content["inputs"]["tank-1/level"].keys() == set()
    assert "jitter" not in content["groups"]["fast"]


def rows(number: int) -> str:
    """A level that freezes half way, a copy of it that goes on, and a pump that is off while water flows."""
    lines = ["time,level,copy,pump,flow"]
    for n in range(number):
        level = 5 + (min(n, number // 2) * 7 % 11) / 10
        copy = 5 + (n * 7 % 11) / 10
        lines.append(f"2026-01-01T{n // 60:02}:{n % 60:02}:00,{level:.1f},{copy:.1f},0,3")
    return "\n".join(lines) + "\n"


def test_a_replay_finds_what_is_declared(tmp_path: Path) -> None:
    file = tmp_path / "told.csv"
    file.write_text(rows(240))
    call("init", tmp_path, "--from-csv", file, "--time-zone", "UTC")
    path = tmp_path / "twin.yaml"
    call("principals", "add", "edge-1", "--kind", "edge", "--config", path)
    before = json.loads(call("replay", file, "--config", path, "--json").stdout)
    assert before["findings"] == {}
    both = "resolution: 0.1, redundancy_group: both, varies_within_s: 900}"
    text = path.read_text().replace("resolution: 0.1}", both)
    text += """
redundancy: {both: {tolerance: 0.05}}
actuator_state:
  p-off: {status: told/pump, state: [0, 0], tag: told/flow, max: 0.1, settle_s: 300}
"""
    path.write_text(text)
    told = json.loads(call("replay", file, "--config", path, "--json").stdout)
    assert set(told["findings"]) == {"stuck", "redundancy", "actuator_state"}
    assert told["cells_admitted"] == told["cells"] == 960
    call("ledger", "verify", told["ledger"], "--key", told["ledger_key"])


def test_what_one_person_may_say_of_sources_is_signed_where_it_is_not_the_default(
    tmp_path: Path,
) -> None:
    told = "distrust: {second_person_above: 1000}\n"
    (tmp_path / "a").mkdir()
    before = part(tmp_path / "a", TEXT)
    assert part(tmp_path / "a", TEXT + told) == before
    assert part(tmp_path / "a", TEXT + told.replace("1000", "1001")) != before
