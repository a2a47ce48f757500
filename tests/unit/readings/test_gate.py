"""The whole way through gate 1."""

import numpy as np
import pytest

from tests.unit.readings.world import LEVEL, PUMP, SECOND, Line, rules
from twinvouch.core.batch import Identity
from twinvouch.core.context import Context
from twinvouch.core.event import BatchReceived
from twinvouch.core.kind import Kind
from twinvouch.core.label import Axis
from twinvouch.readings.gate import Accepted, Refused, Repeated, admit
from twinvouch.readings.link import read_link, write_link
from twinvouch.twin.frame import Frame


def test_a_clean_batch_is_admitted_whole() -> None:
    line = Line()
    got = line.read()
    assert got.admitted.findings == ()
    assert got.admitted.in_live.tolist() == [True]
    assert (got.link.edge, got.link.seq, got.link.entry) == ("edge-1", 0, -1)
    assert got.link.heard == {"fast": line.now}


def test_the_link_carries_the_entry_of_the_batch_before() -> None:
    line = Line(entries=7)
    line.read()
    assert line.read().link.entry == 7


def test_a_senml_batch_goes_the_same_way() -> None:
    line = Line()
    got = line.read(header={"kind": Kind.BATCH_SENML})
    assert isinstance(got, Accepted)
    assert (rules(got), line.frame.value(LEVEL)) == ([], 5.0)


def test_findings_come_in_the_order_of_the_checks() -> None:
    line = Line()
    line.read()
    line.next()
    t = [0, line.now, line.now + 1]
    got = line.read(t_ns=t, values={LEVEL: [5.0, np.nan, 99.0], PUMP: 1.0})
    assert rules(got) == ["gap", "clock", "finite", "range", "rate", "unpermitted_actuation"]
    plausible = got.admitted.label.axes[Axis.PLAUSIBILITY]
    assert plausible[:, 0].tolist() == [0, 0, 20]
    assert plausible[:, 1].tolist() == [0, 255, 255]


def test_nothing_is_changed_but_by_what_is_given_back() -> None:
    line = Line()
    line.read()
    raw = line.next(values={PUMP: 1.0, LEVEL: np.nan})
    before = dict(line.links), line.frame.rows("fast")
    event = BatchReceived(b"", "peer", raw)
    first = admit(event, line.site, line.links, line.frame, Context(), line.now)
    second = admit(event, line.site, line.links, line.frame, Context(), line.now)
    assert (dict(line.links), line.frame.rows("fast")) == before
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert (first.link, first.admitted.findings) == (second.link, second.admitted.findings)
    np.testing.assert_array_equal(first.admitted.label.axes, second.admitted.label.axes)


def test_what_is_stored_and_restored_judges_alike() -> None:
    line, other = Line(), Line()
    for values in ({}, {LEVEL: 5.05}, {PUMP: 1.0}):
        line.read(values=values)
    other.links = {e: read_link(write_link(link)) for e, link in line.links.items()}
    other.frame = Frame(line.site.plant)
    other.frame.restore("fast", line.frame.rows("fast"))
    line.now += SECOND // 10
    other.now = line.now
    raw = line.next(t_ns=[line.now], values={LEVEL: 7.0, PUMP: 0.0})
    mine, theirs = line.send(raw), other.send(raw)
    assert isinstance(mine, Accepted)
    assert isinstance(theirs, Accepted)
    assert rules(mine) == ["rate", "unpermitted_actuation"]
    assert mine.link == theirs.link
    assert mine.admitted.findings == theirs.admitted.findings


@pytest.mark.parametrize("again", [1, 60])
def test_a_repeated_batch_changes_nothing_and_is_answered(again: int) -> None:
    line = Line()
    raw = line.next()
    line.send(raw)
    link = line.links["edge-1"]
    got = line.send(raw, after_s=again)
    assert isinstance(got, Repeated)
    assert got.link == link


def test_two_edges_have_two_chains() -> None:
    line = Line()
    line.read()
    line.send(line.next("edge-2", "slow"))
    line.read()
    got = line.send(line.next("edge-2", "slow"))
    assert rules(got) == []
    assert line.links["edge-2"].heard == {"slow": line.now}


def test_a_quiet_tick_changes_nothing() -> None:
    line = Line()
    line.read()
    links = dict(line.links)
    assert line.tick() == []
    assert line.links == links


def test_a_wild_epoch_is_refused_and_shuts_nobody_out() -> None:
    line = Line()
    wild = line.send(line.next(header={"identity": Identity("edge-1", 2**63 - 1, 5)}), 1)
    assert isinstance(wild, Refused), wild
    assert (rules(wild), wild.edge) == (["epoch"], "edge-1")
    line.read()
