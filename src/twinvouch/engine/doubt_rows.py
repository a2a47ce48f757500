"""What persons said of how far to trust something, as rows of the state store."""

from collections.abc import Callable, Mapping
from typing import Any

from twinvouch.core.disavowal import Stage
from twinvouch.engine.disavowals import read_disavowed, write_disavowed
from twinvouch.engine.memory import Memory
from twinvouch.engine.watch import Watch
from twinvouch.wire.cbor import decode, encode


def _write_disavowal(m: Memory, ident: str) -> bytes | None:
    d = m.disavowals.get(ident)
    return None if d is None else write_disavowed(d)


def _read_disavowal(m: Memory, ident: str, raw: bytes) -> None:
    d = m.disavowals[ident] = read_disavowed(raw)
    if d.stage is Stage.IN_EFFECT:
        m.disavowed |= dict.fromkeys(d.marked, d.entry)


def _read_distrusted(m: Memory, _: str, raw: bytes) -> None:
    content: Any = decode(raw)
    m.distrusted = dict(content)


def _write_watched(m: Memory, subject: str) -> bytes | None:
    w = m.watched.get(subject)
    told = None if w is None else [1, w.since_ns, w.entry, w.clean, list(w.seen), w.is_offered]
    return None if told is None else encode(told)


def _read_watched(m: Memory, subject: str, raw: bytes) -> None:
    content: Any = decode(raw)
    version, since_ns, entry, clean, seen, is_offered = content
    assert version == 1, version
    m.watched[subject] = Watch(since_ns, entry, clean, tuple(seen), is_offered)


def _read_hands(m: Memory, group: str, raw: bytes) -> None:
    content: Any = decode(raw)
    version, hands = content
    assert version == 1, version
    m.hands[group] = tuple((entry, key) for entry, key in hands)


def _read_unjudged(m: Memory, _: str, raw: bytes) -> None:
    content: Any = decode(raw)
    version, waiting = content
    assert version == 1, version
    m.unjudged = {ident: tuple(because) for ident, because in waiting}


def _write_upheld(m: Memory, _: str) -> bytes | None:
    return encode([1, m.upheld]) if m.upheld else None


def _read_upheld(m: Memory, _: str, raw: bytes) -> None:
    content: Any = decode(raw)
    version, m.upheld = content
    assert version == 1, version


WRITE: Mapping[str, Callable[[Memory, str], bytes | None]] = {
    "disavowal": _write_disavowal,
    "distrusted": lambda m, _: encode(m.distrusted),
    "watched": _write_watched,
    "hands": lambda m, group: encode([1, [list(hand) for hand in m.hands[group]]]),
    "unjudged": lambda m, _: encode([1, [[i, list(why)] for i, why in m.unjudged.items()]]),
    "upheld": _write_upheld,
}
READ: Mapping[str, Callable[[Memory, str, bytes], None]] = {
    "disavowal": _read_disavowal,
    "distrusted": _read_distrusted,
    "watched": _read_watched,
    "hands": _read_hands,
    "unjudged": _read_unjudged,
    "upheld": _read_upheld,
}
