"""unpermitted_actuation: an actuator moved, and no permit explains it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings.world import LAMP, NOW, PUMP, SECOND, TAGS, VALVE, Line, rules, site_of
from twinvouch.core.batch import Quality
from twinvouch.core.context import ActuatorWrite, Context
from twinvouch.core.finding import Severity
from twinvouch.core.inventory import CommandedBy
from twinvouch.readings.flagged import MOST_TAGS
from twinvouch.readings.link import Change, read_link, write_link
from twinvouch.readings.validate.unpermitted_actuation import MOST_CHANGES, NAME, explain


def started() -> Line:
    line = Line()
    line.read()
    return line


def spent(line: Line, tag: str, value: float, **but: Any) -> ActuatorWrite:
    return line.know(replace(line.write(tag, value, **but), spent_ns=line.now))


def test_actuators_that_stay_where_they_are_are_clean() -> None:
    line = started()
    for _ in range(3):
        assert rules(line.read()) == []
    assert line.tick() == []


def test_a_change_that_nothing_explains_is_found() -> None:
    line = started()
    got = line.read(values={PUMP: 1.0})
    (finding,) = got.admitted.findings
    assert (finding.rule, finding.subject, finding.severity) == (NAME, PUMP, Severity.CRITICAL)
    assert (finding.technique, finding.rows, finding.first_row) == ("T0855", 1, 0)
    assert "`pump/run` went from 0 to 1 at 2027-01-15T" in finding.sentence
    assert "no permit explains it" in finding.sentence
    assert rules(line.read(values={PUMP: 1.0})) == [], "told once"
    assert got.admitted.label.axes.min() == 130, "the reading is as true as any other"


def test_a_spent_permit_explains_its_change() -> None:
    line = started()
    spent(line, PUMP, 1.0)
    assert rules(line.read(values={PUMP: 1.0})) == []
    assert (line.tick(), line.links["edge-1"].waiting) == ([], ())


def test_a_permit_explains_one_change_only() -> None:
    line = started()
    spent(line, PUMP, 1.0)
    line.read(values={PUMP: 1.0})
    assert rules(line.read(values={PUMP: 0.0})) == [NAME]
    assert rules(line.read(values={PUMP: 1.0})) == [NAME]


def test_a_command_said_twice_does_not_excuse_a_write_after_the_twin_moved_on() -> None:
    line = started()
    spent(line, PUMP, 1.0)
    line.read(values={PUMP: 1.0})
    spent(line, PUMP, 1.0)
    assert rules(line.read(values={PUMP: 1.0})) == []
    spent(line, PUMP, 0.0)
    assert rules(line.read(values={PUMP: 0.0})) == []
    assert rules(line.read(values={PUMP: 1.0})) == [NAME]


def test_a_permit_for_another_value_or_tag_explains_nothing() -> None:
    line = started()
    spent(line, VALVE, 0.6)
    assert rules(line.read(values={VALVE: 0.7})) == [NAME]
    assert rules(line.read(values={PUMP: 1.0, VALVE: 0.7})) == [NAME]


def test_a_permit_issued_after_the_change_was_seen_does_not_explain_it() -> None:
    line = started()
    assert rules(line.read(values={PUMP: 1.0})) == [NAME]
    late = Change(PUMP, 0.0, 1.0, NOW, NOW, NOW + 1, 0)
    writes = {PUMP: (ActuatorWrite(PUMP, 1.0, NOW + 2, NOW + SECOND, NOW + 3),)}
    assert explain([late], frozenset(), line.site, Context(writes), NOW + 9).unexplained == (late,)


def test_the_register_may_hold_the_value_rounded() -> None:
    line = started()
    spent(line, VALVE, 0.60049)  # a u16 register with steps of 0.001
    assert rules(line.read(values={VALVE: np.float32(0.6)})) == []


def test_a_change_waits_for_an_open_permit_and_is_explained_by_its_outcome() -> None:
    line = started()
    open_permit = line.write(PUMP, 1.0)
    assert rules(line.read(values={PUMP: 1.0})) == []
    assert len(line.links["edge-1"].waiting) == 1
    line.links["edge-1"] = read_link(write_link(line.links["edge-1"]))
    assert line.tick(4) == []
    line.know(replace(open_permit, spent_ns=line.now))
    assert line.tick() == []
    assert line.links["edge-1"].waiting == ()
    assert line.links["edge-1"].used == {(PUMP, open_permit.permit)}


def test_an_open_permit_that_nobody_reports_spent_explains_nothing_in_the_end() -> None:
    line = started()
    line.write(PUMP, 1.0)
    line.read(values={PUMP: 1.0})
    line.links["edge-1"] = replace(line.links["edge-1"], silent=frozenset({"fast"}))
    assert line.tick(34) == []
    (finding,) = line.tick(2)
    assert (finding.rule, finding.subject) == (NAME, PUMP)
    assert line.tick() == []


def test_a_permit_that_was_refused_or_given_up_explains_nothing() -> None:
    line = started()
    permit = line.write(PUMP, 1.0)
    assert rules(line.read(values={PUMP: 1.0})) == []
    line.know(replace(permit, is_over=True))
    assert [f.rule for f in line.tick()] == [NAME]


def test_two_changes_do_not_wait_for_one_permit() -> None:
    line = started()
    line.write(PUMP, 1.0)
    assert rules(line.read(values={PUMP: 1.0})) == []
    assert rules(line.read(values={PUMP: 0.0})) == [NAME]
    assert rules(line.read(values={PUMP: 1.0})) == [NAME]


def test_a_permit_spent_long_before_the_old_value_was_last_seen_explains_nothing() -> None:
    line = started()
    spent(line, PUMP, 0.0)  # nothing changes: it is 0 already
    spent(line, PUMP, 1.0, issued_ns=line.now + 1)
    for _ in range(7):
        line.read(1.0)
    assert rules(line.read(values={PUMP: 1.0})) == [NAME]


def test_a_permit_used_during_an_outage_is_legitimate_however_long_it_was() -> None:
    line = started()
    line.now += 600 * SECOND
    spent(line, PUMP, 1.0)
    line.now += 3000 * SECOND
    assert rules(line.read(values={PUMP: 1.0})) == []


def test_a_backlog_is_judged_by_when_it_was_made() -> None:
    line = started()
    made, raws = line.now, []
    for second in range(1, 60):
        value = 1.0 if second >= 30 else 0.0
        raws.append(line.next(t_ns=[made + second * SECOND], values={PUMP: value}))
    line.now = made + 29 * SECOND
    spent(line, PUMP, 1.0)
    line.now = made + 3600 * SECOND
    for raw in raws:
        assert set(rules(line.send(raw))) == {"stale"}


@pytest.mark.parametrize("owner", [CommandedBy.BOTH, CommandedBy.PLANT])
def test_actuators_that_others_may_move_never_raise_it(owner: CommandedBy) -> None:
    tags = [replace(t, commanded_by=owner) if t.id == PUMP else t for t in TAGS]
    line = Line(site=site_of(tags))
    line.read()
    assert rules(line.read(values={PUMP: 1.0, LAMP: 1.0})) == []


def test_creeping_in_small_steps_is_a_change() -> None:
    tags = [replace(t, resolution=0.1) if t.id == VALVE else t for t in TAGS]
    line = Line(site=site_of(tags))
    line.read()
    found = [rules(line.read(values={VALVE: 0.5 + n * 0.03})) for n in range(1, 6)]
    assert found == [[], [], [], [NAME], []]


def test_a_state_of_a_whole_resolution_is_a_change() -> None:
    tags = [replace(t, resolution=1.0) if t.id == PUMP else t for t in TAGS]
    line = Line(site=site_of(tags))
    line.read()
    assert rules(line.read(values={PUMP: 1.0})) == [NAME]


def test_a_pulse_inside_a_batch_is_found_and_counted() -> None:
    line = started()
    t = line.now + np.arange(4) * SECOND // 100
    got = line.read(t_ns=t, values={PUMP: [0.0, 1.0, 0.0, 1.0]})
    (finding,) = got.admitted.findings
    assert (finding.rows, finding.first_row) == (3, 1)
    assert "(3 changes in all)" in finding.sentence


def test_flapping_in_every_row_costs_no_more_than_its_limit() -> None:
    line = started()
    t = line.now + np.arange(1001) * 1000
    got = line.read(t_ns=t, values={PUMP: np.arange(1001) % 2})
    (finding,) = got.admitted.findings
    assert finding.rows == MOST_CHANGES
    assert line.links["edge-1"].positions[PUMP] == 0.0


def test_thousands_of_actuators_at_once_are_told_in_bounds() -> None:
    many = [replace(TAGS[3], id=f"a/{n:04}") for n in range(MOST_TAGS + 500)]
    line = Line(site=site_of([*many, TAGS[-1]]))
    line.read()
    ids = line.site.plant.groups["fast"].ids
    t = line.now + np.arange(3) * SECOND // 100
    got = line.read(t_ns=t, values={i: [1.0, 0.0, 0.0] for i in ids})
    found = got.admitted.findings
    assert len(found) == MOST_TAGS + 1
    assert (found[-1].subject, found[-1].rows) == ("edge-1", 2 * 500)
    assert found[-1].sentence.startswith("500 further actuators changed state")
    assert set(line.links["edge-1"].positions.values()) == {0.0}


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_broken_cells_are_no_change_and_hide_none(broken: float) -> None:
    line = started()
    assert rules(line.read(values={PUMP: broken})) == ["finite"]
    assert rules(line.read()) == []
    line.read(values={PUMP: broken})
    assert rules(line.read(values={PUMP: 1.0})) == [NAME]
    bad = np.array([[0, 0, 0, Quality.BAD, 0]], np.uint8)
    assert rules(line.read(values={PUMP: 0.0}, quality=bad)) == ["quality"]
    assert rules(line.read(values={PUMP: 1.0})) == []


def test_late_batches_and_impossible_rows_move_nothing() -> None:
    line = started()
    held = line.next(values={PUMP: 1.0})
    line.read()
    assert rules(line.send(held)) == ["reorder"]
    assert rules(line.read(t_ns=[0], values={PUMP: 1.0})) == ["clock"]
    assert rules(line.read()) == []


def test_a_tag_that_left_the_plant_is_forgotten_while_it_waits() -> None:
    line = started()
    line.write(PUMP, 1.0)
    line.read(values={PUMP: 1.0})
    without = Line(site=site_of([t for t in TAGS if t.id != PUMP]), links=line.links, now=line.now)
    assert without.tick() == []
    assert without.links["edge-1"].waiting == ()


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["spent", "open", "none"])), max_size=12))
def test_every_change_has_a_permit_of_its_own_or_is_found(story: list[tuple[bool, str]]) -> None:
    line = started()
    state, found, unpermitted = 0.0, 0, 0
    for is_on, permit in story:
        line.now += SECOND
        value = float(is_on)
        if value != state:
            unpermitted += permit == "none"
            if permit != "none":
                write = line.write(PUMP, value)
                line.know(replace(write, spent_ns=line.now if permit == "spent" else 0))
        found += rules(line.read(values={PUMP: value})).count(NAME)
        state = value
    assert found == unpermitted
    link, writes = line.links["edge-1"], line.context.writes.get(PUMP, ())
    assert link.positions[PUMP] == state
    assert len(link.used) + len(link.waiting) == len(writes)


def test_permits_of_one_moment_are_told_apart() -> None:
    """Time stands still for the core while a clock that ran ahead is set back; permits go on being issued."""
    line = started()
    now = line.now
    spent(line, PUMP, 1.0)
    spent(line, PUMP, 0.0)
    assert {w.issued_ns for w in line.context.writes[PUMP]} == {now}
    assert rules(line.read(values={PUMP: 1.0})) == []
    assert rules(line.read(values={PUMP: 0.0})) == []
    assert rules(line.read(values={PUMP: 1.0})) == [NAME]
