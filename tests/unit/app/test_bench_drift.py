"""`bench drift`: where ramps may stand, what they look like, what counts as found; and a small plant from end to end."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tests.unit.app.test_bench_detect import write
from tests.unit.readings.detect.plant import HOUR_NS, LEVEL, plant
from twinvouch.app.bench import drift
from twinvouch.app.bench.drift import LENGTH_NS, Hours
from twinvouch.app.cli import cli
from twinvouch.app.wide_csv import Form
from twinvouch.core.errors import UsageError
from twinvouch.readings.detect.adapt import Adapter
from twinvouch.readings.detect.learn import learn
from twinvouch.readings.detect.score import Scorer
from twinvouch.readings.detect.state import begin

ROWS = 900
T_NS = np.arange(ROWS) * HOUR_NS
NONE = np.zeros(ROWS, np.bool_)


def test_a_ramp_ends_at_its_size_and_has_the_decimals_of_the_column() -> None:
    level = np.round(3 + np.sin(np.arange(337)), 2)
    lied = drift.ramped(level, T_NS[:337], 0.5)
    assert lied[0] == level[0]
    assert lied[-1] == pytest.approx(level[-1] + 0.5)
    assert np.abs(lied - level - 0.5 * np.arange(337) / 336).max() <= 0.0051
    assert drift.decimals(lied) == 2


@pytest.mark.parametrize(
    ("values", "is_of"),
    [([1.0, 30.0], 0), ([0.1, 0.25], 2), ([1234567.875, np.nan], 3), ([1 / 3], 12), ([], 0)],
)
def test_decimals_are_those_of_the_file(values: list[float], is_of: int) -> None:
    assert drift.decimals(np.array(values)) == is_of


@pytest.mark.parametrize(
    ("values", "is_moving"),
    [([1.0, 1.0, 2.0], True), ([1.0, 1.0, np.nan], False), ([np.nan], False), ([], False)],
)
def test_what_never_moves_is_idle(values: list[float], *, is_moving: bool) -> None:
    assert drift.moves(np.array(values)) is is_moving


def test_ramps_stand_a_day_away_from_labels_and_end_before_the_file_does() -> None:
    attacked = NONE.copy()
    attacked[400:410] = True
    places = drift._places(T_NS, attacked)
    first = list(range(24, 400 - 336))
    second = list(range(409 + 25, ROWS - 336))
    assert places.tolist() == first + second


def test_a_file_without_a_free_stretch_is_told() -> None:
    attacked = np.arange(ROWS) % 300 == 0
    with pytest.raises(UsageError, match="15 days without labelled rows"):
        drift._places(T_NS, attacked)


def hours(alarmed: tuple[int, int, int], *, before: tuple[int, int] = (0, 0)) -> tuple[float, ...]:
    up, known = np.zeros((337, 3), np.bool_), np.zeros((6, 3), np.bool_)
    first, end, tag = alarmed
    up[first:end, tag] = True
    known[slice(*before), tag] = True
    return Hours(T_NS[:343], known, 1).of(up)


def test_an_alarm_that_names_the_tag_finds_a_ramp() -> None:
    assert hours((30, 50, 1)) == (30.0, 30.0)
    assert hours((0, 1, 1)) == (0.0, 0.0)


def test_an_alarm_on_another_tag_is_counted_apart() -> None:
    assert hours((30, 50, 2)) == (np.inf, 30.0)


def test_an_alarm_that_was_up_less_than_six_hours_before_does_not_count() -> None:
    assert hours((0, 50, 1), before=(5, 6)) == (np.inf, np.inf)
    assert hours((5, 50, 1), before=(4, 6)) == (np.inf, np.inf)
    assert hours((6, 50, 1), before=(4, 6)) == (6.0, 6.0)


def test_the_first_rows_alone_say_what_all_would() -> None:
    up = np.zeros((337, 3), np.bool_)
    up[30:50, 1] = True
    of = Hours(T_NS[:343], np.zeros((6, 3), np.bool_), 1)
    assert of.of(up[:20]) == (np.inf, np.inf)
    assert of.of(up[:31]) == of.of(up)


def test_a_walk_keeps_the_states_before_rows_and_alarms_as_without_stops() -> None:
    scorer = Scorer(learn(plant(3000, 1)))
    table = plant(ROWS, 2, 3000)
    table.values[500:, LEVEL] -= 0.6
    _, scored = scorer.score(begin(scorer.learned), table.t_ns, table.values)
    walked = drift.walk(Adapter(scorer), table, [500, 100, 500])
    assert sorted(walked.states) == [100, 500, ROWS]
    assert walked.states[500].state.t_ns == table.t_ns[499]
    assert walked.alarm.any()
    assert np.array_equal(walked.alarm, drift._up(scored.alarm))


def test_medians_count_what_was_not_found_as_endless() -> None:
    trials = [
        drift.Trial(seed, "a", 0.5, delay, 3.0, np.inf, np.inf, False)  # noqa: FBT003
        for seed, delay in enumerate((10.0, 20.0, np.inf, np.inf, np.inf))
    ]
    found = drift._of_size(trials)
    assert (found["of"], found["found"], found["found_any"]) == (5, 2, 5)
    assert found["median_delay_h"] is None
    assert found["median_any_delay_h"] == 3.0
    assert found["found_interval"] == [0.1176, 0.7693]


def test_the_normal_share_is_that_of_rows_without_a_label() -> None:
    alarm, attacked = np.zeros((ROWS, 2), np.bool_), NONE.copy()
    attacked[100:200] = True
    alarm[100:208, 1] = True
    found = drift._normal(alarm, attacked, T_NS)
    assert found["normal_alarm_share"] == 0.01
    low, high = found["normal_alarm_interval"]
    assert low <= 0.01 < high
    assert found["normal_alarm_share_away"] == 0.0
    alarm[300:307, 0] = True
    found = drift._normal(alarm, attacked, T_NS)
    assert found["normal_alarm_share_away"] == pytest.approx(7 / (ROWS - 100 - 48), abs=1e-5)


def test_ramps_on_a_small_plant(tmp_path: Path) -> None:
    train = write(tmp_path / "train.csv", plant(6000, 1))
    attacked = np.arange(ROWS) >= ROWS - 40
    test = write(tmp_path / "test.csv", plant(ROWS, 2, 6000), attacked)
    arguments = ["bench", "drift", "--train", str(train), "--test", str(test)]
    options = ["--time-format", "unix", "--seeds", "2", "--json"]
    said = CliRunner().invoke(cli, [*arguments, *options])
    assert said.exit_code == 0, said.output
    found = json.loads(said.stdout)
    assert found["of"] == 6  # a level, a pressure and a flow
    assert found["idle"] == found["rounded_away"] == 0
    assert found["found"] >= 4
    assert found["found"] <= found["found_any"] <= 6
    assert found["found_without_ramp"] <= 1
    assert [point["size_sd"] for point in found["curve"]] == [0.25, 0.5, 1.0]
    assert found["curve"][1]["found"] == found["found"]
    assert found["normal_alarm_share"] < 0.05
    assert sum(tag["missed"] for tag in found["missed"]) == found["of"] - found["found"]


def test_a_test_file_that_is_too_short_is_told(tmp_path: Path) -> None:
    train = write(tmp_path / "train.csv", plant(300, 1))
    assert LENGTH_NS > 300 * HOUR_NS
    with pytest.raises(UsageError, match="longer test file"):
        drift.run(train, train, Form(time_format="unix"), 1, lambda _: None)
