"""Which sources a rewind counts as nothing, and when: by the disavowals that stand, and by what its caller names.

A disavowal counts whenever it was said: also one that came after the moment that the plant is rewound to. The ledger
says how each stands now (entry kinds 82 and 84): only one that is in effect counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from twinvouch.adapters.sqlite_state import StateReader
from twinvouch.core.disavowal import Stage
from twinvouch.core.errors import UsageError
from twinvouch.core.inventory import Plant
from twinvouch.core.kind import VERSION, Kind
from twinvouch.engine.rewinding import counted
from twinvouch.wire.cbor import decode

MOST: Final = 50  # disavowals of one rewind: each is an entry that verifiers look at
_BYTE: Final = 0x18  # CBOR: a number in the byte behind it
DISAVOWAL: Final = bytes((VERSION, _BYTE, Kind.ENTRY_DISAVOWAL))  # behind the head of the array
STANDS: Final = bytes((VERSION, _BYTE, Kind.ENTRY_DISAVOWED))


@dataclass(frozen=True, slots=True)
class Disowned:
    """`subject` counts as nothing from `since_ns` to `until_ns`, both included, ns since 1970.

    `entry` is where the ledger has the person's word and `committed` what it commits to; -1 and empty: named by hand.
    """

    subject: str
    since_ns: int
    until_ns: int
    entry: int = -1
    committed: bytes = b""


@dataclass(frozen=True, slots=True)
class Chosen:
    """`spans` in the order in which they begin; `left` begin after the rewind's end, or are about what it cannot leave out."""

    spans: tuple[Disowned, ...]
    left: tuple[tuple[Disowned, str], ...]


def standing(state: StateReader) -> list[Disowned]:
    """The disavowals that are in effect, in the order in which they were said."""
    said: dict[int, Disowned] = {}
    stage: dict[int, str] = {}
    for index, raw in state.every_leaf():
        if raw[1:4] == DISAVOWAL:
            said[index] = _said(index, decode(raw))
        elif raw[1:4] == STANDS:
            content: Any = decode(raw)
            stage[content[5]] = content[6]
    return [each for index, each in said.items() if stage.get(index) == Stage.IN_EFFECT]


def choose(found: Sequence[Disowned], to_ns: int, plant: Plant) -> Chosen:
    """What a rewind to `to_ns` leaves out, of what is disavowed; UsageError where that is too much, or by hand and not known."""
    spans, left = [], []
    for each in found:
        is_known = bool(counted(plant, each.subject))
        if not is_known and each.entry < 0:
            raise UsageError(f"`{each.subject}` is no tag and no edge of plant `{plant.id}`")
        if not is_known:
            left.append((each, "no tag and no edge of the plant: a rewind leaves out readings"))
        elif each.since_ns > to_ns:
            left.append((each, "begins after the moment that is rewound to"))
        else:
            spans.append(each)
    if len(spans) > MOST:
        raise UsageError(f"{len(spans)} disavowals, a rewind takes at most {MOST}: rewind to less")
    return Chosen(tuple(sorted(spans, key=lambda s: s.since_ns)), tuple(left))


def _said(index: int, content: Any) -> Disowned:
    committed, _, subject, since_ns, until_ns = content[4:9]
    return Disowned(subject, since_ns, until_ns, index, committed)
