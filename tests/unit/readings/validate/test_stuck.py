"""stuck: a tag that must vary and does not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.unit.readings.world import SECOND, Line, plausible, rules, site_of, told
from twinvouch.core.batch import Quality
from twinvouch.core.declared import Declarations
from twinvouch.core.finding import Severity
from twinvouch.core.inventory import Tag
from twinvouch.readings.gate import Accepted
from twinvouch.readings.validate import stuck

TAGS = [Tag("a/x", "m", resolution=0.01, group="fast"), Tag("a/y", "m", group="fast")]
LIMIT = 10  # seconds; the group's max_age is 5


def line(limit_s: float = LIMIT) -> Line:
    return Line(site_of(TAGS, declared=Declarations(varies_ns={"a/x": int(limit_s * SECOND)})))


def caps(plant: Line, got: Accepted) -> list[int]:
    return plausible(got, "a/x", plant.site.plant.groups["fast"])


def read(plant: Line, value: float, after_s: float = 1, quality: int = 0) -> Accepted:
    marks = np.array([[quality, 0]], np.uint8)
    return plant.read(after_s, values={"a/x": value}, quality=marks)


def test_a_tag_that_varies_is_clean() -> None:
    plant = line()
    got = [read(plant, 5 + 0.02 * (n % 2)) for n in range(60)]
    assert [rules(g) for g in got] == [[]] * 60


def test_a_frozen_value_is_found_after_its_time_and_told_again_each_time_that_has_passed() -> None:
    plant = line()
    got = [read(plant, 5.0) for _ in range(35)]
    assert [i for i, g in enumerate(got) if rules(g)] == [10, 20, 30]
    (finding,) = told(got[10], "stuck")
    assert (finding.subject, finding.severity, finding.technique) == (
        "a/x", Severity.MEDIUM, "T0856",
    )  # fmt: skip
    assert "`a/x` has not changed by more than 0.01 m for 10 s, it varies within 10 s" in (
        finding.sentence
    )
    assert dict(finding.evidence) == {"still_s": 10.0, "limit_s": 10.0}
    assert [caps(plant, g)[0] for g in got] == [255] * 10 + [stuck.CAP] * 25
    assert plant.frame.label(["a/x"], plant.now).axes[2].tolist() == [stuck.CAP]


def test_noise_inside_the_resolution_is_no_change() -> None:
    plant = line()
    got = [read(plant, 5 + 0.004 * (-1) ** n) for n in range(12)]
    assert [i for i, g in enumerate(got) if rules(g)] == [10]


def test_slow_creeping_is_a_change() -> None:
    plant = line()
    got = [read(plant, 5 + 0.002 * n) for n in range(60)]
    assert [rules(g) for g in got] == [[]] * 60


def test_its_next_change_is_told_and_trusted() -> None:
    plant = line()
    for _ in range(14):
        read(plant, 5.0)
    got = read(plant, 6.0)
    (finding,) = got.admitted.findings
    assert (finding.rule, finding.severity) == ("stuck", Severity.INFO)
    assert "`a/x` changes again after 13 s" in finding.sentence
    assert caps(plant, got) == [255]
    assert [rules(read(plant, 6.0)) for _ in range(9)] == [[]] * 9
    assert rules(read(plant, 6.0)) == ["stuck"], "and a new episode begins"


def test_a_legitimate_rest_shorter_than_declared_is_clean() -> None:
    plant = line()
    for level in (5.0, 6.0, 5.5, 5.0):
        assert [rules(read(plant, level)) for _ in range(9)] == [[]] * 9


def test_what_was_missing_was_not_seen_standing_still() -> None:
    plant = line()
    for _ in range(5):
        read(plant, 5.0)
    for _ in range(20):
        assert told(read(plant, 5.0, quality=Quality.MISSING), "stuck") == []
    assert [told(read(plant, 5.0), "stuck") for _ in range(6)] == [[]] * 6
    assert len(told(read(plant, 5.0), "stuck")) == 1, "4 s before the gap and 6 s after it"
    quiet = line()
    read(quiet, 5.0)
    assert told(read(quiet, 5.0, after_s=3600), "stuck") == [], "nor is an outage"


def test_a_short_gap_counts() -> None:
    plant = line()
    marks = [0, 0, Quality.MISSING, Quality.BAD, 0, 0, 0, 0, 0, 0, 0]
    found = [told(read(plant, 5.0, quality=mark), "stuck") for mark in marks]
    assert [len(f) for f in found] == [0] * 10 + [1]


def test_inside_one_long_batch_every_stretch_is_found() -> None:
    """A replay has days in one batch: still at the beginning, in the middle and at the end."""
    site = site_of(TAGS, declared=Declarations(varies_ns={"a/x": LIMIT * SECOND}))
    site.plant.groups["fast"].__dict__["max_age_ns"] = 1000 * SECOND
    plant = Line(site)
    column = np.array([5.0] * 14 + [5, 6] * 5 + [7.0] * 21 + [5, 6] * 5 + [8.0] * 12)
    times = plant.now + np.arange(len(column)) * SECOND
    plant.now = int(times[-1])
    got = plant.read(0, t_ns=times, values={"a/x": column})
    flagged = [r for r, cap in enumerate(caps(plant, got)) if cap < 255]
    assert flagged[:5] == [10, 11, 12, 13, 14]
    middle = [r for r in flagged if 15 <= r < 45]
    assert middle[-1] == 44
    assert 34 <= middle[0] <= 39, "found at latest half the time later"
    assert flagged[-2:] == [len(column) - 2, len(column) - 1]
    assert len(told(got, "stuck")) == 1


@pytest.mark.parametrize("hostile", [np.nan, np.inf, 1e308, -1e308])
def test_hostile_values_are_other_rules_business(hostile: float) -> None:
    plant = line()
    for n in range(30):
        got = read(plant, hostile if n % 2 else 5.0 + n)
        assert told(got, "stuck") == []


def slow(values: list[float | None]) -> list[bool]:
    """Row by row, 1 s apart: still for LIMIT since the first of equal readings, silences over 5 s left out."""
    found, value, still, last = [], None, 0, 0
    for t, v in enumerate(values):
        if v is None:
            found.append(False)
            continue
        gap = t - last if t - last <= 5 else 0
        still = still + gap if v == value else 0
        value, last = v, t
        found.append(still >= LIMIT)
    return found


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([5.0, 6.0, None]), st.integers(1, 14)), max_size=12),
    st.data(),
)
def test_it_is_the_plain_rule_in_however_many_batches_and_over_restarts(
    stretches: list[tuple[float | None, int]], data: st.DataObject
) -> None:
    values: list[float | None] = [5.0, *(v for v, n in stretches for _ in range(n))]
    plant, found = line(), []
    while len(found) < len(values):
        size = data.draw(st.integers(1, 4))
        part = values[len(found) : len(found) + size]
        plant.now += len(part) * SECOND
        times: NDArray[np.int64] = plant.now - np.arange(len(part))[::-1] * SECOND
        marks = np.array([[Quality.MISSING if v is None else 0, 0] for v in part], np.uint8)
        column = [0.0 if v is None else v for v in part]
        got = plant.read(0, t_ns=times, values={"a/x": column}, quality=marks)
        found += [cap == stuck.CAP for cap in caps(plant, got)]
        plant = plant.restart() if data.draw(st.booleans()) else plant
    assert found == slow(values)
