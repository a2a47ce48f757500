"""Whom a question about the past may be about: principals and models beside tags."""

import numpy as np

from twinvouch.core.kind import Kind
from twinvouch.ledger.affected import Source, affected
from twinvouch.ledger.lineage import BATCHES, Lineage, Node
from twinvouch.ledger.rests import ALL, Rests

BATCH, MODEL, COMMAND = Kind.ENTRY_BATCH, Kind.ENTRY_MODEL, Kind.ENTRY_COMMAND


def batch(now_ns: int, *judged_by: int, edge: str = "edge-1") -> Node:
    rests = Rests(tuple((m, ALL) for m in judged_by))
    return Node(BATCH, now_ns, edge, rests, ("g", b"1"), BATCHES)


def ledger(*nodes: Node) -> Lineage:
    of = Lineage()
    for node in nodes:
        of.append(node)
    return of


def touched(of: Lineage, source: Source, since: int = 0, until: int = 99) -> list[int]:
    return np.flatnonzero(affected(of, source, since, until).touched).tolist()


def test_a_model_touches_what_it_judged_while_it_was_bad_and_what_rests_on_that() -> None:
    of = ledger(
        Node(MODEL, 0, is_done=True),
        batch(1, 0),
        batch(2, 0),
        Node(COMMAND, 3, "twin", Rests(((2, ALL),))),
        batch(4),
    )
    assert touched(of, Source(models=(0,))) == [0, 1, 2, 3]
    assert touched(of, Source(models=(0,)), since=2) == [2, 3], "what it judged before was good"
    assert touched(of, Source(models=(77,))) == []


def test_training_data_that_was_bad_touches_the_model_and_all_that_it_judged() -> None:
    of = ledger(batch(0), Node(MODEL, 1, rests=Rests(((0, ALL),))), batch(2, 1, edge="edge-2"))
    assert touched(of, Source(principal="edge-1")) == [0, 1, 2]


def test_a_principal_touches_what_it_signed_not_what_it_asked() -> None:
    asked = Node(Kind.ENTRY_QUERY, 1, "twin", Rests(((0, ALL),)), pool="twin", is_done=True)
    said = Node(Kind.ENTRY_STATEMENT, 3, "ann", Rests(((2, ALL),)))
    decided = Node(Kind.ENTRY_DECISION, 4, rests=Rests(((2, ALL), (3, ALL))), is_done=True)
    of = ledger(batch(0), asked, Node(COMMAND, 2, "twin"), said, decided)
    assert touched(of, Source(principal="twin")) == [2, 3, 4]
    assert touched(of, Source(principal="ann")) == [3, 4]
    assert touched(of, Source(principal="nobody")) == []
    assert touched(of, Source()) == []


def test_counts_are_by_kind_and_only_what_was_executed_is_listed() -> None:
    outcome = Node(Kind.ENTRY_OUTCOME, 1, rests=Rests(((0, ALL),)), is_done=True)
    failed = Node(Kind.ENTRY_OUTCOME, 1, rests=Rests(((0, ALL),)))
    of = ledger(batch(0), outcome, failed)
    found = affected(of, Source(principal="edge-1"), 0, 9)
    assert found.count(of) == {"batch": 1, "outcome": 2}
    assert found.executed(of).tolist() == [1]
