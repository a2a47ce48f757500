"""Nothing that arrives makes gate 1 raise, warn or lose its way: bytes from anybody, and from an edge's own key."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.readings.world import (
    FLOW,
    LEVEL,
    NOW,
    PLANT,
    PUMP,
    ROOF,
    SECOND,
    VALVE,
    Line,
    rules,
    signer,
    site_of,
    stored,
)
from twinvouch.core.batch import Identity
from twinvouch.core.declared import (
    Balance,
    Declarations,
    Expectation,
    Jitter,
    Redundancy,
    Step,
    Take,
    Term,
)
from twinvouch.core.kind import Purpose
from twinvouch.readings.gate import Accepted, Refused
from twinvouch.readings.link import read_link, write_link
from twinvouch.twin.frame import Frame
from twinvouch.wire.cbor import encode
from twinvouch.wire.cose import seal

COLUMNS = 5
EXTREMES = [-(2**63), -(2**63) + 1, -1, 0, 1, NOW, NOW + SECOND, NOW + 10 * SECOND, 2**63 - 1]
TIME = st.sampled_from(EXTREMES) | st.integers(NOW - 3 * SECOND, NOW + SECOND)
VALUE = st.sampled_from([0.0, 1.0, 5.0, 1e300, -1e308, 1.7e308, np.nan, np.inf, -np.inf, 5e-324])
NUMBER = st.integers(0, 6) | st.sampled_from([2**31, 2**63 - 2, 2**63 - 1])


@st.composite
def cells(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    """Times, values and qualities of a batch that is one by its form."""
    rows = draw(st.integers(1, 80) if draw(st.booleans()) else st.integers(1, 4))
    t = np.array(draw(st.lists(TIME, min_size=rows, max_size=rows)), np.int64)
    if draw(st.booleans()):
        t = NOW - np.arange(rows)[::-1]
    some = draw(st.lists(VALUE, min_size=1, max_size=12))
    values = np.resize(np.array(some), rows * COLUMNS)
    marks = draw(st.none() | st.lists(st.integers(0, 3), min_size=1, max_size=12))
    quality = None if marks is None else np.resize(np.array(marks, np.uint8), rows * COLUMNS)
    return t, values, quality


LOOSE = (
    st.none()
    | st.integers(-3, 2**63)
    | st.binary(max_size=40)
    | st.text(max_size=8)
    | st.floats()
    | st.lists(st.integers(0, 300), max_size=4)
    | st.lists(st.integers(0, 255), max_size=30).map(lambda x: np.array(x, np.uint8))
    | st.lists(VALUE, max_size=30).map(np.array)
    | st.lists(TIME, max_size=6).map(lambda x: np.array(x, np.int64))
)


def usual(line: Line, epoch: int, seq: int, prev: bytes, body: tuple[Any, Any, Any]) -> list[Any]:
    t, values, quality = body
    digest = line.site.plant.groups["fast"].digest
    return [1, 1, PLANT, "edge-1", epoch, seq, prev, 0, "fast", digest, t, [values], quality]


def signed(content: bytes) -> bytes:
    return seal(content, signer=signer("edge-1"), plant=PLANT, purpose=Purpose.READINGS)


@given(st.binary(max_size=400))
def test_random_bytes_are_nobodys(raw: bytes) -> None:
    got = Line().send(raw)
    assert isinstance(got, Refused)
    assert (got.edge, got.finding.rule) == ("", "malformed")


@given(st.data())
def test_a_changed_batch_is_never_taken(data: st.DataObject) -> None:
    line = Line()
    raw = bytearray(line.next())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] ^= data.draw(st.integers(1, 255))
    cut = bytes(raw[: data.draw(st.integers(0, len(raw)))])
    original = Line().next()
    if cut != original:
        got = line.send(cut)
        assert isinstance(got, Refused)
        assert got.edge == ""


@given(st.binary(max_size=60) | LOOSE.map(lambda x: encode([1, 1, x])))
def test_signed_rubbish_is_its_signers(content: bytes) -> None:
    got = Line().send(signed(content))
    assert isinstance(got, Refused)
    assert (got.edge, got.finding.rule) == ("edge-1", "malformed")


@given(st.data(), cells())
def test_any_field_may_be_anything(data: st.DataObject, body: tuple[Any, Any, Any]) -> None:
    line = Line()
    fields = usual(line, 1, 0, bytes(32), body)
    fields[data.draw(st.integers(2, 12))] = data.draw(LOOSE)
    got = line.send(signed(encode(fields)))
    assert isinstance(got, Refused | Accepted)
    if isinstance(got, Refused):
        assert got.edge == "edge-1"
        assert len(got.finding.sentence) <= 400
        assert got.finding.sentence.isprintable()


@given(st.data(), cells())
def test_signed_cells_that_were_cut_or_claim_more_than_there_is_are_malformed(
    data: st.DataObject, body: tuple[Any, Any, Any]
) -> None:
    line = Line()
    content = encode(usual(line, 1, 0, bytes(32), body))
    cut = content[: data.draw(st.integers(0, len(content) - 1))]
    assert rules(line.send(signed(cut))) == ["malformed"]
    claim = b"\x5b" + (2**62).to_bytes(8, "big")  # a byte string of 2**62 bytes
    lies = content[: data.draw(st.integers(3, len(content) - 1))] + claim
    got = line.send(signed(lies))
    assert isinstance(got, Refused)
    assert got.finding.rule in {"malformed", "unknown_group"}, (
        "a cut digest is one of other columns"
    )


def _consistent(line: Line, got: Accepted) -> None:
    batch, label = got.admitted.batch, got.admitted.label
    live = got.admitted.in_live
    assert label.axes.shape == (4, *batch.values.shape)
    assert label.fresh_until.max() <= line.now + 5 * SECOND
    assert not label.axes[2][~live & (batch.t_ns > line.now + 5 * SECOND)].any()
    assert not label.axes[2][~np.isfinite(batch.values)].any()
    assert not label.axes[:, batch.quality == 3].any()
    assert (np.diff(batch.t_ns[live]) > 0).all()
    told = [(f.rule, f.subject) for f in got.admitted.findings]
    assert len(told) == len(set(told)), "one finding a rule and tag"
    for f in got.admitted.findings:
        assert 0 <= f.rows <= batch.values.size
        assert 0 <= f.first_row < len(batch.t_ns)
        assert f.sentence.isprintable()
        assert len(f.sentence) < 400
        assert all(np.isfinite(number) for _, number in f.evidence), f


@settings(max_examples=150)
@given(st.lists(st.tuples(NUMBER, NUMBER, cells(), st.booleans()), min_size=1, max_size=6))
def test_whatever_an_edge_signs_the_gate_goes_on(
    sent: list[tuple[int, int, tuple[Any, Any, Any], bool]],
) -> None:
    line = Line()
    for epoch, seq, body, is_chained in sent:
        link = line.links.get("edge-1")
        prev = link.digest if link is not None and is_chained else bytes(32)
        line.write(PUMP, 1.0)
        got = line.send(signed(encode(usual(line, epoch, seq, prev, body))))
        if isinstance(got, Accepted):
            _consistent(line, got)
        line.tick(0.01)
    for edge, link in line.links.items():
        assert read_link(write_link(link)) == link
        assert link.edge == edge
    again = Frame(line.site.plant)
    again.restore("fast", line.frame.rows("fast"))
    assert again.rows("fast") == line.frame.rows("fast")
    assert line.frame.columns("fast").row_ns <= line.now + 5 * SECOND
    line.now += 20 * SECOND
    assert isinstance(line.send(line.next("edge-2", "slow")), Accepted), "nobody else suffers"
    newest = line.links.get("edge-1")
    if newest is not None and newest.seq < 2**63 - 1:
        header = {"identity": Identity("edge-1", newest.epoch, newest.seq + 1)}
        got = line.read(header=header | {"prev": newest.digest})
        assert got.admitted.in_live.all(), "and it may do better"


EVERYTHING = Declarations(
    {LEVEL: Step(0.01), FLOW: Step(0.5, -3.0)},
    {LEVEL: SECOND, FLOW: 1000},
    {"fast": Jitter(SECOND // 100, 0.1)},
    (Redundancy("two", (LEVEL, ROOF), 0.1), Redundancy("three", (FLOW, VALVE, PUMP), 0.1, 1000)),
    (
        Balance("across", (Term(LEVEL, 2.0), Term(ROOF, -1.0, Take.CHANGE)), 0.1, 10 * SECOND),
        Balance("own", (Term(FLOW, 1.0, Take.INTEGRAL), Term(LEVEL, -1e300)), 0.1, 10 * SECOND),
    ),
    (Expectation("state", VALVE, 0.0, 1.0, FLOW, 0.0, 1.0, 1000),),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(cells(), st.booleans()), min_size=1, max_size=6))
def test_whatever_an_edge_signs_declared_rules_go_on(
    sent: list[tuple[tuple[Any, Any, Any], bool]],
) -> None:
    line = Line(site_of(declared=EVERYTHING))
    line.send(line.next("edge-2", "slow"))
    for seq, (body, is_restart) in enumerate(sent):
        link = line.links.get("edge-1")
        prev = link.digest if link is not None else bytes(32)
        got = line.send(signed(encode(usual(line, 1, seq, prev, body))))
        if isinstance(got, Accepted):
            _consistent(line, got)
            again = stored(got.memos)
            for key, memo in got.memos.items():
                assert again[key].about == memo.about
                for mine, theirs in zip(memo.arrays, again[key].arrays, strict=True):
                    np.testing.assert_array_equal(mine, theirs)
        line = line.restart() if is_restart else line
        line.tick(0.01)
    line.now += 20 * SECOND
    got = line.send(line.next("edge-2", "slow"))
    assert isinstance(got, Accepted), "nobody else suffers"
    assert got.admitted.in_live.all()
