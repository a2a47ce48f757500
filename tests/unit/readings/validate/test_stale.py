from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings.world import GROUP, NOW, batch, flagged, plant_of, still, told, view_of
from twinvouch.core.site import SECOND
from twinvouch.readings.link import Link
from twinvouch.readings.validate import stale

PLANT = plant_of(GROUP)


def heard(ago_s: float, **but: object) -> dict[str, Link]:
    link = Link("edge-1").heard("fast", NOW - int(ago_s * SECOND))
    return {"edge-1": replace(link, **but)}  # type: ignore[arg-type]


def test_readings_of_now_pass() -> None:
    b = batch(still())
    assert flagged(stale, b, view_of(b)) == []


def test_rows_older_than_the_group_allows_are_flagged_and_told_once() -> None:
    b = batch(still(), t_ns=[NOW - 9 * SECOND, NOW - 6 * SECOND, NOW])
    view = view_of(b)
    assert flagged(stale, b, view) == [(r, c) for r in (0, 1) for c in (0, 1, 2)]
    (finding,) = told(stale, b, view)
    assert (finding.subject, finding.rows) == ("edge-1", 2)
    assert finding.evidence == (("age_s", 9.0), ("limit_s", 5.0))


def test_a_slow_but_allowed_way_to_the_core_passes() -> None:
    b = batch(still(1), t_ns=[NOW - 5 * SECOND])
    assert flagged(stale, b, view_of(b)) == []


def test_silence_is_told_once_an_episode() -> None:
    findings, silent = stale.silence(PLANT, heard(5.1), NOW)
    assert [(f.rule, f.subject, f.technique) for f in findings] == [("stale", "edge-1", "T0815")]
    assert silent == {"edge-1": ("fast",)}
    assert stale.silence(PLANT, heard(9.0, silent=("fast",)), NOW) == ([], {})


def test_a_group_that_speaks_again_can_fall_silent_again() -> None:
    link = heard(9.0, silent=("fast",))["edge-1"].heard("fast", NOW)
    assert link.silent == ()
    assert len(stale.silence(PLANT, {"edge-1": link}, NOW + 6 * SECOND)[0]) == 1


def test_no_silence_of_a_group_that_speaks_is_gone_or_belongs_to_another_edge() -> None:
    assert stale.silence(PLANT, heard(4.9), NOW) == ([], {})
    gone = {"edge-1": Link("edge-1").heard("removed", 1)}
    assert stale.silence(PLANT, gone, NOW) == ([], {})
    moved = {"edge-2": Link("edge-2").heard("fast", 1)}
    assert stale.silence(PLANT, moved, NOW) == ([], {})


def test_findings_come_in_the_order_of_edges_whatever_the_order_of_arrival() -> None:
    groups = [replace(GROUP, name=f"g{i}", edge=f"edge-{i}", tags=()) for i in range(3)]
    links = {g.edge: Link(g.edge).heard(g.name, 1) for g in reversed(groups)}
    findings, _ = stale.silence(replace(PLANT, groups={g.name: g for g in groups}), links, NOW)
    assert [f.subject for f in findings] == ["edge-0", "edge-1", "edge-2"]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=10))
def test_exactly_the_rows_that_are_too_old_are_flagged(t_ns: list[int]) -> None:
    b = batch(still(len(t_ns)), t_ns=np.array(t_ns))
    late = {r for r, t in enumerate(t_ns) if NOW - t > 5 * SECOND}
    assert {r for r, _ in flagged(stale, b, view_of(b))} == late
