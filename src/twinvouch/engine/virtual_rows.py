"""What virtual sensors keep between events, as rows of the state store: meters change with every batch, marks seldom."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from twinvouch.engine.episode import Episode
from twinvouch.engine.memory import Memory
from twinvouch.twin.balance import Mark, Meter, Pending, Track
from twinvouch.wire.cbor import decode, encode


def _write_meters(m: Memory, tag: str) -> bytes | None:
    track = m.tracks.get(tag)
    if track is None:
        return None
    told = [
        [t, x.total, x.value, x.at_ns, x.since_ns, x.entry] for t, x in sorted(track.meters.items())
    ]
    p = track.pending
    waits = None
    if p is not None:
        waits = [
            p.level,
            p.at_ns,
            p.received_ns,
            p.entry,
            list(p.axes),
            list(p.totals),
            list(map(list, p.driven)),
        ]
    return encode([2, told, list(track.axes), track.counted_ns, waits])


def _read_meters(m: Memory, tag: str, raw: bytes) -> None:
    content: Any = decode(raw)
    version, told, (a, b, c, d), counted_ns, waits = content
    assert version in {1, 2}, version  # 1: before there were drivers
    meters = {t: Meter(*rest) for t, *rest in told}
    track = m.tracks.get(tag, Track())
    pending = None if waits is None else _pending(*waits)
    m.tracks[tag] = Track(meters, track.marks, (a, b, c, d), counted_ns, pending)


def _pending(level: float, at_ns: int, received_ns: int, entry: int, *told: Any) -> Pending:
    (a, b, c, d), totals, *driven = told
    of = tuple((tag, total) for tag, total in driven[0]) if driven else ()
    return Pending(level, at_ns, received_ns, entry, (a, b, c, d), tuple(totals), of)


def _write_marks(m: Memory, tag: str) -> bytes | None:
    track = m.tracks.get(tag)
    if track is None:
        return None
    told = [
        [
            x.level,
            x.at_ns,
            x.received_ns,
            x.entry,
            list(x.axes),
            list(x.totals),
            list(map(list, x.driven)),
        ]
        for x in track.marks
    ]
    return encode([2, told])


def _read_marks(m: Memory, tag: str, raw: bytes) -> None:
    content: Any = decode(raw)
    version, told = content
    assert version in {1, 2}, version  # 1: before there were drivers
    track = m.tracks.get(tag, Track())
    m.tracks[tag] = replace(track, marks=tuple(_mark(*each) for each in told))


def _mark(level: float, at_ns: int, received_ns: int, entry: int, *told: Any) -> Mark:
    (a, b, c, d), totals, *driven = told
    of = tuple((tag, total) for tag, total in driven[0]) if driven else ()
    return Mark(level, at_ns, received_ns, entry, (a, b, c, d), tuple(totals), of)


def _write_episode(m: Memory, tag: str) -> bytes | None:
    e = m.episodes.get(tag)
    if e is None:
        return None
    return encode([1, e.since_ns, e.began_ns, e.entry, e.is_blind, e.whole_ns, e.blind_ns])


def _read_episode(m: Memory, tag: str, raw: bytes) -> None:
    content: Any = decode(raw)
    version, *told = content
    assert version == 1, version
    m.episodes[tag] = Episode(*told)


WRITE: Mapping[str, Callable[[Memory, str], bytes | None]] = {
    "meters": _write_meters,
    "mark": _write_marks,
    "episode": _write_episode,
}
READ: Mapping[str, Callable[[Memory, str, bytes], None]] = {
    "meters": _read_meters,
    "mark": _read_marks,
    "episode": _read_episode,
}
