"""Readings one by one, and reports of sources, as contents of an edge's chain."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings.test_rhythms import TAGS, A, B, line_of, live
from tests.unit.readings.world import NOW, PLANT, SECOND, Line, rules
from twinvouch.core.batch import Identity, Origin, Quality
from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.core.kind import Kind
from twinvouch.core.label import Label
from twinvouch.core.report import Report, Told
from twinvouch.ledger.entry import label_blob
from twinvouch.readings.gate import Accepted
from twinvouch.readings.reports import RULES
from twinvouch.wire.batch import (
    Header,
    read_batch,
    read_header,
    write_batch,
    write_changed,
    write_report,
)
from twinvouch.wire.cbor import decode, encode
from twinvouch.wire.changes import Changes
from twinvouch.wire.report import MOST_REPORTS, read_reports, write_reports

GROUP = line_of().site.plant.groups["slow"]
CHANGE = st.tuples(st.integers(NOW - 5, NOW), st.integers(0, 2), st.floats(), st.integers(0, 2))


def header(kind: Kind, line: Line | None = None) -> Header:
    seq, prev = (
        (line.seq.get("edge-1", 0), line.prev.get("edge-1", bytes(32))) if line else (0, bytes(32))
    )
    return Header(kind, PLANT, Identity("edge-1", 1, seq), prev, Origin.LIVE, "slow", GROUP.digest)


def changes(*told: tuple[int, int, float, int]) -> Changes:
    t, k, v, q = zip(*told, strict=True)
    return Changes(
        np.array(t, np.int64),
        np.array(k, np.uint16),
        np.array(v, np.float64),
        np.array(q, np.uint8),
    )


def read(content: bytes, cells: int = 1000) -> Any:
    return read_batch(content, bytes(32), read_header(content), GROUP, cells)


def sent(line: Line, content: bytes) -> Accepted:
    from hashlib import sha256

    line.seq["edge-1"] = line.seq.get("edge-1", 0) + 1
    line.prev["edge-1"] = sha256(content).digest()
    got = line.send(line.sealed(content), 0)
    assert isinstance(got, Accepted), got
    return got


@given(st.lists(CHANGE, min_size=1, max_size=20))
def test_every_reading_is_in_the_rows_in_its_order(told: list[tuple[int, int, float, int]]) -> None:
    batch = read(write_changed(header(Kind.BATCH_CHANGES), GROUP, changes(*told)))
    rows, columns = np.nonzero(batch.quality != Quality.MISSING)
    assert len(rows) == len(told)
    for k in range(len(GROUP.tags)):
        mine = [(t, v, q) for t, c, v, q in told if c == k]
        at = rows[columns == k]
        theirs = list(
            zip(
                batch.t_ns[at].tolist(),
                batch.values[at, k].tolist(),
                batch.quality[at, k].tolist(),
                strict=True,
            )
        )
        assert repr(theirs) == repr(mine)


def test_readings_of_one_time_share_a_row_unless_one_tag_is_told_twice() -> None:
    batch = read(
        write_changed(
            header(Kind.BATCH_CHANGES),
            GROUP,
            changes((1, 0, 1.0, 0), (1, 1, 2.0, 0), (1, 0, 3.0, 0), (2, 1, 4.0, 0)),
        )
    )
    assert batch.t_ns.tolist() == [1, 1, 2]
    assert batch.quality.tolist() == [[0, 0, 3], [0, 3, 3], [3, 0, 3]]


@pytest.mark.parametrize("at", range(4))
def test_arrays_that_do_not_fit_are_refused(at: int) -> None:
    h = header(Kind.BATCH_CHANGES)
    good: list[Any] = [np.array([1]), np.array([0], "<u2"), np.array([1.0]), np.array([0], "u1")]
    for wrong in (
        np.array([1, 2]),
        np.zeros(0, good[at].dtype),
        np.array([9], good[at].dtype),
        None,
        5,
    ):
        if at == 3 and wrong is None:
            continue
        parts = [*good]
        parts[at] = wrong
        if isinstance(wrong, np.ndarray) and wrong.size == 1 and at in {0, 2}:
            continue  # any time and any value is data
        content = encode([1, 13, PLANT, "edge-1", 1, 0, bytes(32), 0, "slow", h.columns, *parts])
        with pytest.raises(MalformedError):
            read(content)


def test_too_many_cells_are_refused() -> None:
    content = write_changed(
        header(Kind.BATCH_CHANGES), GROUP, changes(*[(n, 0, 1.0, 0) for n in range(10)])
    )
    with pytest.raises(MalformedError, match="limit is 29"):
        read(content, 29)


def test_what_has_no_column_is_not_written() -> None:
    with pytest.raises(UsageError, match="3 columns"):
        write_changed(header(Kind.BATCH_CHANGES), GROUP, changes((1, 3, 1.0, 0)))


def test_changes_go_through_the_gate_like_rows() -> None:
    line, other = line_of(), line_of()
    told = changes((NOW - SECOND, 0, 1.0, 0), (NOW, 1, 2.0, 0), (NOW, 0, 3.0, 2))
    content = write_changed(header(Kind.BATCH_CHANGES, line), GROUP, told)
    mine = sent(line, content)
    t = np.array([NOW - SECOND, NOW], np.int64)
    values = np.array([[1.0, np.nan, np.nan], [3.0, 2.0, np.nan]])
    quality = np.array([[0, 3, 3], [2, 0, 3]], np.uint8)
    theirs = sent(other, write_batch(header(Kind.BATCH, other), GROUP, t, values, quality))
    assert rules(mine) == rules(theirs) == ["quality"]
    assert live(line) == live(other)
    assert [line.frame.value(x) for x in (A, B)] == [3.0, 2.0]


def test_a_report_is_a_batch_of_no_rows_whose_findings_gate_1_words() -> None:
    line = line_of()
    told = [
        Report(what, "b: plant/node", NOW, 3, (("seq", 4.0), ("missing", 2.0), ("bd_seq", 1.0)))
        for what in Told
    ]
    got = sent(line, write_report(header(Kind.SOURCE_REPORT, line), GROUP, told))
    assert len(got.admitted.batch.t_ns) == 0
    assert rules(got) == [RULES[what].name for what in Told]
    assert all(
        f.subject == "edge-1" and "b: plant/node" in f.sentence for f in got.admitted.findings
    )
    assert got.link.heard == {}, "a report is no reading"
    assert line.links["edge-1"].seq == 0


def test_a_report_keeps_no_group_from_being_silent() -> None:
    line = line_of()
    line.read()
    line.now += 6 * SECOND
    report = [Report(Told.LOST, "b", NOW)]
    content = write_report(header(Kind.SOURCE_REPORT, line), GROUP, report)
    sent(line, content)
    assert [f.rule for f in line.tick(0)] == ["stale"]


@pytest.mark.parametrize(
    "content",
    [
        [],
        [[1, "b", NOW, 1]],
        [[0, "b", NOW, 1, []]],
        [[99, "b", NOW, 1, []]],
        [[1, "", NOW, 1, []]],
        [[1, "a\nb", NOW, 1, []]],
        [[1, "b", NOW, 0, []]],
        [[1, "b", NOW, 1, [["x", 1]]]],
        [[1, "b", NOW, 1, [["no name", 1.0]]]],
        [[1, "b", NOW, 1, [["x", float("nan")]]]],
        [[1, "b", NOW, 1, [["x", 1.0]] * 9]],
        [[1, "b", NOW, 1, []]] * (MOST_REPORTS + 1),
        "x",
    ],
)
def test_what_is_no_report_is_refused(content: Any) -> None:
    with pytest.raises(MalformedError):
        read_reports(encode(content))


def test_reports_come_back_and_what_would_not_is_not_written() -> None:
    report = Report(Told.SEQUENCE, "b: g/n", NOW, 2, (("seq", 3.0),))
    assert read_reports(encode(write_reports([report]))) == (report,)
    with pytest.raises(UsageError):
        write_reports([])


def test_labels_of_mostly_missing_cells_are_stored_by_their_places() -> None:
    axes = np.zeros((4, 3, 4), np.uint8)
    fresh = np.zeros((3, 4), np.int64)
    axes[:, 1, 2], fresh[1, 2] = 200, NOW + 5
    _, stored = label_blob(Label(axes, fresh), NOW)
    content: Any = decode(stored)
    assert [x.tolist() if isinstance(x, np.ndarray) else x for x in content] == [
        2, 3, 4, [6], [200] * 4, [5],
    ]  # fmt: skip
    assert TAGS
