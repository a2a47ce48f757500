"""What an entry says in clear, as plain data for people: names, verdicts and counts, never readings or reasons."""

from collections.abc import Mapping, Sequence
from typing import Any

from twinvouch.core.errors import MalformedError
from twinvouch.core.event import Plain
from twinvouch.core.kind import Kind
from twinvouch.wire.cbor import decode

# kind -> place behind the commitment and what stands there
FIELDS: Mapping[int, Sequence[tuple[int, str]]] = {
    Kind.ENTRY_BATCH: ((0, "edge"), (1, "epoch"), (2, "seq"), (4, "group"), (5, "rows")),
    Kind.ENTRY_COMMAND: ((0, "command"), (1, "principal"), (2, "tag"), (3, "class")),
    Kind.ENTRY_DECISION: ((0, "command"), (1, "verdict")),
    Kind.ENTRY_PERMIT: ((0, "command"),),
    Kind.ENTRY_OUTCOME: ((0, "command"), (1, "status")),
    Kind.ENTRY_STATEMENT: ((0, "principal"), (1, "verb"), (2, "subject")),
    Kind.ENTRY_QUERY: ((0, "principal"), (1, "action"), (2, "allowed"), (3, "tags")),
    Kind.ENTRY_MODEL: ((0, "model"), (1, "admitted")),
    Kind.ENTRY_ADVICE: ((0, "advice"), (1, "principal"), (2, "subject"), (4, "standing")),
    Kind.ENTRY_DISAVOWAL: ((0, "principal"), (1, "subject"), (2, "since_ns"), (3, "until_ns")),
    Kind.ENTRY_DISAVOWED: ((0, "disavowal"), (1, "stage"), (2, "touched")),
    Kind.ENTRY_FINDING: ((0, "rules"),),
    Kind.ENTRY_GLASS: ((0, "subject"), (1, "person"), (2, "stage"), (3, "until_ns")),
    Kind.ENTRY_VIRTUAL: ((0, "tag"), (1, "turn")),
    Kind.ENTRY_REWIND: ((0, "origin"), (1, "size"), (4, "subject")),
}


def told(entry: bytes) -> dict[str, Plain]:
    """`kind`, `at_ns` and the fields of its kind; total, whatever the bytes are."""
    try:
        content: Any = decode(entry)
        _, kind, _, now_ns, _, *rest = content
        known: dict[str, Plain] = {"kind": kind_name(kind), "at_ns": _moment(now_ns)}
        return known | {name: _plain(rest[place]) for place, name in FIELDS.get(kind, ())}
    except (MalformedError, ValueError, TypeError, IndexError):
        return {"kind": "unknown", "at_ns": None}


def _moment(value: Any) -> int | None:
    return value if isinstance(value, int) and 0 <= value < 2**63 else None


def _plain(value: Any) -> Plain:
    """What JSON can hold; of an entry that another program made anything else becomes text."""
    if isinstance(value, list):
        return ", ".join(str(v) for v in value)[:200]
    return value if isinstance(value, str | int | None) else str(value)[:200]


def kind_name(kind: int) -> str:
    """An entry's kind in a word."""
    try:
        return Kind(kind).name.removeprefix("ENTRY_").lower()
    except ValueError:
        return "unknown"
