"""Virtual sensors at work: what they learn while their tag counts, what is told when one stands in, and when that ends.

An estimate stands in from the moment its tag ceases to count, whoever said so: a person, gate 1, silence. The next tick
enters it, so that a service can name it. It ends when the tag has counted again for a while; it is withdrawn, and every
asset that rests on it steps down, when it sees too little.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from twinvouch.core.batch import Admitted, Quality
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.virtual import StandIn, Turn, Virtual
from twinvouch.engine import modes
from twinvouch.engine.again import trust_changed
from twinvouch.engine.episode import Episode
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Out
from twinvouch.engine.standing_in import axes_of, counts, estimated
from twinvouch.ledger.stood_in import virtual_entry
from twinvouch.twin.balance import Reading, Track, forgotten, is_blind, marked, metered

RULE: Final = "virtual_sensor"
_BACK_NS: Final = 60_000_000_000  # so long a tag has to count before its estimate ends
_STEP_NS: Final = 30_000_000_000  # a time to blind that changed less is not stored again


def learn(m: Memory, admitted: Admitted, entry: int) -> None:
    """Add what an admitted batch says of levels and flows, as far as it counts now that it is in the frame."""
    for v in m.site.virtual.values():
        for tag in (*v.inputs, v.tag):
            if m.site.plant.tags[tag].group != admitted.batch.group or m.frame.entry(tag) != entry:
                continue
            if counts(m, tag, v.demands):
                _take(m, v, tag, _reading(m, v, admitted, (tag, entry)))


def forget(m: Memory, tags: frozenset[str], since_ns: int, until_ns: int) -> None:
    """What is disavowed: marks of that time, and all that flows have added up to since before it ended."""
    for v in m.site.virtual.values():
        track = m.tracks.get(v.tag)
        if track is None:
            continue
        oldest = min((x.received_ns for x in track.marks), default=track.counted_ns)
        flows = [t for t in v.inputs if t in tags and until_ns >= oldest]
        if v.tag in tags or flows:
            is_level = v.tag in tags
            m.tracks[v.tag] = forgotten(track, (since_ns, until_ns), flows, is_level=is_level)
            m.dirty |= {f"mark/{v.tag}", f"meters/{v.tag}"}


def pass_time(m: Memory, out: Out) -> None:
    """With every Tick: estimates stand in, go blind and end."""
    for tag in sorted(m.site.virtual):
        v, episode = m.site.virtual[tag], m.episodes.get(tag)
        is_back = counts(m, tag, v.demands)
        if episode is None:
            if not is_back:
                _begin(m, out, v)
        elif is_back:
            _return(m, out, v, episode)
        else:
            if episode.whole_ns:
                _keep(m, tag, replace(episode, whole_ns=0))
            if not episode.is_blind:
                _watch(m, out, v)


def _take(m: Memory, v: Virtual, tag: str, reading: Reading) -> None:
    track = m.tracks.get(v.tag, Track())
    if tag != v.tag:
        now = metered(v, track, tag, reading)
    elif v.tag in m.episodes:
        return
    else:
        now = replace(marked(v, track, reading, m.now_ns), counted_ns=m.now_ns)
    if now.marks is not track.marks:
        m.dirty.add(f"mark/{v.tag}")
    m.tracks[v.tag] = now
    m.dirty.add(f"meters/{v.tag}")


def _reading(m: Memory, v: Virtual, admitted: Admitted, of: tuple[str, int]) -> Reading:
    """The rows of one tag that are live, usable, and reach what is demanded."""
    tag, entry = of
    batch, k = admitted.batch, m.site.plant.column_of[tag]
    axes, values = admitted.label.axes[:, :, k], batch.values[:, k]
    good = admitted.in_live & np.isfinite(values) & (batch.quality[:, k] <= Quality.UNCERTAIN)
    good = good & (axes >= np.array(v.demands)[:, None]).all(axis=0)
    return Reading(batch.t_ns[good], values[good], axes_of(m, tag), entry)


def _begin(m: Memory, out: Out, v: Virtual) -> None:
    found = estimated(m, v)
    if found is None:
        return  # as it was without a virtual sensor: nothing is known of before
    since_ns = m.tracks[v.tag].counted_ns
    index = _enter(m, out, v, Turn.STANDS_IN, (found, found.why), ())
    _keep(m, v.tag, Episode(since_ns, m.now_ns, index))
    sentence = (
        f"`{v.tag}` does not count: {found.value:.4g} ({found.low:.4g} to {found.high:.4g}) stands in for it, by "
        f"{_names(found.sources)}; blind in {found.left_s / 60:.0f} min at the latest"
    )
    _tell(m, out, v, Finding(RULE, v.tag, Severity.MEDIUM, sentence), index)
    _watch(m, out, v)


def _watch(m: Memory, out: Out, v: Virtual) -> None:
    """Withdraw it where it sees too little: never a silent end."""
    found = estimated(m, v)
    if found is not None and not is_blind(v, found):
        _foresee(m, v, m.now_ns + int(found.left_s * 1e9))
        return
    why = (
        "the meters that are left were not calibrated for" if found is None else _touches(v, found)
    )
    episode = m.episodes[v.tag]
    index = _enter(m, out, v, Turn.BLIND, (found, why), (episode.entry,))
    _keep(m, v.tag, replace(episode, entry=index, is_blind=True))
    sentence = f"nothing stands in for `{v.tag}` any more: {why}"
    _tell(m, out, v, Finding(RULE, v.tag, Severity.HIGH, sentence), index)
    for asset in v.assets:
        modes.step_down(m, out, asset, f"nothing stands in for `{v.tag}`: {why}", [index], [v.tag])


def _foresee(m: Memory, v: Virtual, blind_ns: int) -> None:
    episode = m.episodes[v.tag]
    if abs(blind_ns - episode.blind_ns) > _STEP_NS:
        _keep(m, v.tag, replace(episode, blind_ns=blind_ns))


def _return(m: Memory, out: Out, v: Virtual, episode: Episode) -> None:
    whole_ns = episode.whole_ns or m.now_ns
    if m.now_ns - whole_ns < _BACK_NS:
        _keep(m, v.tag, replace(episode, whole_ns=whole_ns))
        return
    seen = m.frame.entry(v.tag)
    why = f"`{v.tag}` has counted again for {(m.now_ns - whole_ns) / 1e9:.0f} s"
    index = _enter(m, out, v, Turn.ENDED, (None, why), (episode.entry, seen))
    del m.episodes[v.tag]
    m.dirty.add(f"episode/{v.tag}")
    _tell(m, out, v, Finding(RULE, v.tag, Severity.INFO, f"{why}: its estimate ends"), index)


def _enter(
    m: Memory,
    out: Out,
    v: Virtual,
    turn: Turn,
    about: tuple[StandIn | None, str],
    because: Sequence[int],
) -> int:
    """The entry, with the estimate and why in a blob, and the message on the stream."""
    found, why = about
    numbers = None if found is None else [found.value, found.low, found.high, found.hours_blind]
    sources = None if found is None else [list(found.sources), list(found.lost)]
    named = out.blob([numbers, sources, why])
    parents = sorted({*because, *(() if found is None else found.entries)})
    index = out.append(
        virtual_entry(
            m.site.plant.id, m.now_ns, named, (v.tag, turn), [p for p in parents if p >= 0]
        )
    )
    m.counts[f"virtual:{turn.value}"] += 1
    out.publish("virtual", tag=v.tag, turn=turn.value, why=why, entry=index)
    return index


def _tell(m: Memory, out: Out, v: Virtual, finding: Finding, index: int) -> None:
    out.report([finding], [index])
    trust_changed(m, out, (v.tag,), (index,))


def _keep(m: Memory, tag: str, episode: Episode) -> None:
    m.episodes[tag] = episode
    m.dirty.add(f"episode/{tag}")


def _touches(v: Virtual, s: StandIn) -> str:
    if s.low <= v.low or s.high >= v.high:
        return f"it may be {s.low:.4g} to {s.high:.4g}, its limits are {v.low:g} to {v.high:g}"
    return (
        f"it was last known {s.hours_blind:.1f} h ago, the limit is {v.max_blind_ns / 3.6e12:g} h"
    )


def _names(tags: Sequence[str]) -> str:
    return ", ".join(f"`{t}`" for t in tags) or "no meter"
