"""What the API shows of virtual sensors; runs on the engine's own thread."""

from collections.abc import Mapping
from math import isfinite

from twinvouch.core.event import Plain
from twinvouch.core.virtual import StandIn
from twinvouch.engine.memory import Memory
from twinvouch.engine.standing_in import counts, stand_in


def shown(m: Memory, tag: str) -> dict[str, Plain] | None:
    """Beside the reading of a tag: what stands in for it, or why nothing does. None: it has no virtual sensor."""
    v = m.site.virtual.get(tag)
    if v is None:
        return None
    found, episode = stand_in(m, v), m.episodes.get(tag)
    if found is not None:
        return {"state": "stands_in", **_estimate(found)}
    if counts(m, tag, v.demands):
        return _nothing("counts", "the reading counts")
    if episode is not None and episode.is_blind:
        return _nothing("blind", "it sees too little: look at the findings of its tag")
    return _nothing("none", "nothing is known of a window before the reading ceased to count")


def for_control(m: Memory, tag: str) -> dict[str, Plain] | None:
    """The one value that a service may act on, and the entry it declares with it; None: it has no virtual sensor."""
    v = m.site.virtual.get(tag)
    if v is None:
        return None
    found, value = stand_in(m, v), m.frame.value(tag)
    told: Mapping[str, Plain] = {"value": None, "low": None, "high": None, "entry": None}
    if found is not None:
        entry = found.entry if found.entry >= 0 else None
        told = {"value": found.value, "low": found.low, "high": found.high, "entry": entry}
    elif value is not None and isfinite(value) and counts(m, tag, v.demands):
        low, high = value - v.error, value + v.error
        told = {"value": value, "low": low, "high": high, "entry": m.frame.entry(tag)}
    about = m.site.plant.tags[tag]
    return {"tag": tag, "unit": about.unit, **told, "virtual": shown(m, tag)}


def _estimate(s: StandIn) -> dict[str, Plain]:
    return {
        "value": s.value,
        "low": s.low,
        "high": s.high,
        "hours_blind": s.hours_blind,
        "time_to_blind_s": s.left_s,
        "sources": list(s.sources),
        "lost": list(s.lost),
        "label": list(s.axes),
        "entry": s.entry if s.entry >= 0 else None,
        "why": s.why,
    }


def _nothing(state: str, why: str) -> dict[str, Plain]:
    numbers: dict[str, Plain] = dict.fromkeys(
        ("value", "low", "high", "hours_blind", "time_to_blind_s")
    )
    return {"state": state, **numbers, "sources": [], "lost": [], "entry": None, "why": why}
