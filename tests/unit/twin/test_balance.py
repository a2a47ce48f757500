"""A tank that is filled at 36 m3/h and emptied at 18: it rises by 18 m3 an hour, 0.18 m at 100 m2."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.core.virtual import HOUR_NS, Curve, Flow, Instead, StandIn, Virtual
from twinvouch.twin.balance import (
    Reading,
    Situation,
    Track,
    estimate,
    forgotten,
    is_blind,
    marked,
    metered,
)

MINUTE = HOUR_NS // 60
IN, OUT, LEVEL = "tank/inflow", "tank/outflow", "tank/level"
GOOD = (200, 200, 200, 200)
TANK = Virtual(
    tag=LEVEL,
    levels=(0.0, 10.0),
    volumes=(0.0, 1000.0),
    flows=(Flow(IN, 1 / 3600, 36.0), Flow(OUT, -1 / 3600, 18.0)),
    error=0.02,
    curves={
        frozenset(): Curve((1.0, 8.0), (0.05, 0.2)),
        frozenset({OUT}): Curve((1.0, 8.0), (0.5, 2.0)),
    },
    low=1.0,
    high=9.0,
    max_blind_ns=8 * HOUR_NS,
    window_ns=HOUR_NS,
    settle_ns=HOUR_NS,
    gap_ns=10 * MINUTE,
)


def rows(value: float, at_ns: int, entry: int = 0, axes: Any = GOOD) -> Reading:
    return Reading(np.array([at_ns]), np.array([value]), axes, entry)


def watched(minutes: int, lie: float = 0.0, since: int = 10**9, v: Virtual = TANK) -> Track:
    """Minute by minute from 5 m on; from minute `since` on the level is off by `lie`."""
    track = Track()
    for n in range(minutes + 1):
        at = n * MINUTE
        track = metered(v, track, IN, rows(36.0, at, 3 * n))
        track = metered(v, track, OUT, rows(18.0, at, 3 * n + 1))
        level = 5.0 + 0.18 * n / 60 + (lie if n >= since else 0.0)
        track = marked(v, track, rows(level, at, 3 * n + 2), at)
    return track


def blind(track: Track, first: int, last: int, flows: tuple[str, ...] = (IN, OUT)) -> Track:
    for n in range(first, last + 1):
        for tag, flow in ((IN, 36.0), (OUT, 18.0)):
            if tag in flows:
                track = metered(TANK, track, tag, rows(flow, n * MINUTE, 3 * n))
    return track


def at(minute: int, since: int, **but: Any) -> Situation:
    return Situation(minute * MINUTE, since * MINUTE, **but)


def told(found: StandIn | None) -> StandIn:
    assert found is not None
    return found


def test_it_goes_on_by_the_meters_from_before_the_window() -> None:
    track = blind(watched(120), 121, 360)
    found = told(estimate(TANK, track, at(360, 120)))
    assert found.value == pytest.approx(5.0 + 0.18 * 6)
    assert found.hours_blind == pytest.approx(5.0)
    half = 0.02 + 0.05 + 0.15 * 4 / 7
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half))
    assert found.sources == (IN, OUT)
    assert found.axes == GOOD
    assert dict(found.rests)[IN] == 3 * 360


def test_a_lie_of_the_last_hour_widens_the_interval_and_does_not_move_the_estimate_at_first() -> (
    None
):
    honest = told(estimate(TANK, watched(120), at(121, 120)))
    lying = told(estimate(TANK, watched(120, lie=2.0, since=70), at(121, 120)))
    truth = 5.0 + 0.18 * 121 / 60
    assert lying.value == pytest.approx(truth + 2.0, abs=0.01)
    assert lying.low < truth < lying.high
    assert lying.high > truth + 2.0
    assert lying.low == pytest.approx(honest.low)


def test_after_a_while_it_moves_to_where_the_level_was_before_the_lie() -> None:
    track = blind(watched(120, lie=2.0, since=70), 121, 180)
    found = told(estimate(TANK, track, at(180, 120)))
    assert found.value == pytest.approx(5.0 + 0.18 * 3)
    assert found.high < found.value + 0.2


def test_independent_tags_confirm_or_refute_it_earlier() -> None:
    track = watched(120, lie=2.0, since=70)
    truth = 5.0 + 0.18 * 121 / 60
    moved = told(estimate(TANK, track, at(121, 120, witness=(truth, 0.1))))
    assert moved.value == pytest.approx(truth)
    stays = told(estimate(TANK, track, at(121, 120, witness=(truth + 2.0, 0.1))))
    assert stays.value == pytest.approx(truth + 2.0, abs=0.01)
    assert stays.low > truth + 1.5
    neither = told(estimate(TANK, track, at(121, 120, witness=(truth + 5.0, 0.1))))
    assert neither.low < truth < truth + 2.0 < neither.high


def test_without_a_mark_from_before_the_window_there_is_none() -> None:
    assert estimate(TANK, watched(50), at(51, 50)) is None
    assert estimate(TANK, Track(), at(51, 50)) is None


def test_a_lost_meter_is_replaced_by_its_usual_flow_where_that_was_calibrated() -> None:
    track = blind(watched(120), 121, 300, (IN,))
    whole = told(estimate(TANK, blind(watched(120), 121, 300), at(300, 120)))
    found = told(estimate(TANK, track, at(300, 120)))
    assert found.lost == (OUT,)
    assert found.value == pytest.approx(whole.value)
    assert found.high - found.low > 5 * (whole.high - whole.low)
    assert estimate(TANK, blind(watched(120), 121, 300, (OUT,)), at(300, 120)) is None


def test_what_a_lost_meter_says_is_not_used() -> None:
    honest = blind(watched(120), 121, 200)
    lying = watched(120)
    for n in range(121, 201):
        lying = metered(TANK, lying, IN, rows(36.0, n * MINUTE, 3 * n))
        lying = metered(TANK, lying, OUT, rows(5000.0, n * MINUTE, 3 * n))
    told_ = [estimate(TANK, t, at(200, 120, lost=(OUT,))) for t in (honest, lying)]
    assert told_[0] == told_[1]


def test_a_gap_of_a_meter_counts_as_lost_until_the_level_is_known_again() -> None:
    track = watched(120)
    for n in (*range(121, 130), *range(150, 200)):
        track = metered(TANK, track, OUT, rows(18.0, n * MINUTE))
        track = metered(TANK, track, IN, rows(36.0, n * MINUTE))
    assert estimate(TANK, track, at(199, 120)) is None, "no curve is for both"


def test_time_to_blind_is_when_growth_alone_reaches_a_limit_or_the_longest_time() -> None:
    track = watched(120)
    found = told(estimate(TANK, track, at(121, 120)))
    assert found.left_s == pytest.approx(8 * 3600 - found.hours_blind * 3600)
    near = replace(TANK, high=5.5)
    soon = told(estimate(near, track, at(121, 120)))
    assert 0 < soon.left_s < found.left_s
    assert not is_blind(near, soon)
    wide = replace(near, high=5.4)
    assert is_blind(wide, told(estimate(wide, track, at(121, 120))))


def test_what_is_disavowed_is_forgotten_and_what_was_before_it_still_carries() -> None:
    track = watched(180, lie=2.0, since=100)
    left = forgotten(track, (100 * MINUTE, 200 * MINUTE), (), is_level=True)
    found = told(estimate(TANK, left, at(181, 180)))
    assert found.value == pytest.approx(5.0 + 0.18 * 181 / 60)
    assert found.high < found.value + 0.2
    gone = forgotten(track, (0, 200 * MINUTE), (IN,), is_level=False)
    assert estimate(TANK, gone, at(181, 180)) is None


def test_the_worst_label_since_the_start_counts() -> None:
    track = watched(120)
    track = metered(TANK, track, IN, rows(36.0, 121 * MINUTE, 0, (200, 150, 200, 90)))
    track = metered(TANK, track, OUT, rows(18.0, 121 * MINUTE))
    assert told(estimate(TANK, track, at(121, 120))).axes == (200, 150, 200, 90)


def test_marks_are_bounded() -> None:
    assert len(watched(2000).marks) <= TANK.most_marks


CURVES = st.lists(st.tuples(st.floats(0.1, 5.0), st.floats(0.0, 2.0)), min_size=1, max_size=5).map(
    lambda steps: Curve(*(tuple(np.cumsum([s[k] for s in steps]).tolist()) for k in (0, 1)))
)


@given(curve=CURVES, hours=st.floats(0.0, 30.0), more=st.floats(0.0, 10.0))
def test_a_curve_rises_and_says_when_a_width_is_reached(
    curve: Curve, hours: float, more: float
) -> None:
    assert curve.at(0.0) == 0.0
    assert curve.at(hours + more) >= curve.at(hours)
    reached = curve.until(more)
    if np.isfinite(reached):
        assert curve.at(reached) == pytest.approx(more, abs=1e-6)
        assert curve.at(reached + 0.01) >= more - 1e-6


@given(lie=st.floats(-5, 5), minutes=st.integers(1, 300), lost=st.booleans())
def test_more_distrust_never_narrows(lie: float, minutes: int, *, lost: bool) -> None:
    """A lost meter only widens; the hull is never narrower than what one start alone would be."""
    track = blind(watched(120, lie=lie, since=80), 121, 120 + minutes)
    before = told(estimate(TANK, track, at(120 + minutes, 120)))
    alone = 2 * (TANK.error + TANK.curves[frozenset()].at(minutes / 60))
    assert before.high - before.low >= min(alone, 9.99) - 1e-9
    if lost:
        after = told(estimate(TANK, track, at(120 + minutes, 120, lost=(OUT,))))
        assert after.high - after.low >= before.high - before.low


def test_however_seldom_the_level_is_read_a_mark_from_before_the_window_is_kept() -> None:
    track = Track()
    for n in range(0, 600, 200):  # hours apart, with a window of one
        for tag, flow in ((IN, 36.0), (OUT, 18.0)):
            track = metered(replace(TANK, gap_ns=9 * HOUR_NS), track, tag, rows(flow, n * MINUTE))
        track = marked(TANK, track, rows(5.0 + 0.18 * n / 60, n * MINUTE), n * MINUTE)
    v = replace(TANK, gap_ns=9 * HOUR_NS)
    assert told(estimate(v, track, at(410, 400))).hours_blind == pytest.approx(210 / 60)


def test_a_persons_word_and_its_meters_are_two_groups_of_evidence() -> None:
    track = watched(120, lie=2.0, since=70)
    truth = 5.0 + 0.18 * 121 / 60
    moved = told(estimate(TANK, track, at(121, 120, is_said=True)))
    assert moved.value == pytest.approx(truth)
    assert moved.high < truth + 0.2
    false = told(estimate(TANK, watched(120), at(121, 120, is_said=True)))
    assert "hull" in false.why, "nothing contradicts it: it widens and does not move"
    small = watched(120, lie=0.05, since=70)
    assert "hull" in told(estimate(TANK, small, at(121, 120, is_said=True))).why


def test_a_meter_that_gives_means_is_added_up_by_rectangles() -> None:
    means = replace(TANK, flows=(replace(TANK.flows[0], is_mean=True), TANK.flows[1]))
    track = metered(TANK, Track(), IN, rows(0.0, 0))
    now_and_then = metered(TANK, track, IN, rows(36.0, MINUTE)).meters[IN].total
    mean = metered(means, track, IN, rows(36.0, MINUTE)).meters[IN].total
    assert (now_and_then, mean) == (18.0 * 60, 36.0 * 60)


def test_a_mark_waits_for_what_its_meters_say_of_its_moment() -> None:
    """The level comes first, and the pump has been switched since the meters spoke last."""
    v = replace(TANK, flows=(replace(TANK.flows[0], is_mean=True), TANK.flows[1]))
    track = Track()
    for tag in (IN, OUT):
        track = metered(v, track, tag, rows(0.0, 0))
    track = marked(v, track, rows(5.0, MINUTE), MINUTE)
    assert track.marks == ()
    track = metered(v, track, OUT, rows(0.0, MINUTE))
    assert track.marks == ()
    track = metered(v, track, IN, rows(36.0, MINUTE))
    assert track.marks[0].totals == (36.0 * 60, 0.0)
    for tag, flow in ((IN, 36.0), (OUT, 0.0)):
        for n in range(2, 71):
            track = metered(v, track, tag, rows(flow, n * MINUTE))
    found = told(estimate(v, track, at(70, 61)))
    assert found.value == pytest.approx(5.0 + 36 * 69 / 60 / 100)


PUMP = "pump/run"
DRIVEN = replace(
    TANK,
    flows=(replace(TANK.flows[0], instead=Instead(6.0, ((PUMP, 30.0),))), TANK.flows[1]),
    instead={frozenset({IN}): Curve((1.0, 8.0), (0.1, 0.4))},
    curves={**TANK.curves, frozenset({IN}): Curve((1.0, 8.0), (1.0, 4.0))},
)


def driven(run: float = 1.0, *, until: int = 180) -> Track:
    """Known for two hours with the pump on; after that the inflow is not metered and the pump runs or not."""
    track = Track()
    for n in range(until + 1):
        pump = rows(1.0 if n <= 120 else run, n * MINUTE, 9000 + n)
        track = metered(DRIVEN, track, PUMP, pump)
        track = metered(DRIVEN, track, OUT, rows(18.0, n * MINUTE, 3 * n))
        if n <= 120:
            track = metered(DRIVEN, track, IN, rows(36.0, n * MINUTE, 3 * n))
            track = marked(DRIVEN, track, rows(5.0 + 0.18 * n / 60, n * MINUTE, 3 * n), n * MINUTE)
    return track


def test_a_flow_without_its_meter_is_what_drives_it() -> None:
    on, off = (told(estimate(DRIVEN, driven(r), at(180, 120, lost=(IN,)))) for r in (1.0, 0.0))
    assert on.value == pytest.approx(5.0 + 0.18 * 3, abs=0.01)
    assert off.value == pytest.approx(5.0 + 0.18 * 2 - 0.12, abs=0.01)
    assert (on.sources, on.lost) == ((OUT, PUMP), (IN,))
    assert dict(on.rests)[PUMP] == 9180
    assert on.high - on.low < 0.6


def test_without_what_drives_it_the_usual_flow_counts_and_its_wider_curve() -> None:
    found = told(estimate(DRIVEN, driven(), at(180, 120, lost=(IN, PUMP))))
    assert found.sources == (OUT,)
    assert found.high - found.low > 2.0
    never = replace(DRIVEN, curves=TANK.curves)
    assert estimate(never, driven(), at(180, 120, lost=(IN, PUMP))) is None


def test_a_driver_that_is_silent_stops_no_marks_and_is_not_believed_over_the_gap() -> None:
    track = forgotten(driven(until=120), (0, 0), [PUMP], is_level=False)
    assert len(track.marks) == len(watched(120).marks)
    for n in range(121, 181):
        track = metered(DRIVEN, track, PUMP, rows(1.0, n * MINUTE))
        track = metered(DRIVEN, track, OUT, rows(18.0, n * MINUTE))
    found = told(estimate(DRIVEN, track, at(180, 120, lost=(IN,))))
    assert found.sources == (OUT,), "what it drove before it was disavowed is not known"
    before = marked(DRIVEN, watched(70, v=TANK), rows(5.2, 80 * MINUTE), 80 * MINUTE)
    assert before.marks, "a tag that was never read is waited for by no mark"


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_a_driver_that_does_not_count_moves_nothing(lies: list[float]) -> None:
    honest, lying = driven(until=140), driven(until=140)
    for n, lie in enumerate(lies):
        lying = metered(DRIVEN, lying, PUMP, rows(lie, (141 + n) * MINUTE))
    situation = at(141, 120, lost=(IN, PUMP))
    assert estimate(DRIVEN, lying, situation) == estimate(DRIVEN, honest, situation)
