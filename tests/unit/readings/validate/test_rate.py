"""rate: what can change how fast."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.unit.readings.world import LEVEL, NOW, SECOND, Line, batch_of, rules, tag_of, view_of
from twinvouch.core.batch import Batch, Quality
from twinvouch.core.label import Axis
from twinvouch.readings.flagged import Flagged
from twinvouch.readings.validate import rate

X, FREE = tag_of("a/x", rate=10.0, resolution=0.0), tag_of("a/y", rate=np.inf)
TAGS = [X, FREE]
MISSING, BAD = Quality.MISSING, Quality.BAD


def flagged(batch: Batch, **but: Any) -> Flagged | None:
    with np.errstate(all="ignore"):  # as the gate does
        return rate.check(batch, view_of(batch, TAGS, **but))


def column(*values: float) -> NDArray[np.float64]:
    return np.array([values, np.zeros(len(values))]).T


def rows(got: Flagged | None) -> list[int]:
    return [] if got is None else np.flatnonzero(got.mask[:, 0]).tolist()


def test_slow_changes_are_clean() -> None:
    assert flagged(batch_of(column(1.0, 2.0, 3.0, 2.0)), before={"values": 1.0}) is None


def test_a_jump_is_found_with_its_numbers() -> None:
    got = flagged(batch_of(column(1.0, 2.0, 3.5, 3.6)))
    assert got is not None
    (finding,) = got.findings
    assert (finding.rule, finding.subject, finding.rows, finding.first_row) == ("rate", "a/x", 1, 2)
    assert "moved 1.5 m in 0.1 s, rate is 10 m/s (row 2)" in finding.sentence
    assert dict(finding.evidence) == {"step": 1.5, "seconds": 0.1, "rate": 10.0}


def test_the_first_row_is_compared_with_the_last_live_value() -> None:
    assert rows(flagged(batch_of(column(8.0)), before={"values": 1.0, "at": NOW - SECOND})) == []
    assert rows(flagged(batch_of(column(12.0)), before={"values": 1.0, "at": NOW - SECOND})) == [0]
    assert rows(flagged(batch_of(column(12.0)), before={"values": np.nan})) == []
    assert rows(flagged(batch_of(column(12.0)))) == [], (
        "a late batch is not compared with what is live"
    )


def test_a_long_silence_allows_a_large_change() -> None:
    before = {"values": 0.0, "at": NOW - 100 * SECOND}
    assert flagged(batch_of(column(999.0)), before=before) is None


def test_one_step_of_the_sensor_is_always_allowed() -> None:
    coarse = [tag_of("a/x", rate=1.0, resolution=0.5), FREE]
    batch = batch_of(column(1.0, 1.5, 1.0, 1.7))
    got = rate.check(batch, view_of(batch, coarse))
    assert rows(got) == [3]


def test_a_spike_is_flagged_up_and_down() -> None:
    assert rows(flagged(batch_of(column(1.0, 9.0, 1.0, 1.0)))) == [1, 2]


def test_broken_cells_between_hide_no_jump_and_make_none() -> None:
    values = column(1.0, np.nan, 50.0, 1.0, 1.2)
    quality = [[0, 0], [0, 0], [BAD, 0], [MISSING, 0], [0, 0]]
    assert rows(flagged(batch_of(values, quality))) == []
    jumped = column(1.0, np.nan, 50.0, 1.0, 9.0)
    assert rows(flagged(batch_of(jumped, quality))) == [4]
    assert rows(flagged(batch_of(column(1.0, np.nan, 9.0)), before={"values": 1.0})) == [2]


def test_rows_of_an_impossible_time_are_left_out() -> None:
    batch = batch_of(column(1.0, 50.0, 1.1), t_ns=[NOW - 2 * SECOND // 10, 2**63 - 1, NOW])
    sound = np.array([True, False, True])
    assert rows(flagged(batch, sound=sound, before={"values": 1.0})) == []


@pytest.mark.parametrize("huge", [1e308, -1e308, np.inf, np.nan])
def test_arithmetic_over_the_end_of_numbers_does_not_warn(huge: float) -> None:
    got = flagged(batch_of(column(huge, -huge, 1.0)), before={"values": 1.0})
    assert 0 not in rows(got) if not np.isfinite(huge) else rows(got) == [0, 1, 2]


def slow(batch: Batch, last: float, at: int, sound: list[bool]) -> list[int]:
    """The rule, row by row."""
    found, value, t = [], last, at
    for r, ok in enumerate(sound):
        v, told = float(batch.values[r, 0]), int(batch.quality[r, 0])
        if not ok or not np.isfinite(v) or told > Quality.UNCERTAIN:
            continue
        now = int(batch.t_ns[r])
        if not np.isnan(value) and abs(v - value) > X.rate * ((now - t) * 1e-9) + X.resolution:
            found.append(r)
        value, t = v, now
    return found


VALUE = st.floats(0, 5) | st.sampled_from([np.nan, np.inf, 1e300, 0.0])


@given(
    st.lists(
        st.tuples(VALUE, st.sampled_from([0, 0, 0, 1, 2, 3]), st.booleans()),
        min_size=1,
        max_size=70,
    ),
    VALUE,
    st.sampled_from(["good", "broken"]),
)
def test_it_is_the_plain_rule_row_by_row(
    cells: list[tuple[float, int, bool]], last: float, kind: str
) -> None:
    values = column(*(c[0] for c in cells))
    quality = np.zeros(values.shape, np.uint8)
    sound = np.ones(len(cells), np.bool_)
    if kind == "broken":
        quality[:, 0] = [c[1] for c in cells]
        sound[:] = [c[2] for c in cells]
    batch = batch_of(values, quality)
    at = int(batch.t_ns[0]) - SECOND
    last = last if np.isfinite(last) else np.nan
    with np.errstate(all="ignore"):
        expected = slow(batch, last, at, sound.tolist())
        assert rows(flagged(batch, before={"values": last, "at": at}, sound=sound)) == expected


def test_at_the_gate_a_jump_costs_plausibility_once() -> None:
    line = Line()
    line.read()
    got = line.read(values={LEVEL: 7.0})
    assert rules(got) == ["rate"]
    assert got.admitted.label.axes[Axis.PLAUSIBILITY, 0].tolist() == [rate.CAP, 255, 255, 255, 255]
    assert rules(line.read(values={LEVEL: 7.05})) == []
