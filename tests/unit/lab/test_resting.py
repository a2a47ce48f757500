"""The demo's second account of what rests on a lying tag: column by column, range by range, and beside the product's."""

import random

import numpy as np

from twinvouch.lab.resting import Lie, resting
from twinvouch.ledger.affected import Source, affected
from twinvouch.ledger.lineage import Lineage
from twinvouch.ledger.node import node_of
from twinvouch.wire.cbor import encode

COLUMNS, COLUMN = b"columns.", 1
LIE = Lie("fast", COLUMN, 10, 20)
THIS, OTHER = b"\x02", b"\x05"
YES = True


def entry(version: int, kind: int, now_ns: int, *rest: object) -> bytes:
    return encode([version, kind, "plant", now_ns, b"", *rest])


def batch(now_ns: int, group: str = "fast", *models: int) -> bytes:
    about = ["edge-1", 1, 1, 0, group, 1, 1, 1, 1, 1, 1, [], COLUMNS, list(models)]
    return entry(2, 65, now_ns, *about)


def command(rests: object, who: str = "twin") -> bytes:
    return entry(2, 67, 30, "c", who, "pump/run", "C", YES, rests)


def query(rests: object, who: str = "twin", *, allowed: bool = True) -> bytes:
    return entry(2, 72, 30, who, "readTags", allowed, 1, rests)


def decision(rests: object) -> bytes:
    return entry(2, 68, 30, "c", "allow", [], [], rests)


def outcome(*parents: int) -> bytes:
    return entry(1, 70, 30, "c", "executed", list(parents))


def advice(rests: object) -> bytes:
    return entry(1, 83, 30, "a", "ann", "tank", "C", "shown", [], b"", rests)


def model(rests: object) -> bytes:
    return entry(2, 73, 30, "normal", YES, rests)


def test_only_batches_of_the_group_and_the_time_are_bad() -> None:
    ledger = [batch(9), batch(10), batch(20), batch(21), batch(15, "slow")]
    assert resting(ledger, LIE) == {1, 2}


def test_a_child_of_another_column_does_not_rest_on_it_and_all_columns_do() -> None:
    ledger = [
        batch(15),
        advice([[[0, THIS]], -1, -1]),
        advice([[[0, OTHER]], -1, -1]),
        advice([[0], -1, -1]),
    ]
    assert resting(ledger, LIE) == {0, 1, 3}


def test_a_command_goes_on_to_its_decision_and_outcome() -> None:
    ledger = [batch(15), command([[[0, THIS]], -1, -1]), decision([[1], -1, -1]), outcome(2)]
    assert resting(ledger, LIE) == {0, 1, 2, 3}
    ledger = [batch(5), command([[[0, THIS]], -1, -1]), decision([[1], -1, -1]), outcome(2)]
    assert resting(ledger, LIE) == set()


def test_what_a_service_was_answered_counts_from_an_index_on_and_for_itself_alone() -> None:
    ledger = [
        batch(15),
        query([[[0, THIS]], -1, -1]),
        command([[], -1, 1]),
        command([[], -1, 2]),
        command([[], -1, 0], "other"),
        query([[], -1, -1], allowed=False),
    ]
    assert resting(ledger, LIE) == {0, 1, 2}


def test_who_rests_on_every_batch_from_an_index_on_rests_on_the_bad_ones() -> None:
    ledger = [batch(15), query([[], 0, -1]), query([[], 1, -1])]
    assert resting(ledger, LIE) == {0, 1}


def test_a_model_that_learned_from_it_touches_what_it_judged() -> None:
    ledger = [batch(15), model([[0], -1, -1]), batch(30, "slow", 1), advice([[2], -1, -1])]
    assert resting(ledger, LIE) == {0, 1, 2, 3}


def test_it_says_what_the_product_says_of_a_thousand_random_ledgers() -> None:
    for seed in range(1000):
        ledger = drawn(random.Random(seed))
        of = Lineage()
        for index, raw in enumerate(ledger):
            of.append(node_of(raw, index).node)
        source = Source({(LIE.group, COLUMNS): bytes([1 << COLUMN])}, frozenset({LIE.group}))
        found = affected(of, source, LIE.since_ns, LIE.until_ns)
        assert resting(ledger, LIE) == set(np.flatnonzero(found.touched).tolist()), seed


def drawn(chance: random.Random) -> list[bytes]:
    ledger: list[bytes] = []
    for index in range(25):
        some = chance.sample(range(index), min(index, chance.randrange(3)))
        listed = [chance.choice([p, [p, chance.choice([THIS, OTHER])]]) for p in some]
        since = [chance.choice([-1, -1, -1, chance.randrange(index + 1)]) for _ in range(2)]
        rests, who = [listed, *since], chance.choice(["twin", "erp"])
        made = chance.choice(["batch", "batch", "command", "query", "decision", "outcome", "model"])
        ledger.append(
            {
                "batch": batch(chance.randrange(30), chance.choice(["fast", "slow"])),
                "command": command(rests, who),
                "query": query([listed, -1, -1], who, allowed=chance.random() < 0.8),
                "decision": decision([listed, -1, -1]),
                "outcome": outcome(*some),
                "model": model([listed, -1, -1]),
            }[made]
        )
    return ledger
