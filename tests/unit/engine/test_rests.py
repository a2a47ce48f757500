"""What the engine's entries say they rest on, and what the lineage of a played day makes of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.claims.site import SECOND, Toy, permits
from twinvouch.commands.register import shown
from twinvouch.core.kind import Kind
from twinvouch.core.statement import Verb
from twinvouch.ledger.affected import Source, affected
from twinvouch.ledger.entry import COLUMNS_BYTES
from twinvouch.ledger.lineage import Lineage
from twinvouch.ledger.node import node_of
from twinvouch.ledger.rests import NONE, bits
from twinvouch.verifier.entry import read_heading
from twinvouch.wire.cbor import decode

FAST = 4  # columns: pump/run, tank/flow, tank/level, valve/opening


def entries(toy: Toy) -> list[bytes]:
    return list(toy.core.state.leaves(0, toy.memory.size))


def lineage(toy: Toy) -> Lineage:
    of = Lineage()
    for index, entry in enumerate(entries(toy)):
        of.append(node_of(entry, index).node)
    return of


def rests(toy: Toy, index: int) -> Any:
    content: Any = decode(entries(toy)[index])
    return content[-1]


def tag(toy: Toy, name: str) -> Source:
    group = toy.site.plant.groups[toy.site.plant.tags[name].group]
    column = bits([group.ids.index(name)], len(group.ids))
    layout = group.name, group.digest[:COLUMNS_BYTES]
    return Source(columns={layout: column}, groups=frozenset({group.name}))


def touched(toy: Toy, name: str, since: int = 0) -> dict[str, int]:
    of = lineage(toy)
    return affected(of, tag(toy, name), since, toy.now).count(of)


def test_a_command_rests_on_the_columns_it_declares_and_a_decision_on_those_that_count(
    toy: Toy,
) -> None:
    batch = toy.read().body["entry"]
    answer, effects = toy.propose("valve/opening", 0.6, inputs=("tank/flow",))
    assert len(permits(effects)) == 1
    record = toy.memory.records[answer.body["id"]]
    flow, all_three = bits([1], FAST), bits([1, 2, 3], FAST)
    assert rests(toy, record.entry) == [[[batch, flow]], NONE, NONE]
    assert rests(toy, record.decision_entry) == [[record.entry, [batch, all_three]], NONE, NONE], (
        "the controlled variable and the position count for the decision though nobody declared them"
    )


def test_from_reading_to_outcome_everything_is_touched_and_nothing_else(toy: Toy) -> None:
    toy.read("edge-2", "slow")
    toy.read()
    _, effects = toy.propose("valve/opening", 0.6, inputs=("tank/flow",))
    toy.report(permits(effects)[0].nonce)
    assert touched(toy, "tank/flow") == {
        "batch": 1, "command": 1, "decision": 1, "permit": 1, "outcome": 1,
    }  # fmt: skip
    assert touched(toy, "tank/level") == {"batch": 1, "decision": 1, "permit": 1, "outcome": 1}
    assert touched(toy, "pump/run") == {"batch": 1}, "another column of the same batch"
    assert touched(toy, "roof/temperature") == {"batch": 1}
    of = lineage(toy)
    assert len(affected(of, tag(toy, "tank/flow"), 0, toy.now).executed(of)) == 1


def test_what_a_service_has_read_touches_its_commands_for_as_long_as_it_counts(toy: Toy) -> None:
    toy.read("edge-2", "slow")
    toy.read()
    toy.ask("twin", "readTags", ("roof/temperature",))
    answer, _ = toy.propose("valve/opening", 0.6)
    entry = toy.memory.records[answer.body["id"]].entry
    assert rests(toy, entry)[2] >= 0
    assert touched(toy, "roof/temperature")["command"] == 1
    assert touched(toy, "roof/temperature")["query"] == 1
    toy.wait(700)
    toy.read()
    later, _ = toy.propose("valve/opening", 0.6)
    assert rests(toy, toy.memory.records[later.body["id"]].entry)[2] == NONE
    assert touched(toy, "roof/temperature")["command"] == 1, "the window has passed"


def test_what_a_stream_showed_touches_the_commands_of_who_has_it_open(toy: Toy) -> None:
    toy.ask("twin", "stream", tuple(toy.site.plant.tags))
    slow = toy.read("edge-2", "slow").body["entry"]
    toy.read()
    answer, _ = toy.propose("valve/opening", 0.6)
    assert rests(toy, toy.memory.records[answer.body["id"]].entry)[1] == slow
    assert touched(toy, "roof/temperature")["command"] == 1


def test_persons_answers_are_entries_and_do_not_touch_their_services(toy: Toy) -> None:
    toy.read()
    toy.ask("bob", "readTags", ("tank/level",))
    toy.propose("valve/opening", 0.6, inputs=())
    assert touched(toy, "tank/level")["query"] == 1
    refused = toy.ask("actuator-1", "readTags", ("tank/level",))
    assert refused.code == 403
    assert touched(toy, "tank/level")["query"] == 1, "what was not shown is not touched"


def test_an_approval_is_what_the_second_decision_rests_on(toy: Toy) -> None:
    toy.read()
    answer, _ = toy.propose("pump/run", 1.0)
    ident = answer.body["id"]
    first = toy.memory.records[ident]
    said, _ = toy.say("ann", Verb.APPROVE, ident, shown=shown(first.command, first.decision))
    assert said.code == 200, said
    record = toy.memory.records[ident]
    (approval,) = record.approvals
    assert rests(toy, record.decision_entry)[0][:2] == [record.entry, approval.entry]
    assert node_of(entries(toy)[approval.entry], approval.entry).node.who == "ann"


def test_marks_survive_a_restart(toy: Toy, tmp_path: Path) -> None:
    toy.read()
    toy.ask("twin", "readTags", ("tank/level",))
    before = toy.memory.answered, toy.memory.streamed
    toy.core.close()
    toy.open()
    assert (toy.memory.answered, toy.memory.streamed) == before


def test_the_verifier_knows_entries_of_both_versions_and_neither_of_a_third(toy: Toy) -> None:
    toy.read()
    toy.ask("bob", "readTags", ("tank/level",))
    toy.propose("valve/opening", 0.6)
    names = {h.name for e in entries(toy) if (h := read_heading(e)) is not None}
    assert {"batch", "query", "command", "decision", "permit"} <= names
    assert not [n for n in names if n.startswith("unknown")]


@pytest.mark.parametrize("raw", [b"", b"\x80", b"\x85\x01\x18\x41\x61x\x00\x40", b"\xff" * 9])
def test_an_entry_that_cannot_be_read_rests_on_nothing(raw: bytes) -> None:
    node = node_of(raw, 5).node
    assert (node.rests.parents, node.pool) == ((), None)


def test_entries_of_the_first_version_name_parents_without_columns(toy: Toy) -> None:
    from twinvouch.wire.cbor import encode

    command = encode([1, 67, "toy", 5, b"", "c1", "twin", "valve/opening", "C", True, [0, 2]])
    read = node_of(command, 3)
    assert read.name == "c1"
    assert read.node.rests.parents == ((0, b""), (2, b""))
    batch = encode([1, 65, "toy", 5, b"", "edge-1", 0, 1, 0, "fast", 3, 4, 12, 0, None, None, [0]])
    node = node_of(batch, 1).node
    assert (node.layout, node.rests.parents) == (("fast", b""), ()), "a chain is no lineage"
    of = Lineage()
    of.append(node)
    of.append(node_of(command.replace(b"\x82\x00\x02", b"\x82\x00\x00"), 1).node)
    found = affected(of, tag(toy, "roof/temperature"), 0, 9)
    assert not found.touched.any()
    everything = Source(columns=tag(toy, "tank/flow").columns, groups=frozenset({"fast"}))
    assert affected(of, everything, 0, 9).touched.all(), "columns of old batches are not known"
    assert np.flatnonzero(affected(of, everything, 6, 9).touched).size == 0
    assert SECOND
    assert Kind.ENTRY_BATCH == 65
