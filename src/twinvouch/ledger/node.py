"""An entry as a node of the lineage: what it rests on, as far as its version says so.

The first versions of batch, query and model say nothing of it, those of command and decision name parents without
columns. What cannot be read is a node that rests on nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twinvouch.core.disavowal import Stage
from twinvouch.core.errors import MalformedError
from twinvouch.core.kind import VERSION, Kind
from twinvouch.ledger.lineage import BATCHES, Node
from twinvouch.ledger.rests import NOTHING, Rests, read_rests
from twinvouch.wire.cbor import decode

UNKNOWN = 0
_UNREADABLE = (ValueError, TypeError, IndexError, KeyError)


@dataclass(frozen=True, slots=True)
class Read:
    """A node, and the name that people ask for it by: the id of a command or of advice, the name of a model; else empty."""

    node: Node
    name: str = ""


def node_of(entry: bytes, index: int) -> Read:
    """Entry `index` of a ledger; total, whatever its bytes are."""
    try:
        content: Any = decode(entry)
        version, kind, _, now_ns, _, *rest = content
        make = MAKERS.get(kind)
        if make is None or version not in {1, 2} or not 0 <= now_ns < 2**63:
            return Read(Node(kind if isinstance(kind, int) and 0 <= kind < 256 else 0, 0))
        return make(version, now_ns, rest, index)
    except (MalformedError, *_UNREADABLE):
        return Read(Node(UNKNOWN, 0))


def _batch(version: int, now_ns: int, rest: Sequence[Any], index: int) -> Read:
    edge, group = rest[0], rest[4]
    columns, judged = (rest[12], rest[13]) if version > VERSION else (b"", [])
    # bytes(n) of a number would be n bytes of memory
    layout = (str(group), columns if isinstance(columns, bytes) else b"")
    rests = read_rests([judged, -1, -1], index) if judged else NOTHING
    return Read(Node(Kind.ENTRY_BATCH, now_ns, str(edge), rests, layout, BATCHES))


def _command(version: int, now_ns: int, rest: Sequence[Any], index: int) -> Read:
    rests = _rests(version, rest[5], index)
    return Read(Node(Kind.ENTRY_COMMAND, now_ns, str(rest[1]), rests), str(rest[0]))


def _decision(version: int, now_ns: int, rest: Sequence[Any], index: int) -> Read:
    rests, is_done = _rests(version, rest[4], index), rest[1] in {"allow", "clamp"}
    return Read(Node(Kind.ENTRY_DECISION, now_ns, "", rests, is_done=is_done))


def _advice(_: int, now_ns: int, rest: Sequence[Any], index: int) -> Read:
    rests, is_done = read_rests(rest[7], index), rest[4] in {"shown", "labelled"}
    node = Node(Kind.ENTRY_ADVICE, now_ns, str(rest[1]), rests, is_done=is_done)
    return Read(node, str(rest[0]))


def _permit(_: int, now_ns: int, rest: Sequence[Any], index: int) -> Read:
    return Read(Node(Kind.ENTRY_PERMIT, now_ns, "", _rests(VERSION, rest[3], index)))


def _outcome(_: int, now_ns: int, rest: Sequence[Any], index: int) -> Read:
    rests, is_done = _rests(VERSION, rest[2], index), rest[1] == "executed"
    return Read(Node(Kind.ENTRY_OUTCOME, now_ns, "", rests, is_done=is_done))


def _statement(_: int, now_ns: int, rest: Sequence[Any], index: int) -> Read:
    rests = _rests(VERSION, rest[4], index)
    return Read(Node(Kind.ENTRY_STATEMENT, now_ns, str(rest[0]), rests))


def _disavowal(_: int, now_ns: int, rest: Sequence[Any], _index: int) -> Read:
    return Read(Node(Kind.ENTRY_DISAVOWAL, now_ns, str(rest[0])))


def _disavowed(_: int, now_ns: int, rest: Sequence[Any], index: int) -> Read:
    rests, is_done = _rests(VERSION, rest[5], index), rest[1] == Stage.IN_EFFECT
    return Read(Node(Kind.ENTRY_DISAVOWED, now_ns, "", rests, is_done=is_done))


def _finding(_: int, now_ns: int, rest: Sequence[Any], index: int) -> Read:
    return Read(Node(Kind.ENTRY_FINDING, now_ns, "", _rests(VERSION, rest[2], index)))


def _mode(_: int, now_ns: int, rest: Sequence[Any], index: int) -> Read:
    return Read(Node(Kind.ENTRY_MODE, now_ns, str(rest[0]), _rests(VERSION, rest[6], index)))


def _glass(_: int, now_ns: int, rest: Sequence[Any], index: int) -> Read:
    return Read(Node(Kind.ENTRY_GLASS, now_ns, str(rest[0]), _rests(VERSION, rest[4], index)))


def _virtual(_: int, now_ns: int, rest: Sequence[Any], index: int) -> Read:
    return Read(Node(Kind.ENTRY_VIRTUAL, now_ns, "", _rests(VERSION, rest[2], index)))


def _query(version: int, now_ns: int, rest: Sequence[Any], index: int) -> Read:
    who, is_done = str(rest[0]), bool(rest[2])
    rests = read_rests(rest[4], index) if version > VERSION else NOTHING
    pool = who if is_done and rests.parents else None
    return Read(Node(Kind.ENTRY_QUERY, now_ns, who, rests, pool=pool, is_done=is_done))


def _model(version: int, now_ns: int, rest: Sequence[Any], index: int) -> Read:
    rests = read_rests(rest[2], index) if version > VERSION else NOTHING
    return Read(Node(Kind.ENTRY_MODEL, now_ns, "", rests, is_done=bool(rest[1])), str(rest[0]))


def _rests(version: int, content: Any, index: int) -> Rests:
    """Version 1 lists parents only, all columns of each."""
    return read_rests(content if version > VERSION else [content, -1, -1], index)


MAKERS: Mapping[int, Callable[[int, int, Sequence[Any], int], Read]] = {
    Kind.ENTRY_BATCH: _batch,
    Kind.ENTRY_COMMAND: _command,
    Kind.ENTRY_DECISION: _decision,
    Kind.ENTRY_PERMIT: _permit,
    Kind.ENTRY_OUTCOME: _outcome,
    Kind.ENTRY_STATEMENT: _statement,
    Kind.ENTRY_QUERY: _query,
    Kind.ENTRY_MODEL: _model,
    Kind.ENTRY_FINDING: _finding,
    Kind.ENTRY_ADVICE: _advice,
    Kind.ENTRY_DISAVOWAL: _disavowal,
    Kind.ENTRY_DISAVOWED: _disavowed,
    Kind.ENTRY_MODE: _mode,
    Kind.ENTRY_VIRTUAL: _virtual,
    Kind.ENTRY_GLASS: _glass,
}
