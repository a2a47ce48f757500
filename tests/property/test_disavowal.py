"""What the tracer lists, over ledgers that the real engine wrote in random plays, against one entry after the other."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engine.tape import PLAYS, SITE, Action, Tape
from twinvouch.app.lineage import LineageReader
from twinvouch.app.tracing import trace
from twinvouch.core.event import Trace
from twinvouch.core.kind import Kind
from twinvouch.core.site import SECOND
from twinvouch.ledger.lineage import BATCHES, Node
from twinvouch.ledger.node import node_of
from twinvouch.ledger.rests import NONE

SIGNED = {
    Kind.ENTRY_BATCH,
    Kind.ENTRY_COMMAND,
    Kind.ENTRY_STATEMENT,
    Kind.ENTRY_ADVICE,
    Kind.ENTRY_DISAVOWAL,
}
ALWAYS: list[Action] = [
    ("read", ("edge-1", 5.0, 0.0, 0)),
    ("read", ("edge-2", 5.0, 0.0, 0)),
    ("ask", ("twin", "readTags", ("tank/level", "tank/flow"))),
    ("propose", ("valve/opening", 0.6, "twin", True)),
    ("wait", 1.0),
    ("read", ("edge-1", 5.0, 0.0, 0)),
    ("propose", ("pump/run", 1.0, "twin", True)),
    ("advise", ("valve/opening", "twin", True, 3600.0)),
]
SUBJECTS = st.sampled_from(
    [("tag", "tank/level"), ("tag", "tank/flow"), ("tag", "roof/temperature")]
    + [("principal", name) for name in ("edge-1", "edge-2", "twin", "ann")]
)


def is_bad(node: Node, kind: str, name: str) -> bool:
    if kind == "principal":
        return node.kind in SIGNED and node.who == name
    return node.layout is not None and node.layout[0] == SITE.plant.tags[name].group


def meets(node: Node, mask: bytes, name: str) -> bool:
    """Whether these columns of a batch are, or may be, the tag's."""
    group = SITE.plant.groups[SITE.plant.tags[name].group]
    if not mask or node.layout is None or node.layout[1] != group.digest[:8]:
        return True
    place = group.ids.index(name)
    return bool(mask[place // 8] >> (place % 8) & 1)


def by_hand(nodes: list[Node], asked: Trace) -> list[int]:
    """Entries before the disavowal that are bad, or rest on one that is."""
    bad, whole = set[int](), set[int]()  # `whole`: all of it is touched, not one column only
    for me, node in enumerate(nodes[: asked.entry]):
        ways = list(node.rests.parents)
        for pool, since in (
            (BATCHES, node.rests.batches_since),
            (node.who, node.rests.answers_since),
        ):
            if since != NONE:
                ways += [(p, b"") for p in range(since, me) if nodes[p].pool == pool]
        if asked.since_ns <= node.now_ns <= asked.until_ns and is_bad(node, asked.kind, asked.name):
            (bad if asked.kind == "tag" else whole).add(me)
        for parent, mask in ways:
            if parent in whole or (parent in bad and meets(nodes[parent], mask, asked.name)):
                whole.add(me)
    return sorted(bad | whole)


@settings(max_examples=60, deadline=None)
@given(PLAYS, SUBJECTS, st.tuples(st.integers(0, 10), st.integers(0, 10)), st.data())
def test_c40_what_is_listed_is_what_rests_on_it_entry_by_entry(
    play: list[Action], subject: tuple[str, str], span: tuple[int, int], data: st.DataObject
) -> None:
    tape = Tape()
    begin = tape.now
    tape.play(ALWAYS).play(play).play(ALWAYS)
    width = max((tape.now - begin) // 10, SECOND // 10)
    since, until = (begin + width * n for n in sorted(span))
    entries = tape.core.state.entries
    asked = Trace(data.draw(st.integers(0, len(entries))), *subject, since, until)
    reader = LineageReader(lambda: tape.core.state)
    found = trace(reader.up_to_date(), reader, SITE.plant, asked, b"")
    nodes = [node_of(raw, index).node for index, raw in enumerate(entries)]
    listed = by_hand(nodes, asked)
    assert np.frombuffer(found.listed, "<u8").tolist() == listed
    assert found.touched == len(listed)
    assert all(index < asked.entry for index in listed)
    assert sum(times for _, times, _ in found.readers) == sum(
        nodes[n].kind == Kind.ENTRY_QUERY and nodes[n].is_done for n in listed
    )
