"""Which entries of a ledger rest on what a tag said in a time, worked out without the product's lineage.

The stand-alone verifier decodes the entries; where each kind says what it rests on is written down here a second
time, as docs/reference/ledger-format.md has it. One pass in the order of the ledger: an entry rests on it where one of
its parents does.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from twinvouch.verifier.cbor import decode

BATCH, COMMAND, DECISION, PERMIT, OUTCOME, STATEMENT, QUERY = 65, 67, 68, 69, 70, 71, 72
MODEL, FINDING, ADVICE, DISAVOWED, VIRTUAL, GLASS = 73, 74, 83, 84, 85, 88
_GROUP, _COMMON = 4, 5
# kind -> where behind the common fields stands what an entry rests on
_RESTS: Final[Mapping[int, int]] = {
    BATCH: 13,
    COMMAND: 5,
    DECISION: 4,
    PERMIT: 3,
    OUTCOME: 2,
    STATEMENT: 4,
    QUERY: 4,
    MODEL: 2,
    FINDING: 2,
    ADVICE: 7,
    DISAVOWED: 5,
    VIRTUAL: 2,
    GLASS: 4,
}
_WHO: Final[Mapping[int, int]] = {COMMAND: 1, ADVICE: 1, QUERY: 0}


@dataclass(frozen=True, slots=True)
class Lie:
    """Column `column` of the batches of a scan group, made from `since_ns` to `until_ns` by the ledger's times."""

    group: str
    column: int
    since_ns: int
    until_ns: int


def resting(entries: Iterable[bytes], lie: Lie) -> set[int]:
    """Ledger indices of the lying batches and of all that rests on that column of them."""
    bad: set[int] = set()
    touched: set[int] = set()
    batches: list[int] = []  # that are bad or touched
    answers: dict[str, list[int]] = {}  # by who was given them
    for index, raw in enumerate(entries):
        said: Any = decode(raw)
        kind, now_ns, rest = said[1], said[3], said[_COMMON:]
        who = str(rest[_WHO[kind]]) if kind in _WHO else ""
        listed, batches_since, answers_since = _rests(kind, rest)
        if kind == BATCH and rest[_GROUP] == lie.group and lie.since_ns <= now_ns <= lie.until_ns:
            bad.add(index)
        elif (
            any(_counts(parent, bad, touched, lie.column) for parent in listed)
            or _has(batches, batches_since)
            or _has(answers.get(who, []), answers_since)
        ):
            touched.add(index)
        else:
            continue
        if kind == BATCH:
            batches.append(index)
        if kind == QUERY and rest[2]:
            answers.setdefault(who, []).append(index)
    return bad | touched


def _has(indices: Sequence[int], since: int) -> bool:
    """Whether one of these is in the range from `since` on; -1 is no range."""
    return since >= 0 and any(index >= since for index in indices)


def _rests(kind: int, rest: Sequence[Any]) -> tuple[Sequence[Any], int, int]:
    """Parents, and from which index on batches and answers count (-1: none)."""
    place = _RESTS.get(kind)
    if place is None or len(rest) <= place:
        return (), -1, -1
    said = rest[place]
    if kind == BATCH or not (len(said) == 3 and isinstance(said[0], list)):
        return said, -1, -1
    return said[0], said[1], said[2]


def _counts(parent: Any, bad: set[int], touched: set[int], column: int) -> bool:
    """Whether a parent makes its child rest on the lie."""
    index, columns = (parent, b"") if isinstance(parent, int) else parent
    if index in bad:
        return not columns or bool(columns[column // 8] >> (column % 8) & 1)
    return index in touched
