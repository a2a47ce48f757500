"""stale: late rows and silent scan groups."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings.world import LEVEL, NOW, SECOND, Line, batch_of, rules, tag_of, view_of
from twinvouch.core.finding import Severity
from twinvouch.core.inventory import Axis
from twinvouch.readings.gate import Accepted
from twinvouch.readings.validate import stale

TAGS = [tag_of("a/x"), tag_of("a/y")]
AGE = 5 * SECOND


def test_fresh_rows_are_clean() -> None:
    batch = batch_of(np.ones((3, 2)))
    assert stale.check(batch, view_of(batch, TAGS)) is None


def test_rows_held_back_are_found_once_a_batch() -> None:
    batch = batch_of(np.ones((3, 2)), t_ns=[NOW - 60 * SECOND, NOW - 6 * SECOND, NOW])
    got = stale.check(batch, view_of(batch, TAGS))
    assert got is not None
    (finding,) = got.findings
    assert (finding.rule, finding.subject, finding.rows, finding.first_row) == ("stale", "e", 2, 0)
    assert finding.technique == "T0804"
    assert "row 0 is 60 s old, limit is 5 s" in finding.sentence
    assert got.mask.all(axis=1).tolist() == [True, True, False]


@given(st.lists(st.integers(NOW - 2 * AGE, NOW), min_size=1, max_size=9, unique=True).map(sorted))
def test_exactly_the_rows_older_than_the_limit_are_flagged(t_ns: list[int]) -> None:
    batch = batch_of(np.ones((len(t_ns), 2)), t_ns=t_ns)
    got = stale.check(batch, view_of(batch, TAGS))
    mask = np.zeros((len(t_ns), 2), bool) if got is None else got.mask
    assert mask[:, 0].tolist() == [t < NOW - AGE for t in t_ns]


def test_a_backlog_after_an_outage_is_legitimate_and_history_only() -> None:
    line = Line()
    line.read()
    known = line.frame.last(LEVEL)
    backlog = [line.next(t_ns=[line.now + SECOND], values={LEVEL: 5.05})]
    line.now += 3600 * SECOND
    got = line.send(backlog[0])
    assert isinstance(got, Accepted)
    assert rules(got) == ["stale"]
    assert not got.admitted.in_live.any()
    assert line.frame.last(LEVEL) == known
    assert got.admitted.label.axes[Axis.PLAUSIBILITY].max() == stale.CAP
    assert line.frame.label([LEVEL], line.now).fresh_until[0] < line.now
    assert rules(line.read()) == []


def test_of_a_batch_that_was_held_up_only_the_young_rows_become_live() -> None:
    line = Line()
    line.read()
    t_ns = [line.now + s * SECOND for s in (1, 3, 9)]
    held_up = line.next(t_ns=t_ns, values={LEVEL: 5.05})
    line.now += 9 * SECOND
    got = line.send(held_up)
    assert isinstance(got, Accepted)
    assert got.admitted.in_live.tolist() == [False, False, True]
    last = line.frame.last(LEVEL)
    assert last is not None
    assert last.t_ns == t_ns[2]


def test_silence_is_told_once_an_episode() -> None:
    line = Line()
    line.read()
    assert line.tick(4) == []
    (finding,) = line.tick(2)
    assert (finding.rule, finding.subject, finding.severity) == ("stale", "edge-1", Severity.MEDIUM)
    assert (
        "no readings of scan group `fast` from `edge-1` for 6 s, limit is 5 s" in finding.sentence
    )
    assert line.tick(60) == []
    line.read()
    assert line.tick() == []
    assert [f.rule for f in line.tick(6)] == ["stale"], "a new episode"


def test_each_group_is_silent_for_itself() -> None:
    line = Line()
    line.read()
    line.send(line.next("edge-2", "slow"))
    line.tick(4)
    line.read()
    (finding,) = line.tick(3)
    assert finding.subject == "edge-2"


def test_who_never_spoke_is_not_silent_and_a_removed_group_is_forgotten() -> None:
    line = Line()
    assert line.tick(60) == []
    line.read()
    del line.site.plant.groups["fast"]  # type: ignore[attr-defined]
    assert line.tick(60) == []


def test_a_group_that_another_edge_reads_now_is_not_silent_for_the_old_one() -> None:
    line = Line()
    line.read()
    groups = line.site.plant.groups
    groups["fast"] = replace(groups["fast"], edge="edge-2")  # type: ignore[index]
    assert line.tick(60) == []
