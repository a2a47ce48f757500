"""What stands in for a tag that does not count now: worked out of what is remembered, whenever somebody asks."""

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite
from statistics import median

from twinvouch.core.command import Input
from twinvouch.core.context import Context
from twinvouch.core.virtual import Axes, StandIn, Virtual, reaches
from twinvouch.engine.memory import Memory
from twinvouch.twin.balance import Situation, Track, estimate, is_blind
from twinvouch.twin.frame import usable_now


def judging(m: Memory) -> Context:
    """What gate 4 may know: with what stands in for tags that do not count."""
    context = m.context()
    return replace(context, virtual=stand_ins(m)) if m.site.virtual else context


def rests(context: Context) -> tuple[Input, ...]:
    """The tags and entries that estimates rest on, so that a decision names the columns of their batches."""
    return tuple(Input(tag, entry) for s in context.virtual.values() for tag, entry in s.rests)


def read(m: Memory, tag: str) -> tuple[str, ...]:
    """What a service has read (R7) that was given the value for control: the tag where it counts, else its meters."""
    v = m.site.virtual.get(tag)
    found = None if v is None else stand_in(m, v)
    return (tag,) if found is None else found.sources


def stand_ins(m: Memory) -> Mapping[str, StandIn]:
    """Of all tags that do not count and are not blind."""
    told = ((tag, stand_in(m, v)) for tag, v in m.site.virtual.items())
    return {tag: s for tag, s in told if s is not None}


def stand_in(m: Memory, v: Virtual) -> StandIn | None:
    """None where the tag itself counts, nothing is known of before, or too little is seen."""
    episode = m.episodes.get(v.tag)
    if counts(m, v.tag, v.demands) or (episode is not None and episode.is_blind):
        return None
    found = estimated(m, v)
    return None if found is None or is_blind(v, found) else found


def estimated(m: Memory, v: Virtual) -> StandIn | None:
    """The estimate, however wide; None where there is none."""
    track, episode = m.tracks.get(v.tag, Track()), m.episodes.get(v.tag)
    since_ns = track.counted_ns if episode is None else episode.since_ns
    is_said = m.distrust().tags.get(v.tag, 0) > m.now_ns
    at = Situation(m.now_ns, since_ns, lost(m, v), witness(m, v), is_said)
    found = estimate(v, track, at)
    return found if found is None or episode is None else replace(found, entry=episode.entry)


def counts(m: Memory, tag: str, demands: Axes) -> bool:
    """True where its reading is fresh, usable, nobody distrusts it and its label reaches what is demanded."""
    if not isfinite(usable_now(m.frame, tag)):
        return False
    axes, until = m.label_of(tag)
    return reaches(axes, demands) and until >= m.now_ns


def lost(m: Memory, v: Virtual) -> frozenset[str]:
    """Flows, and drivers of flows, that do not count now; of those that lie, rather than are silent, all that could lie with them."""
    tags = v.inputs
    silent = {t for t in tags if not counts(m, t, v.demands)}
    if not silent:
        return frozenset()
    lying = {t for t in silent if _is_fresh(m, t)}
    grouped = list(zip(tags, m.beside[v.tag].groups, strict=True))
    bad = {g for t, g in grouped if t in lying}
    return frozenset(silent | {t for t, g in grouped if g in bad})


def _is_fresh(m: Memory, tag: str) -> bool:
    return m.frame.label_of(tag, m.now_ns)[1] >= m.now_ns


def witness(m: Memory, v: Virtual) -> tuple[float, float] | None:
    """What tags say that measure the same level, count, and fail with neither it nor its meters; and their tolerance."""
    for tags, tolerance in m.beside[v.tag].witnesses:
        told = [m.frame.value(t) for t in tags if counts(m, t, v.demands)]
        values = [x for x in told if x is not None]
        if values:
            return median(values), tolerance
    return None


def axes_of(m: Memory, tag: str) -> Axes:
    """The label of a tag as it counts now."""
    return m.label_of(tag)[0]
