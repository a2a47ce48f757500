"""`bench change`: pairs are counted as its page says, on alarms made by hand; and once from end to end."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from twinvouch.app.bench import change as bench
from twinvouch.app.bench.change import Arms, Tally, begun, count, figures
from twinvouch.app.cli import cli
from twinvouch.core.table import Table
from twinvouch.lab.scenarios import settings as of_settings
from twinvouch.lab.scenarios import world as worlds
from twinvouch.lab.scenarios.pairs import Pair, Paired
from twinvouch.readings.detect.context import Work
from twinvouch.readings.detect.state import ATTACK, CHANGE, DRIFT

ROWS, FIRST, QUARTER_NS = 200, 50, 900 * 10**9
TOUCHED = 2  # its asset is b, with tags 2 and 3
NONE = np.zeros((ROWS, 6), np.uint8)


def alarm(*at: tuple[int, int, int], kind: int = ATTACK) -> np.ndarray:
    made = NONE.copy()
    for start, end, tag in at:
        made[start:end, tag] = kind
    return made


def arms(
    changed: np.ndarray = NONE,
    attacked: np.ndarray = NONE,
    ticketed: np.ndarray = NONE,
    undisturbed: np.ndarray = NONE,
) -> Arms:
    t_ns = np.arange(ROWS) * QUARTER_NS
    return Arms(t_ns, FIRST, undisturbed, changed, attacked, ticketed, Work.MAINTENANCE)


def counted(of: Arms) -> tuple[Tally, str]:
    ids = tuple(f"{asset}/{n}" for n, asset in enumerate("aabbcc"))
    values = np.zeros((ROWS, 6))
    table = Table(ids, np.arange(ROWS) * QUARTER_NS, values)
    pair = Pair("season", FIRST, ROWS, TOUCHED, 4.0, values, values)
    tally = Tally()
    return tally, count(tally, Paired(tuple("aabbcc"), table, table, (pair,)), pair, of)


def test_silence_is_right_for_the_change_and_wrong_for_the_attack() -> None:
    tally, line = counted(arms())
    assert tally.by_change == {("pairs", "season"): 1}
    assert tally.by_work == {("pairs", "maintenance"): 1, ("missed", "maintenance"): 1}
    assert "change silent; attack silent" in line


@pytest.mark.parametrize("kind", [ATTACK, DRIFT])
def test_an_alarm_of_either_kind_is_false_on_a_change_and_finds_an_attack(kind: int) -> None:
    up = alarm((60, 70, 3), kind=kind)
    tally, line = counted(arms(changed=up, attacked=up))
    assert tally.by_change["legit_false", "season"] == 1
    assert tally.by_change["found", "season"] == 1
    assert "attack alarms b/3" in line


def test_an_attack_is_found_on_its_own_asset_and_by_a_fresh_alarm_alone() -> None:
    assert counted(arms(attacked=alarm((60, 70, 4))))[0].by_change["found", "season"] == 0
    assert counted(arms(attacked=alarm((40, 70, 2))))[0].by_change["found", "season"] == 0
    fresh = alarm((40, 45, 2), (100, 101, 2))
    assert counted(arms(attacked=fresh))[0].by_change["found", "season"] == 1


def test_a_candidate_is_no_alarm_and_is_told_of_what_was_missed() -> None:
    candidate = alarm((60, 70, 4), kind=CHANGE)
    tally, line = counted(arms(changed=candidate, attacked=candidate, ticketed=candidate))
    assert tally.by_change == {("pairs", "season"): 1}
    assert tally.by_work["missed", "maintenance"] == 1
    assert tally.by_work["candidates", "maintenance"] == 1
    assert line.endswith("candidate")


def test_with_a_ticket_an_attack_alarm_elsewhere_or_a_drift_leaves_it_missed() -> None:
    elsewhere = counted(arms(ticketed=alarm((60, 70, 5))))[0].by_work
    assert elsewhere["missed", "maintenance"] == elsewhere["elsewhere", "maintenance"] == 1
    drift = counted(arms(ticketed=alarm((60, 70, 2), kind=DRIFT)))[0].by_work
    assert drift["missed", "maintenance"] == 1
    assert counted(arms(ticketed=alarm((60, 70, 2))))[0].by_work["missed", "maintenance"] == 0


def test_tags_are_told_in_the_order_of_their_alarms() -> None:
    up = alarm((80, 90, 1), (60, 70, 4), (120, 130, 4))
    assert begun(arms(), up, (ATTACK,)) == [4, 1]


def test_shares_come_with_intervals() -> None:
    tally = Tally(left_out=2)
    tally.by_change.update({("pairs", "season"): 20, ("found", "season"): 19})
    found = figures(tally, ["net3"], 3)
    assert found["same_size_found"] == 0.95
    assert found["same_size_found_ci"] == pytest.approx([0.764, 0.991], abs=1e-3)
    assert found["legit_false"] == 0.0
    assert found["pairs_left_out"] == 2
    assert found["by_change"][0]["found"] == 19
    json.dumps(found)


def test_from_end_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wntr")
    full = of_settings.settings()
    short = replace(
        full,
        training_days=30,
        test_days=30,
        events=4,
        networks={"net3": full.networks["net3"], "ctown": full.networks["ctown"]},
    )
    monkeypatch.setattr(bench, "settings", lambda: short)
    monkeypatch.setattr(worlds, "_KEPT", {})
    said = CliRunner().invoke(cli, ["bench", "change", "--seeds", "1", "--json"])
    assert said.exit_code == 0, said.output
    found = json.loads(said.stdout)
    assert found["networks"] == "net3"
    assert 1 <= found["pairs"] + found["pairs_left_out"] <= 4
    assert "ctown is left out" in said.stderr
    assert said.stderr.count("net3 0 ") == found["pairs"]
