"""What a ledger entry was derived from, for the tools of others: W3C PROV-JSON and OpenLineage run events.

Entries name their parents by index; following them gives the whole derivation, from a command over its decision and permit
down to the batches of readings. Everything here is in the ledger, which holds digests and names, never a reading.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from twinvouch import __version__
from twinvouch.adapters.sqlite_state import StateReader, open_reader
from twinvouch.app.backup import origin_of
from twinvouch.app.config_model import Config
from twinvouch.app.moments import moment_text
from twinvouch.core.errors import UsageError
from twinvouch.core.kind import Kind
from twinvouch.ledger.node import node_of
from twinvouch.ledger.told import kind_name
from twinvouch.wire.cbor import decode

MOST: Final = 10_000  # entries of one derivation
PRODUCER: Final = f"urn:twinvouch:{__version__}"
SCHEMA: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json"
# kind -> the place of whoever is behind it in the entry, and the gate that made it
_WHO: Final = {
    Kind.ENTRY_BATCH: (5, "gate 1"),
    Kind.ENTRY_FINDING: (None, "gate 1"),
    Kind.ENTRY_COMMAND: (6, "proposal"),
    Kind.ENTRY_ADVICE: (6, "proposal"),
    Kind.ENTRY_DECISION: (None, "gate 4"),
    Kind.ENTRY_PERMIT: (None, "gate 4"),
    Kind.ENTRY_OUTCOME: (None, "actuator"),
    Kind.ENTRY_STATEMENT: (5, "person"),
    Kind.ENTRY_GENESIS: (5, "person"),
}


@dataclass(frozen=True, slots=True)
class Node:
    """One entry of a derivation; `agent` is who is behind it, empty where nobody is named."""

    index: int
    kind: str
    gate: str
    now_ns: int
    agent: str
    leaf: str  # RFC 6962 leaf hash, hex
    parents: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Derivation:
    """An entry with everything that it was derived from, newest first."""

    origin: str
    plant: str
    nodes: Sequence[Node]


def of(config: Config, entry: int) -> Derivation:
    """The derivation of a committed entry; UsageError where there is none."""
    with closing(open_reader(config.data_dir / "state.db")) as state:
        if entry >= state.leaf_count():
            raise UsageError(f"the ledger has {state.leaf_count()} entries, there is no {entry}")
        found: dict[int, Node] = {}
        waiting = deque([entry])
        while waiting:
            index = waiting.popleft()
            if index in found:
                continue
            if len(found) >= MOST:
                raise UsageError(f"entry {entry} was derived from more than {MOST} others")
            found[index] = _node(state, index)
            waiting.extend(found[index].parents)
    nodes = [found[index] for index in sorted(found, reverse=True)]
    return Derivation(origin_of(config.data_dir), config.plant.id, nodes)


def prov(derivation: Derivation) -> Mapping[str, Any]:
    """PROV-JSON (W3C Member Submission 24 April 2013): an entity an entry, an activity a gate at work, agents by name."""
    document: dict[str, Any] = {
        "prefix": {"tv": f"urn:twinvouch:{derivation.origin}:", "prov": "http://www.w3.org/ns/prov#"},
        **{name: {} for name in ("entity", "activity", "agent", "wasGeneratedBy", "used")},
        **{name: {} for name in ("wasDerivedFrom", "wasAttributedTo")},
    }  # fmt: skip
    for node in derivation.nodes:
        entity, activity, time = f"tv:entry-{node.index}", f"tv:work-{node.index}", moment_text(node.now_ns)  # fmt: skip
        document["entity"][entity] = {"prov:type": f"tv:{node.kind}", "tv:leaf": node.leaf}
        document["activity"][activity] = {"prov:type": f"tv:{node.gate}", "prov:endTime": time}
        document["wasGeneratedBy"][f"_:g{node.index}"] = {
            "prov:entity": entity, "prov:activity": activity, "prov:time": time,
        }  # fmt: skip
        if node.agent:
            document["agent"][f"tv:{node.agent}"] = {"prov:label": node.agent}
            document["wasAttributedTo"][f"_:a{node.index}"] = {
                "prov:entity": entity, "prov:agent": f"tv:{node.agent}",
            }  # fmt: skip
        for parent in node.parents:
            source, name = f"tv:entry-{parent}", f"{node.index}-{parent}"
            document["used"][f"_:u{name}"] = {"prov:activity": activity, "prov:entity": source}
            document["wasDerivedFrom"][f"_:d{name}"] = {
                "prov:generatedEntity": entity, "prov:usedEntity": source, "prov:activity": activity,
            }  # fmt: skip
    return {name: told for name, told in document.items() if told}


def openlineage(derivation: Derivation) -> Iterator[Mapping[str, Any]]:
    """A completed run (OpenLineage 2-0-2) for each entry, oldest first; data sets are entries of the ledger."""
    for node in reversed(derivation.nodes):
        name = f"{derivation.origin}/{node.index}"
        yield {
            "eventType": "COMPLETE",
            "eventTime": moment_text(node.now_ns),
            "run": {"runId": str(uuid5(NAMESPACE_URL, f"urn:twinvouch:{name}"))},
            "job": {"namespace": derivation.plant, "name": f"{node.gate}.{node.kind}"},
            "inputs": [_dataset(derivation, parent) for parent in node.parents],
            "outputs": [_dataset(derivation, node.index, node)],
            "producer": PRODUCER,
            "schemaURL": f"{SCHEMA}#/$defs/RunEvent",
        }


def _dataset(derivation: Derivation, index: int, node: Node | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "namespace": f"twinvouch://{derivation.origin}",
        "name": f"entry/{index}",
    }
    if node is not None:
        facet = {"_producer": PRODUCER, "_schemaURL": f"{SCHEMA}#/$defs/DatasetFacet"}
        told["facets"] = {"twinvouch_ledger": {**facet, "index": index, "leafHash": node.leaf, "agent": node.agent}}  # fmt: skip
    return told


def _node(state: StateReader, index: int) -> Node:
    (raw,) = state.leaves(index, index + 1)
    content: Any = decode(raw)
    kind, now_ns = content[1], content[3]
    place, gate = _WHO.get(kind, (None, "core"))
    parents = (parent for parent, _ in node_of(raw, index).node.rests.parents)
    agent = content[place] if place is not None else ""
    leaf = sha256(b"\0" + raw).hexdigest()
    return Node(index, kind_name(kind), gate.replace(" ", "-"), now_ns, agent, leaf, tuple(parents))
