"""jitter: rows that do not come in the rhythm of their scan group."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.readings.world import Line, plausible, rules, site_of, told
from twinvouch.core.declared import Declarations, Jitter
from twinvouch.core.finding import Severity
from twinvouch.core.label import Axis
from twinvouch.readings.gate import Accepted
from twinvouch.readings.validate import jitter

MS = 1_000_000


def line() -> Line:
    return Line(site_of(declared=Declarations(jitter={"fast": Jitter(20 * MS, 0.1)})))


def rows(plant: Line, *intervals_ms: float) -> list[Accepted]:
    """One row a batch, so many ms after the one before."""
    found = []
    for ms in intervals_ms:
        plant.now += int(ms * MS)
        found.append(plant.read(0, t_ns=[plant.now]))
    return found


def test_a_steady_rhythm_is_clean_and_so_is_what_a_busy_machine_adds() -> None:
    rng = np.random.default_rng(1)
    plant = line()
    got = rows(plant, *(100 + rng.uniform(-15, 15, 200)))
    assert [rules(g) for g in got] == [[]] * 200
    spikes = np.where(np.arange(200) % 20 == 0, 150, 100)
    assert [rules(g) for g in rows(plant, *spikes)] == [[]] * 200, "one in twenty may be off"


def test_rows_out_of_rhythm_are_found_and_their_return_is_told() -> None:
    plant = line()
    rows(plant, *[100] * 70)
    got = rows(plant, *[160, 140, 150, 165, 145, 155, 170, 135, 150])
    assert [rules(g) for g in got] == [[]] * 6 + [["jitter"], [], []]
    (finding,) = got[6].admitted.findings
    assert (finding.subject, finding.severity, finding.technique) == (
        "edge-1", Severity.LOW, "T0830",
    )  # fmt: skip
    assert "7 of the last 64 intervals between rows of scan group `fast`" in finding.sentence
    assert (
        "0.02 s off its period of 0.1 s, at worst 0.03 s in this batch; 10% may be"
        in finding.sentence
    )
    assert [g.admitted.label.axes[Axis.PLAUSIBILITY].max() for g in got[6:]] == [jitter.CAP] * 3
    back = rows(plant, *[100] * 80)
    told_back = [i for i, g in enumerate(back) if rules(g)]
    assert len(told_back) == 1
    assert back[told_back[0]].admitted.findings[0].severity is Severity.INFO
    assert plausible(back[-1], "tank/level", plant.site.plant.groups["fast"]) == [255]


def test_lost_rows_and_outages_are_no_jitter() -> None:
    """A legitimate change: an edge that misses every third poll, and one that was away."""
    plant = line()
    got = rows(plant, *[100, 100, 200] * 40, *[9_050, 100] * 20)
    assert not any(told(g, "jitter") for g in got)


def test_times_that_clock_objects_to_are_told_by_clock_alone() -> None:
    plant = line()
    rows(plant, *[100] * 10)
    newest = plant.now
    for _ in range(40):
        plant.now += 100 * MS
        newest += 100 * MS
        got = plant.read(0, t_ns=[0, newest])
        assert rules(got) == ["clock"]


def test_a_late_batch_has_no_rhythm() -> None:
    plant = line()
    rows(plant, *[100] * 5)
    gone = [plant.next(t_ns=[plant.now + 30 * MS * n]) for n in range(1, 20)]
    plant.read(3)
    for raw in gone:
        got = plant.send(raw, 0.01)
        assert isinstance(got, Accepted)
        assert told(got, "jitter") == []


def test_without_a_declaration_nothing_is_judged() -> None:
    got = rows(Line(), *[160, 40] * 50)
    assert [rules(g) for g in got] == [[]] * 100


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from([100, 100, 100, 115, 150, 60, 200]), min_size=1, max_size=200),
    st.data(),
)
def test_it_is_a_plain_count_in_however_many_batches_and_over_restarts(
    intervals: list[int], data: st.DataObject
) -> None:
    plant, at, over, seen = line(), 0, False, [False] * 64
    rows(plant, 100)
    while at < len(intervals):
        part = intervals[at : at + data.draw(st.integers(1, 30))]
        at += len(part)
        times = plant.now + np.cumsum(part) * MS
        plant.now = int(times[-1])
        got = plant.read(0, t_ns=times)
        most = 0
        for ms in part:
            seen.append(ms in {150, 60})
            most = max(most, sum(seen[-64:]))
        over = sum(seen[-64:]) > 3.2 if over else most > 6.4
        expected = jitter.CAP if over else 255
        assert set(plausible(got, "tank/level", plant.site.plant.groups["fast"])) == {expected}
        plant = plant.restart() if data.draw(st.booleans()) else plant
