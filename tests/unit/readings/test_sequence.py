"""Gap, duplicate, replay, reorder, chain, epoch, equivocation: told apart, and what each does."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings.world import LEVEL, SECOND, Line, rules
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.kind import Kind
from twinvouch.core.label import Axis
from twinvouch.core.site import ReadingRules
from twinvouch.readings.gate import Accepted, Refused, Repeated
from twinvouch.readings.link import RECENT, Link, Span
from twinvouch.readings.sequence import AHEAD_S, CAP, Placed, place
from twinvouch.wire.batch import Header

RULES = ReadingRules()


def header(epoch: int, seq: int, prev: bytes = b"") -> Header:
    return Header(Kind.BATCH, "toy", Identity("e", epoch, seq), prev, Origin.LIVE, "g", b"")


def digest_of(epoch: int, seq: int) -> bytes:
    return bytes((epoch % 251, seq % 251)).rjust(32, b"d")


class Chain:
    """Places batches of one edge, each naming the one that the sender made before it."""

    def __init__(self, rules: ReadingRules = RULES) -> None:
        self.link: Link | None = None
        self.rules = rules
        self.now = 0

    def __call__(self, epoch: int, seq: int, prev: bytes | None = None) -> Placed | Finding:
        self.now += SECOND // 100
        named = digest_of(epoch, seq - 1) if prev is None else prev
        got = place(
            self.link, header(epoch, seq, named), digest_of(epoch, seq), self.rules, self.now
        )
        if isinstance(got, Placed):
            self.link = got.link
        return got


def said(got: Placed | Finding) -> list[str]:
    return [f.rule for f in got.findings] if isinstance(got, Placed) else [got.rule]


def integrity(got: Accepted) -> int:
    return int(got.admitted.label.axes[Axis.INTEGRITY].min())


def test_clean_batches_in_order_say_nothing() -> None:
    line = Line()
    for _ in range(5):
        got = line.read()
        assert rules(got) == []
        assert integrity(got) == 255
        assert got.admitted.in_live.all()
    assert line.links["edge-1"].seq == 4


def test_first_contact_takes_any_number() -> None:
    chain = Chain()
    assert said(chain(7, 1000)) == []
    assert said(chain(7, 999)) == ["replay"], "nothing is known to be missing before it"


def test_a_gap_is_counted_remembered_and_costs_no_integrity() -> None:
    line = Line()
    line.read()
    held = [line.next() for _ in range(3)]
    got = line.read()
    (finding,) = got.admitted.findings
    assert (finding.rule, finding.severity, finding.technique) == ("gap", Severity.MEDIUM, "T0804")
    assert "3 batches of `edge-1` are missing before 1/4: sequence 1 to 3" in finding.sentence
    assert dict(finding.evidence)["missing"] == 3
    assert integrity(got) == 255
    assert line.links["edge-1"].missing == (Span(1, 1, 3),)
    assert len(held) == 3


def test_a_late_batch_fills_its_gap_in_history_only() -> None:
    line = Line()
    line.read()
    held = [line.next(values={LEVEL: 5.05}) for _ in range(3)]
    line.read(values={LEVEL: 5.1})
    before = line.frame.rows("fast")
    got = line.send(held[1])
    assert isinstance(got, Accepted)
    assert rules(got) == ["reorder"]
    assert got.admitted.findings[0].severity is Severity.LOW
    assert not got.admitted.in_live.any()
    assert integrity(got) == 255
    assert line.frame.rows("fast") == before
    assert line.links["edge-1"].missing == (Span(1, 1, 1), Span(1, 3, 3))
    assert (line.links["edge-1"].seq, line.links["edge-1"].digest) == (4, line.prev["edge-1"])
    assert rules(line.send(held[0])) == ["reorder"]
    assert rules(line.send(held[2])) == ["reorder"]
    assert line.links["edge-1"].missing == ()
    assert rules(line.read()) == [], "the chain goes on from the newest"


def test_a_late_batch_whose_neighbour_is_known_must_fit_the_chain() -> None:
    chain = Chain()
    chain(1, 0), chain(1, 2)
    got = chain(1, 1, prev=b"x" * 32)
    assert isinstance(got, Placed)
    assert (said(got), got.integrity, got.is_late) == (["reorder", "chain"], CAP, True)


def test_a_retransmission_is_a_duplicate_and_later_a_replay() -> None:
    line = Line()
    raw = line.next()
    assert isinstance(line.send(raw), Accepted)
    before = (line.links["edge-1"], line.frame.rows("fast"))
    got = line.send(raw, after_s=29)
    assert isinstance(got, Repeated)
    assert (got.edge, got.finding.rule, got.finding.severity) == (
        "edge-1",
        "duplicate",
        Severity.INFO,
    )
    got = line.send(raw, after_s=2)
    assert isinstance(got, Repeated)
    assert (got.finding.rule, got.finding.severity) == ("replay", Severity.HIGH)
    assert got.finding.technique == "T0856"
    assert before == (line.links["edge-1"], line.frame.rows("fast"))


def test_old_epochs_and_numbers_that_fill_no_gap_are_replays() -> None:
    chain = Chain()
    chain(2, 0), chain(3, 0)
    assert said(chain(2, 1)) == ["replay"]
    assert said(chain(1, 5)) == ["replay"]
    for seq in range(1, RECENT + 10):
        chain(3, seq)
    assert said(chain(3, 2)) == ["replay"], "its digest is forgotten, its number is not"


def test_a_batch_that_does_not_name_the_one_before_it_breaks_the_chain() -> None:
    line = Line()
    line.read()
    got = line.read(header={"prev": b"x" * 32})
    (finding,) = got.admitted.findings
    assert (finding.rule, finding.severity) == ("chain", Severity.HIGH)
    assert integrity(got) == CAP
    assert rules(line.read()) == [], "one batch is doubted, not all that follow"


def test_a_restart_of_the_edge_goes_on_with_its_chain() -> None:
    line = Line()
    line.read()
    line.read(header={"identity": Identity("edge-1", 2, 0)})
    got = line.read(header={"identity": Identity("edge-1", 9, 0)})
    assert (rules(got), integrity(got)) == ([], 255)
    assert (line.links["edge-1"].epoch, line.links["edge-1"].seq) == (9, 0)


def test_a_new_epoch_that_does_not_name_the_old_end_is_found() -> None:
    chain = Chain()
    chain(1, 0)
    got = chain(2, 0, prev=bytes(32))
    assert isinstance(got, Placed)
    assert (said(got), got.integrity) == (["epoch"], CAP)
    assert "new boot epoch" in got.findings[0].sentence


def test_a_new_epoch_that_begins_in_the_middle_has_a_gap() -> None:
    chain = Chain()
    chain(1, 0)
    got = chain(2, 3)
    assert isinstance(got, Placed)
    assert (said(got), got.link.missing) == (["gap"], (Span(2, 0, 2),))


def test_an_old_epochs_gap_can_still_be_filled() -> None:
    chain = Chain()
    chain(1, 0), chain(1, 2), chain(2, 0, prev=digest_of(1, 2))
    got = chain(1, 1)
    assert isinstance(got, Placed)
    assert (said(got), got.link.epoch, got.link.missing) == (["reorder"], 2, ())


def test_two_batches_with_one_number_are_a_key_in_two_hands() -> None:
    line = Line()
    line.read()
    seq = line.seq["edge-1"]
    line.read(values={LEVEL: 5.05})
    other = line.content(values={LEVEL: 1.0}, header={"identity": Identity("edge-1", 1, seq)})
    before = (dict(line.links), line.frame.rows("fast"))
    got = line.send(line.sealed(other))
    assert isinstance(got, Refused)
    assert (got.edge, got.finding.rule, got.finding.severity) == (
        "edge-1", "equivocation", Severity.CRITICAL,
    )  # fmt: skip
    assert before == (line.links, line.frame.rows("fast"))


def test_huge_jumps_cost_nothing_and_forget_the_oldest_numbers() -> None:
    chain = Chain(ReadingRules(max_gap=10))
    chain(1, 0), chain(1, 5)
    got = chain(1, 2**63 - 1)
    assert isinstance(got, Placed)
    assert got.link.missing == (Span(1, 2**63 - 11, 2**63 - 2),)
    assert dict(got.findings[0].evidence)["missing"] > 9e18
    assert said(chain(2**63 - 1, 2**63 - 1)) == ["epoch"], "no later one could follow"
    got = chain(AHEAD_S, 2**63 - 1)
    assert isinstance(got, Placed)
    assert sum(s.last - s.first + 1 for s in got.link.missing) == 10


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12)), max_size=60),
    st.integers(1, 8),
)
def test_each_number_is_taken_at_most_once_and_memory_is_bounded(
    sent: list[tuple[int, int]], max_gap: int
) -> None:
    chain, taken = Chain(ReadingRules(max_gap=max_gap)), []
    for epoch, seq in sent:
        got = chain(epoch, seq)
        if isinstance(got, Placed):
            taken.append((epoch, seq))
            assert got.is_late == ((epoch, seq) < max(taken))
            assert (got.link.epoch, got.link.seq) == max(taken)
        else:
            assert got.rule in {"duplicate", "replay"}
            assert (epoch, seq) in taken or (epoch, seq) < max(taken)
    assert len(taken) == len(set(taken))
    if chain.link is not None:
        missing = [(s.epoch, n) for s in chain.link.missing for n in range(s.first, s.last + 1)]
        assert len(missing) == len(set(missing)) <= max_gap
        assert not set(missing) & set(taken)
        assert len(chain.link.recent) <= RECENT


def test_digests_are_remembered_in_order_of_arrival() -> None:
    chain = Chain()
    for seq in range(RECENT + 5):
        chain(1, seq)
    assert chain.link is not None
    assert [r.seq for r in chain.link.recent] == list(np.arange(RECENT) + 5)
