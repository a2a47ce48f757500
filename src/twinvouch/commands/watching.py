"""What a watchdog keeps between events, and what of a start lets the core act by itself.

A lie of a source that falls short of what an actuator demands must not make the core command anything (NI-2). Rules over
several tags lower all of them where they do not fit together, the trusted ones, too, and so widen their intervals. So a
start moves no actuator where it is widened at a tag that something is declared of together with a tag that falls short by
who sends it, by its calibration or by a person's word. Then people are told, and that is all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from twinvouch.commands.foreseen import Asked, read_asked, write_asked
from twinvouch.commands.lookahead import At, trusted_axes
from twinvouch.core.inventory import Plant
from twinvouch.core.label import Axis
from twinvouch.core.lookahead import Ahead
from twinvouch.wire.cbor import decode, encode


@dataclass(frozen=True, slots=True)
class Watching:
    """One watchdog: its question on the way, and whether its answer may move an actuator; entries are ledger indices.

    `turn` counts its intervals since 1970: it asks once in each. `missing` questions in a row had no answer; `is_told` that
    people know. A finding stands since `since_ns` (0: none) about `subject`, in `entry`.
    """

    asked: Asked | None = None
    may_act: bool = False
    turn: int = -1
    missing: int = 0
    is_told: bool = False
    since_ns: int = 0
    entry: int = -1
    subject: str = ""


def may_act(at: At, plant: Plant, ahead: Ahead) -> bool:
    """True where every quantity that is not read now is so for a reason that no source of low trust can give."""
    wide = [s.tag for s in ahead.sources.values() if trusted_axes(at, ahead, s.tag) is None]
    return not any(_falls_short(at, ahead, other) for tag in wide for other in _beside(plant, tag))


def unknown(at: At, ahead: Ahead) -> str:
    """The first tag of which nothing is known, neither now nor from before; empty where there is a start."""
    tags = sorted({s.tag for s in ahead.sources.values()})
    known = at.context.trusted
    return next((t for t in tags if t not in known and trusted_axes(at, ahead, t) is None), "")


def _beside(plant: Plant, tag: str) -> Iterator[str]:
    """Tags that something is declared of together with this one, in every scan group that knows of it."""
    for of in plant.declared.values():
        redundant, states = (p.tags for p in of.redundancy), (p.tags for p in of.expectations)
        balanced = (part.placed.tags for part in of.balances)
        for tags in (*redundant, *balanced, *states):
            if tag in tags:
                yield from (t for t in tags if t != tag)


def _falls_short(at: At, ahead: Ahead, tag: str) -> bool:
    """Whatever it says: by identity, integrity or calibration, or because a person distrusts it."""
    if at.context.distrusted.get(tag, 0) > at.now_ns:
        return True
    axes, _ = at.frame.label_of(tag, at.now_ns)
    fixed = (Axis.IDENTITY, Axis.INTEGRITY, Axis.CALIBRATION)
    return any(axes[a] < ahead.demands[a] for a in fixed)


def write_watching(w: Watching) -> bytes:
    """As bytes for the state store."""
    asked = None if w.asked is None else write_asked(w.asked)
    told = [w.may_act, w.turn, w.missing, w.is_told, w.since_ns, w.entry, w.subject]
    return encode([1, asked, *told])


def read_watching(raw: bytes) -> Watching:
    """The inverse of `write_watching`."""
    content: Any = decode(raw)
    version, asked, *told = content
    assert version == 1, version
    return Watching(None if asked is None else read_asked(asked), *told)
