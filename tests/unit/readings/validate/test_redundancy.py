"""redundancy: tags that measure one quantity against each other."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.readings.world import SECOND, Line, plausible, rules, site_of, told
from twinvouch.core.batch import Quality
from twinvouch.core.context import Context
from twinvouch.core.declared import Declarations, Redundancy
from twinvouch.core.finding import Severity
from twinvouch.core.inventory import ClassRule, CommandClass, Rhythm, Tag
from twinvouch.core.label import Axis
from twinvouch.readings.gate import Accepted
from twinvouch.readings.validate import redundancy
from twinvouch.readings.validate.redundancy import vote

A, B, C, SLOW = "a/x", "b/x", "c/x", "d/x"
TAGS = [Tag(name, "m", group="fast") for name in (A, B, C)] + [Tag(SLOW, "m", group="slow")]


def line(*tags: str, settle_s: float = 0, slow: dict[str, Any] | None = None) -> Line:
    told_ = Redundancy("level", tags, 0.1, int(settle_s * SECOND))
    return Line(site_of(TAGS, declared=Declarations(redundancy=(told_,)), slow=slow))


def read(plant: Line, after_s: float = 0.1, **values: float) -> Accepted:
    """`a`, `b`, `c` of the fast group; what is not given is 5."""
    columns = {f"{name}/x": values.get(name, 5.0) for name in "abc"}
    return plant.read(after_s, values=columns)


def slow(plant: Line, value: float, after_s: float = 0.1) -> Accepted:
    got = plant.send(plant.next("edge-2", "slow", values={SLOW: value}), after_s)
    assert isinstance(got, Accepted)
    return got


def caps(plant: Line, got: Accepted) -> dict[str, int]:
    group = plant.site.plant.groups[got.admitted.batch.group]
    return {tag: plausible(got, tag, group)[-1] for tag in group.ids}


def now(plant: Line, tag: str) -> int:
    return int(plant.frame.label([tag], plant.now).axes[Axis.PLAUSIBILITY, 0])


def test_tags_that_agree_are_clean() -> None:
    plant = line(A, B, C)
    assert rules(read(plant, a=4.95, b=5.0, c=5.05)) == []


def test_of_three_the_outlier_is_named_and_capped() -> None:
    plant = line(A, B, C)
    got = read(plant, b=6.5)
    (finding,) = got.admitted.findings
    assert (finding.rule, finding.subject, finding.severity, finding.technique) == (
        "redundancy", B, Severity.HIGH, "T0856",
    )  # fmt: skip
    assert (
        "`b/x` is 6.5 m; 2 tags that measure the same say 5 m, tolerance of `level` is 0.1 m"
        in (finding.sentence)
    )
    assert dict(finding.evidence) == {"value": 6.5, "tolerance": 0.1, "others": 5.0}
    assert caps(plant, got) == {A: 255, B: redundancy.CAP, C: 255}


def test_two_against_each_other_are_both_capped_and_none_is_named() -> None:
    plant = line(A, B)
    got = read(plant, b=6.5)
    (finding,) = got.admitted.findings
    assert finding.subject == "level"
    assert "which is wrong is not known" in finding.sentence
    assert dict(finding.evidence)["apart"] == 1.5
    assert caps(plant, got) == {A: redundancy.CAP, B: redundancy.CAP, C: 255}


def test_three_that_all_differ_have_no_majority() -> None:
    plant = line(A, B, C)
    got = read(plant, a=4, b=5, c=6)
    assert told(got, "redundancy")[0].subject == "level"
    assert set(caps(plant, got).values()) == {redundancy.CAP}


def test_a_legitimate_change_moves_all_of_them() -> None:
    plant = line(A, B, C)
    for level in np.linspace(5, 9, 40):
        assert rules(read(plant, a=level, b=level + 0.04, c=level - 0.04)) == []


def test_of_three_with_one_missing_two_are_left() -> None:
    plant = line(A, B, C)
    marks = np.array([[0, 0, Quality.MISSING]], np.uint8)
    got = plant.read(values={A: 5.0, B: 6.5, C: 5.0}, quality=marks)
    assert told(got, "redundancy")[0].subject == "level"
    assert caps(plant, got) == {A: redundancy.CAP, B: redundancy.CAP, C: 0}
    alone = np.array([[0, Quality.BAD, Quality.MISSING]], np.uint8)
    got = plant.read(values={A: 5.0, B: 6.5, C: 5.0}, quality=alone)
    assert told(got, "redundancy") == [], "alone it is compared with nobody"


def graded(*identity: int, distrusted: Mapping[str, int] | None = None) -> Line:
    """Two on edge-1 (cap 130) and one on edge-2 (cap 120) that measure the same; what classes demand, A first."""
    plant = line(A, B, SLOW)
    classes = {
        letter: ClassRule(least, 100, 100, 0, 1, SECOND, SECOND)
        for letter, least in zip(CommandClass, identity, strict=False)
    }
    site = replace(plant.site, plant=replace(plant.site.plant, classes=classes))
    return Line(site, context=Context(distrusted=distrusted or {}))


def test_one_that_falls_short_of_a_class_does_not_decide_between_those_that_do_not() -> None:
    plant = graded(130)
    slow(plant, 6.5)
    got = read(plant, b=6.5)
    (finding,) = got.admitted.findings
    assert (finding.subject, dict(finding.evidence)["apart"]) == ("level", 1.5)
    assert "`a/x` is 5 m, `b/x` is 6.5 m: all measure the same" in finding.sentence
    assert caps(plant, got) == {A: redundancy.CAP, B: redundancy.CAP, C: 255}
    assert now(plant, SLOW) == 255


def test_one_that_falls_short_of_the_highest_class_only_may_accuse() -> None:
    plant = graded(130, 100)
    read(plant, b=float("nan"))
    assert told(slow(plant, 9.0), "redundancy")[0].subject == "level"
    assert now(plant, A) == redundancy.CAP
    slow(plant, 6.5)
    got = read(plant, b=6.5)
    assert caps(plant, got) == {A: redundancy.CAP, B: redundancy.CAP, C: 255}, "it acquits nobody"


def test_one_that_falls_short_of_every_class_is_flagged_and_flags_nobody() -> None:
    plant = graded(130)
    slow(plant, 9.0)
    got = read(plant)
    assert told(got, "redundancy")[0].subject == SLOW
    assert caps(plant, got) == {A: 255, B: 255, C: 255}
    assert now(plant, SLOW) == redundancy.CAP
    plant = graded(130)
    read(plant, b=float("nan"))
    assert told(slow(plant, 9.0), "redundancy")[0].sentence.startswith("`d/x` is 9")
    assert now(plant, A) == 255


def test_those_that_reach_the_same_classes_vote_together() -> None:
    plant = graded(120)
    slow(plant, 6.5)
    got = read(plant, b=6.5)
    assert told(got, "redundancy")[0].subject == A
    assert caps(plant, got) == {A: redundancy.CAP, B: 255, C: 255}


def test_one_that_a_person_distrusts_neither_acquits_nor_accuses() -> None:
    plant = graded(100, distrusted={SLOW: 2**62})
    slow(plant, 6.5)
    assert caps(plant, read(plant, b=6.5)) == {A: redundancy.CAP, B: redundancy.CAP, C: 255}
    slow(plant, 9.0)
    assert caps(plant, read(plant, b=float("nan"))) == {A: 255, B: 0, C: 255}
    plant = graded(100, distrusted={SLOW: 1})
    slow(plant, 6.5)
    assert caps(plant, read(plant, b=6.5)) == {A: redundancy.CAP, B: 255, C: 255}, "it is over"


def test_a_difference_shorter_than_settle_is_let_pass() -> None:
    plant = line(A, B, C, settle_s=2)
    assert [rules(read(plant, 1, b=6.5)) for _ in range(2)] == [[], []]
    assert rules(read(plant, 1)) == []
    assert [rules(read(plant, 1, b=6.5)) for _ in range(2)] == [[], []]
    assert plant.restart().context.memos.keys() == {"redundancy/level"}
    assert rules(read(plant.restart(), 1, b=6.5)) == ["redundancy"], "the run outlives a restart"


def test_another_scan_group_is_compared_by_what_is_live() -> None:
    plant = line(A, SLOW)
    slow(plant, 5.0)
    assert rules(read(plant)) == []
    got = read(plant, a=6.5)
    assert caps(plant, got)[A] == redundancy.CAP
    assert now(plant, SLOW) == redundancy.CAP, "the live value of the other counts for less at once"
    assert rules(slow(plant, 6.5)) == []
    assert now(plant, SLOW) == 255
    assert rules(read(plant, a=6.5)) == []


def test_what_is_not_fresh_is_no_witness() -> None:
    plant = line(A, SLOW)
    slow(plant, 5.0)
    assert rules(read(plant, 6.0, a=6.5)) == []
    assert now(plant, A) == 255


def test_a_slow_group_and_a_moving_quantity_need_the_time_to_settle() -> None:
    """The asynchronous case: one value a minute of a level that rises by 0.15 m meanwhile."""
    minute = {"period_ns": 60 * SECOND, "max_age_ns": 90 * SECOND}
    strict, patient = line(A, SLOW, slow=minute), line(A, SLOW, slow=minute, settle_s=60)
    for plant, expected in ((strict, True), (patient, False)):
        found = []
        for second in range(300):
            level = 5 + second * 0.0025
            if second % 60 == 0:
                slow(plant, level, 0)
            found += rules(read(plant, 1, a=level))
        assert bool(found) is expected
    slow(patient, level, 0)
    for _ in range(62):
        found = rules(read(patient, 1, a=9.0))
    assert found == ["redundancy"], "and what stays apart is still found"


def test_in_a_group_by_exception_what_is_not_told_is_unchanged() -> None:
    other = Tag("e/x", "m", group="slow")
    by_exception = {"rhythm": Rhythm.EXCEPTION, "max_age_ns": 3600 * SECOND}
    rule = Redundancy("level", (SLOW, other.id), 0.1)
    site = site_of([*TAGS, other], declared=Declarations(redundancy=(rule,)), slow=by_exception)
    plant = Line(site)
    plant.send(plant.next("edge-2", "slow", values={SLOW: 5.0, other.id: 5.0}))
    marks = np.array([[0, Quality.MISSING]], np.uint8)
    got = plant.send(plant.next("edge-2", "slow", values={SLOW: 7.0}, quality=marks), 60)
    assert isinstance(got, Accepted)
    assert told(got, "redundancy")[0].subject == "level"
    assert [now(plant, t) for t in (SLOW, other.id)] == [redundancy.CAP, redundancy.CAP]


def test_rows_that_never_become_live_are_not_compared() -> None:
    plant = line(A, B, C)
    old = plant.now - 60 * SECOND
    got = plant.read(t_ns=[old], values={A: 5.0, B: 6.5, C: 5.0})
    assert "redundancy" not in rules(got)


@pytest.mark.parametrize("hostile", [np.nan, np.inf, -np.inf, 1.7e308, -1.7e308])
def test_hostile_values_are_outvoted_or_absent(hostile: float) -> None:
    got = read(line(A, B, C), b=hostile)
    found = told(got, "redundancy")
    assert [f.subject for f in found] == ([B] if np.isfinite(hostile) else [])
    assert all(np.isfinite(n) for f in found for _, n in f.evidence)
    two = told(read(line(A, B), a=-1.7e308, b=1.7e308), "redundancy")
    assert all(np.isfinite(n) for f in two for _, n in f.evidence)


VALUES = st.lists(st.floats(0, 10) | st.just(np.nan), min_size=2, max_size=6)


@given(VALUES, st.randoms())
def test_the_vote_knows_no_order_and_never_blames_a_majority_that_agrees(
    values: list[float], random: Any
) -> None:
    wrong, named = vote(np.array([values]), 1.0)
    present = [n for n, v in enumerate(values) if not np.isnan(v)]
    shuffled = random.sample(range(len(values)), len(values))
    again, named_again = vote(np.array([[values[n] for n in shuffled]]), 1.0)
    assert again[0].tolist() == [wrong[0, n] for n in shuffled]
    assert named[0] == named_again[0] or not present
    assert not wrong[0][[n for n in range(len(values)) if n not in present]].any()
    if len(present) < 2:
        assert not wrong.any()
    spread = np.ptp([values[n] for n in present]) if present else 0
    if spread <= 1.0:
        assert not wrong.any()
    elif len(present) == 2 or spread > 2.0:
        assert wrong.any(), "who is far from the median is seen"
    if wrong.any():
        assert not named[0] or 2 * wrong[0].sum() < len(present)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=25), st.data())
def test_settle_is_a_plain_count_in_however_many_batches(
    apart: list[bool], data: st.DataObject
) -> None:
    plant, at, run, expected, found = line(A, B, C, settle_s=3), 0, 0, [], []
    for is_apart in apart:
        run = run + 1 if is_apart else 0
        expected.append(redundancy.CAP if run > 3 else 255)
    while at < len(apart):
        part = apart[at : at + data.draw(st.integers(1, 4))]
        at += len(part)
        plant.now += len(part) * SECOND
        times = plant.now - np.arange(len(part))[::-1] * SECOND
        got = plant.read(0, t_ns=times, values={A: 5.0, B: [5 + 2.0 * p for p in part], C: 5.0})
        found += plausible(got, B, plant.site.plant.groups["fast"])
        plant = plant.restart() if data.draw(st.booleans()) else plant
    assert found == expected
