"""Clocks of edges: what is a jump, what is a drift, and what is neither."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.readings.world import LEVEL, NOW, SECOND, Line, rules
from twinvouch.core.finding import Finding, Severity
from twinvouch.readings.skew import (
    DRIFT_NS,
    JUMP_NS,
    UNKNOWN,
    Moved,
    Skew,
    Span,
    follow,
    read_skew,
    skew_content,
)

MS = 1_000_000
HOUR = 3600 * SECOND


class Source:
    """One edge with a scan group a second apart; `error` is how far its clock is ahead, `way` the delay."""

    def __init__(self, error: int = 0, way: int = 20 * MS) -> None:
        self.skew = UNKNOWN
        self.true = NOW
        self.error = error
        self.way = way
        self.told: list[Moved] = []

    def send(self, group: str = "fast", rows: int = 1, period: int = SECOND) -> None:
        span = Span(group, self.true + self.error, rows, period, self.true + self.way)
        self.skew, moved = follow(self.skew, span)
        assert read_skew(skew_content(self.skew)) == self.skew
        if moved is not None:
            self.told.append(moved)

    def run(self, seconds: int, drift_ppm: int = 0, step: int = SECOND) -> None:
        for _ in range(seconds * SECOND // step):
            self.true += step
            self.error += step * drift_ppm // 1_000_000
            self.send(period=step)


def test_a_steady_clock_is_clean_and_its_skew_is_known_after_a_minute() -> None:
    source = Source(error=3 * SECOND)
    source.run(59)
    assert source.skew.lag_ns is None
    source.run(600)
    assert source.told == []
    assert source.skew.lag_ns == 20 * MS - 3 * SECOND


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 400), min_size=100, max_size=200))
def test_delays_of_any_kind_move_no_clock(delays: list[int]) -> None:
    source = Source()
    received = 0
    for delay in delays:
        source.true += SECOND
        received = max(received, source.true + delay * 25 * MS)  # in order, up to 10 s late
        source.way = received - source.true
        source.send()
    assert source.told == []


@settings(max_examples=60, deadline=None)
@example(-500_000_000, 120)
@example(-1_500_000_000, 60)
@given(st.integers(-5 * HOUR, 5 * HOUR), st.integers(0, 120))
def test_a_jump_is_told_once_with_its_size_or_is_too_small(jump: int, before: int) -> None:
    source = Source()
    source.send()
    source.run(before)
    source.error += jump
    source.run(30)
    is_seen = (
        jump > JUMP_NS or jump < -SECOND - JUMP_NS
    )  # back by less may be a row that was read late
    if -SECOND - JUMP_NS <= jump <= -DRIFT_NS:
        # less lag than ever is left to no row: where an estimate stands, it comes out as a drift of that size
        assert [moved.by_ns for moved in source.told] in ([], [jump])
        return
    assert source.told == ([Moved(jump)] if is_seen else [])


@given(st.lists(st.integers(0, 3_000), min_size=20, max_size=60))
def test_scans_that_are_late_on_their_grid_are_no_jump(lateness: list[int]) -> None:
    """A busy edge reads late and comes back to its grid: rows lie closer than a period, never the other way."""
    source, due = Source(), NOW
    for late in lateness:
        source.true = max(due, source.true + MS) + late * MS
        due += SECOND * max(1, -((due - source.true) // SECOND))
        source.send()
    assert source.told == []


def test_a_jump_of_an_edge_with_many_groups_is_told_once() -> None:
    source = Source()
    for second in range(120):
        source.true += SECOND
        source.error = HOUR if second >= 100 else 0
        for group in ("a", "b", "c"):
            source.send(group)
    assert source.told == [Moved(HOUR)]


def test_an_outage_and_its_backlog_are_no_jump() -> None:
    source = Source()
    source.run(200)
    made = [source.true + n * SECOND for n in range(60, 6 * 3600, 60)]
    received = made[-1]
    for at in made:  # sixty rows a batch, fifty batches a second
        received += SECOND // 50
        source.skew, moved = follow(source.skew, Span("fast", at, 60, SECOND, received))
        assert moved is None
    source.true = received
    source.run(300)
    assert source.told == []
    assert source.skew.lag_ns == 20 * MS


def test_an_edge_that_was_off_for_hours_is_no_jump() -> None:
    source = Source()
    source.run(100)
    source.true += 7 * HOUR
    source.run(100)
    assert source.told == []


def test_a_slow_period_and_a_short_one_side_by_side_are_no_jump() -> None:
    source = Source()
    for second in range(1, 1000):
        source.true += SECOND
        source.send("fast")
        if not second % 60:
            source.send("slow", period=60 * SECOND)
    assert source.told == []


def test_drift_is_told_each_half_second_with_its_rate() -> None:
    source = Source()
    source.run(12_000, drift_ppm=100)
    assert len(source.told) == 2
    for moved in source.told:
        assert moved.by_ns >= DRIFT_NS
        assert 80 <= moved.by_ns * 1_000_000 // moved.over_ns <= 120


def test_a_synchronised_clock_and_a_smeared_leap_second_are_no_drift() -> None:
    source = Source()
    source.run(3_600, drift_ppm=-20)
    source.run(3_600, drift_ppm=20)
    source.run(30_000, drift_ppm=-12, step=10 * SECOND)  # a day of 11.6 in a million is 1 s
    assert source.told == []


def test_a_clock_that_is_dragged_ahead_fast_is_found() -> None:
    source = Source()
    source.run(120)
    source.run(60, drift_ppm=50_000)  # 5 %
    assert source.told
    assert all(moved.by_ns >= DRIFT_NS for moved in source.told)


def test_a_way_that_becomes_slow_at_once_is_no_drift() -> None:
    source = Source()
    source.run(200)
    source.way = 30 * SECOND
    source.run(200)
    source.way = 20 * MS
    source.run(200)
    assert source.told == []


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**62)), max_size=20))
def test_nothing_that_an_edge_claims_can_raise(claims: list[tuple[int, int]]) -> None:
    skew, now = UNKNOWN, NOW
    for t_ns, passed in claims:
        now = min(now + passed, 2**63 - 1)
        skew, _ = follow(skew, Span("g", t_ns, 1, SECOND, now))
        assert isinstance(skew, Skew)


def of_clock(line: Line, **but: object) -> list[Finding]:
    got = line.read(1, **but)
    return [f for f in got.admitted.findings if f.rule.startswith("clock_")]


def test_local_time_is_recognised_as_an_hour_when_daylight_saving_begins_and_ends() -> None:
    line = Line()
    for _ in range(5):
        assert of_clock(line) == []
    (ahead,) = of_clock(line, t_ns=[line.now + SECOND + HOUR])
    assert (ahead.rule, ahead.subject, ahead.severity) == ("clock_jump", "edge-1", Severity.HIGH)
    assert ahead.technique == "T0856"
    assert "went ahead by 3600 s at once" in ahead.sentence
    assert "local time and daylight saving begins or ends" in ahead.sentence
    assert "let it send UTC" in ahead.sentence
    got = line.read(1, t_ns=[line.now + SECOND + HOUR])
    assert rules(got) == ["clock"], "every row is too far ahead; the jump is told once"
    assert not got.admitted.in_live.any()
    (back,) = of_clock(line)
    assert "went back by 3600 s at once" in back.sentence
    assert of_clock(line) == []


def test_a_repeated_leap_second_is_said_to_be_one() -> None:
    line = Line(now=1_798_761_599 * SECOND)  # 2026-12-31T23:59:59Z
    told = []
    for tenth in range(1, 31):
        repeated = SECOND if tenth > 10 else 0
        got = line.read(t_ns=[line.now + SECOND // 10 - repeated])
        told += [f for f in got.admitted.findings if f.rule == "clock_jump"]
    (leap,) = told
    assert leap.severity is Severity.LOW
    assert "went back by 1 s at once" in leap.sentence
    assert "as a leap second that is repeated" in leap.sentence


def test_a_second_back_at_noon_is_no_leap_second() -> None:
    line = Line()
    line.read()
    line.read(1)
    (jump,) = of_clock(line, t_ns=[line.now - SECOND])
    assert jump.severity is Severity.HIGH
    assert "leap" not in jump.sentence


def test_a_dead_clock_battery_is_the_work_of_another_rule() -> None:
    line = Line()
    line.read()
    assert rules(line.read(1, t_ns=[0])) == ["clock"]
    assert rules(line.read(1)) == []


def test_late_batches_move_no_clock() -> None:
    line = Line()
    line.read()
    late = line.next(t_ns=[line.now])
    for _ in range(3):
        line.read(1)
    assert rules(line.send(late)) == ["reorder"]
    assert rules(line.read(1)) == []


def test_a_batch_of_many_rows_is_one_span() -> None:
    line = Line()
    line.read()
    for _ in range(50):
        t = line.now + np.arange(1, 11) * SECOND // 10
        assert rules(line.read(1, t_ns=t, values={LEVEL: 5.0})) == []
    assert line.links["edge-1"].clock.last["fast"].t_ns == line.now
