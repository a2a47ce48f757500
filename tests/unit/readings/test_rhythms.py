"""Groups of different rhythms in one frame: what is live, what is late, what is unchanged, what is silent."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings.world import NOW, SECOND, Line, rules, site_of
from twinvouch.core.batch import Quality
from twinvouch.core.inventory import Axis, Edge, Rhythm, Tag
from twinvouch.readings.gate import Accepted
from twinvouch.readings.late import NAME
from twinvouch.readings.link import Link, read_link, write_link
from twinvouch.twin.frame import BEFORE_ALL, Frame
from twinvouch.wire.cbor import decode, encode

A, B, C = "cell/a", "cell/b", "cell/c"
FAST = "tank/level"
TAGS = (
    Tag(FAST, "m", 0.0, 10.0, group="fast"),
    Tag(A, "m", 0.0, 10.0, group="slow"),
    Tag(B, "m", 0.0, 10.0, group="slow"),
    Tag(C, "m", 0.0, 10.0, rate=1.0, group="slow"),
)
ABSENT = Quality.MISSING


def line_of(lateness_s: int = 10, rhythm: Rhythm = Rhythm.EXCEPTION) -> Line:
    """One edge with a scan group `fast` and a group `slow` of the rhythm asked for."""
    site = site_of(TAGS)
    slow = replace(site.plant.groups["slow"], edge="edge-1", rhythm=rhythm)
    plant = replace(
        site.plant,
        groups={"fast": site.plant.groups["fast"], "slow": slow},
        edges={"edge-1": Edge("edge-1", ("fast", "slow"), 130, lateness_s * SECOND)},
    )
    return Line(replace(site, plant=plant))


def tell(line: Line, t_ns: list[int], quality: int = Quality.GOOD, **told: float) -> Accepted:
    """One batch of `slow` with one row a time, each telling the same tags (a, b, c); the others say nothing."""
    values = {f"cell/{name}": value for name, value in told.items()}
    marks = [[quality if tag in values else ABSENT for tag in (A, B, C)]] * len(t_ns)
    got = line.send(
        line.next(group="slow", t_ns=t_ns, values=values, quality=np.array(marks, np.uint8)), 0
    )
    assert isinstance(got, Accepted), got
    return got


def live(line: Line) -> list[tuple[float, int, int] | None]:
    lasts = [line.frame.last(tag) for tag in (FAST, A, B, C)]
    return [None if x is None else (x.value, x.quality, x.t_ns) for x in lasts]


def test_a_tag_that_is_not_told_is_unchanged_and_ages_by_itself() -> None:
    line = line_of()
    tell(line, [line.now], a=1.0, b=2.0)
    line.now += 3 * SECOND
    tell(line, [line.now], b=3.0)
    assert [line.frame.value(t) for t in (A, B, C)] == [1.0, 3.0, None]
    label = line.frame.label([A, B], line.now)
    assert label.axes.min(axis=0).tolist() == [130, 130]
    assert (label.fresh_until - line.now).tolist() == [2 * SECOND, 5 * SECOND]
    assert line.frame.label([A, B], line.now + 3 * SECOND).axes[Axis.PLAUSIBILITY].tolist() == [
        0, 255,
    ]  # fmt: skip
    assert (line.frame.entry(A), line.frame.entry(B)) == (0, 1)


def test_in_a_scan_group_the_same_absence_is_missing_at_once() -> None:
    line = line_of(rhythm=Rhythm.SCAN)
    tell(line, [line.now], a=1.0, b=2.0)
    line.now += SECOND
    tell(line, [line.now], b=3.0)
    assert [line.frame.value(t) for t in (A, B)] == [None, 3.0]


def test_an_explicit_bad_counts_for_nothing_at_once() -> None:
    line = line_of()
    tell(line, [line.now], a=1.0, b=2.0)
    line.now += SECOND
    assert rules(tell(line, [line.now], Quality.BAD, a=1.0)) == ["quality"]
    assert line.frame.label([A, B], line.now).axes.min(axis=0).tolist() == [0, 130]


def test_of_two_of_one_time_the_one_that_came_later_is_live() -> None:
    line = line_of()
    tell(line, [NOW], a=1.0)
    assert rules(tell(line, [NOW], a=2.0)) == []
    assert line.frame.value(A) == 2.0
    got = line.send(line.next(group="slow", t_ns=[NOW, NOW], values={A: [3.0, 4.0]}), 0)
    assert rules(got) == []
    assert line.frame.value(A) == 4.0


def test_groups_of_different_rates_are_fresh_each_by_its_own_age() -> None:
    line = line_of(rhythm=Rhythm.SCAN)
    tell(line, [line.now], a=1.0, b=1.0, c=1.0)
    for _ in range(6):
        line.read()
        line.now += SECOND
    assert line.frame.label([FAST, A], line.now).axes[Axis.PLAUSIBILITY].tolist() == [255, 0]


def test_a_row_before_the_watermark_of_its_edge_is_history_only() -> None:
    line = line_of(lateness_s=10)
    line.read(t_ns=[line.now])
    got = tell(line, [line.now - 11 * SECOND, line.now - 9 * SECOND], a=1.0)
    assert [f.rule for f in got.admitted.findings] == ["late", "stale"]
    assert got.admitted.findings[0].rows == 1
    assert got.admitted.in_live.tolist() == [False, True]
    assert live(line)[1] == (1.0, Quality.GOOD, line.now - 9 * SECOND)


@pytest.mark.parametrize("rhythm", list(Rhythm))
def test_what_is_late_never_changes_the_frame(rhythm: Rhythm) -> None:
    line = line_of(lateness_s=10, rhythm=rhythm)
    line.read(t_ns=[line.now])
    before = line.frame.rows("slow")
    got = tell(line, [line.now - 20 * SECOND], a=9.0, b=9.0, c=9.0)
    assert NAME in rules(got)
    assert not got.admitted.in_live.any()
    assert line.frame.rows("slow") == before


def test_a_reading_older_than_the_live_one_of_its_tag_is_late_and_not_compared() -> None:
    line = line_of()
    tell(line, [NOW], c=1.0)
    got = tell(line, [NOW - SECOND], a=2.0, c=9.0)
    assert rules(got) == ["late"], "a step of 8 m back in time is no step"
    assert got.admitted.findings[0].rows == 1
    assert [line.frame.value(t) for t in (A, C)] == [2.0, 1.0]


def test_the_watermark_is_never_ahead_of_the_cores_clock() -> None:
    line = line_of(lateness_s=1)
    tell(line, [line.now + 4 * SECOND], a=1.0)
    assert line.links["edge-1"].newest_ns == line.now
    assert rules(tell(line, [line.now - SECOND], b=1.0)) == []


def test_a_time_that_cannot_be_moves_no_watermark() -> None:
    line = line_of()
    tell(line, [NOW], a=1.0)
    assert rules(tell(line, [NOW + 100 * SECOND], a=2.0)) == ["clock"]
    assert rules(tell(line, [0], a=2.0)) == ["clock"]
    assert line.links["edge-1"].newest_ns == NOW
    assert line.frame.value(A) == 1.0


def test_rows_of_one_batch_do_not_make_each_other_late() -> None:
    line = line_of(lateness_s=1)
    got = tell(line, [line.now - 4 * SECOND, line.now], a=1.0)
    assert got.admitted.in_live.all()


def test_silence_is_told_of_each_tag_once_an_episode() -> None:
    line = line_of()
    tell(line, [line.now], a=1.0, b=1.0)
    line.now += 4 * SECOND
    tell(line, [line.now], b=2.0)
    assert [f.subject for f in line.tick(2)] == [A]
    assert line.tick(1) == []
    assert [f.subject for f in line.tick(4)] == [B]
    tell(line, [line.now], a=2.0)
    assert line.tick(1) == []
    assert [f.subject for f in line.tick(5)] == [A], "a new episode"


def test_beyond_a_hundred_silent_tags_one_finding_speaks_of_the_rest() -> None:
    tags = [Tag(f"cell/t{n:03}", "m", group="slow") for n in range(130)]
    site = site_of((*tags, TAGS[0]))
    slow = replace(site.plant.groups["slow"], rhythm=Rhythm.EXCEPTION)
    groups = {**site.plant.groups, "slow": slow}
    line = Line(replace(site, plant=replace(site.plant, groups=groups)))
    content = line.content("edge-2", "slow", t_ns=[line.now])
    line.send(line.sealed(content, "edge-2"), 0)
    found = line.tick(6)
    assert len(found) == 101
    assert (found[-1].subject, found[-1].evidence[0]) == ("edge-2", ("tags", 30.0))


def test_a_link_stored_before_there_were_watermarks_is_read() -> None:
    link = Link("edge-1", 1, 2, bytes(32), NOW, newest_ns=NOW)
    assert read_link(write_link(link)) == link
    stored: Any = decode(write_link(link))
    old = encode([1, *stored[1:-1]])
    assert read_link(old) == replace(link, newest_ns=BEFORE_ALL)


def test_what_is_stored_and_restored_has_the_same_watermark_and_frame() -> None:
    line = line_of(lateness_s=2)
    tell(line, [NOW], a=1.0)
    other = line_of(lateness_s=2)
    other.links = {e: read_link(write_link(x)) for e, x in line.links.items()}
    other.frame = Frame(other.site.plant)
    other.frame.restore("slow", line.frame.rows("slow"))
    raw = line.next(group="slow", t_ns=[NOW - 3 * SECOND], values={A: 2.0, B: 2.0})
    mine, theirs = line.send(raw), other.send(raw)
    assert rules(mine) == rules(theirs) == ["late"]
    assert live(line) == live(other)


READING = st.tuples(st.sampled_from("ab"), st.integers(0, 9_000_000_000), st.integers(0, 10))


@given(st.lists(READING, min_size=1, max_size=12, unique_by=lambda r: r[:2]), st.data())
def test_any_order_of_the_same_readings_within_max_lateness_gives_the_same_frame(
    readings: list[tuple[str, int, int]], data: st.DataObject
) -> None:
    frames = []
    for order in (readings, data.draw(st.permutations(readings))):
        line = line_of(lateness_s=10)
        for name, ago, value in order:
            tell(line, [NOW - ago], **{name: float(value)})
        frames.append(line.frame.rows("slow"))
        newest = {n: min(r[1] for r in readings if r[0] == n) for n, _, _ in readings}
        for name, ago in newest.items():
            last = line.frame.last(f"cell/{name}")
            assert last is not None
            assert last.t_ns == NOW - ago
    ignoring = [decode(f) for f in frames]
    for stored in ignoring:  # which entry spoke last differs with the order, as do nothing else
        assert isinstance(stored, list)
        stored[9] = None
    assert str(ignoring[0]) == str(ignoring[1])


@given(st.lists(READING, min_size=1, max_size=8), st.integers(11, 10_000))
def test_late_readings_never_change_it(readings: list[tuple[str, int, int]], by_s: int) -> None:
    line = line_of(lateness_s=10)
    tell(line, [NOW], c=1.0)
    before = line.frame.rows("slow")
    for name, ago, value in readings:
        got = tell(line, [NOW - by_s * SECOND - ago], **{name: float(value)})
        assert NAME in rules(got)
    assert line.frame.rows("slow") == before
