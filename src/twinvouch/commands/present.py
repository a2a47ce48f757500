"""What an actuator may be at now: its last reading, and every value that may be on its way to it.

A value that is not known denies, or holds a held command on. Readings of low trust can only deny where this is asked,
never allow what other rules deny (NI-2), because every stage must agree.
"""

from math import isfinite

from twinvouch.commands.view import Snapshot, View
from twinvouch.core.command import Reason, Verdict
from twinvouch.core.context import Table
from twinvouch.core.inventory import Plant


def fresh(view: View, tag: str) -> float | None:
    """The last value of a tag; None where it is missing, not finite or too old to be believed."""
    return _reading(view.site.plant, view.frame, tag, view.now_ns)


def possible(view: View, tag: str) -> tuple[float, ...]:
    """Every value that it may have now; empty where its reading is not known."""
    if tag not in view.known:
        writes = view.context.writes_of(tag)
        view.known[tag] = values(view.site.plant, view.frame, tag, writes, view.now_ns)
    return view.known[tag]


def values(
    plant: Plant, frame: Snapshot, tag: str, writes: Table, now_ns: int
) -> tuple[float, ...]:
    """As `possible`: the reading, and beside it what is on its way.

    A permit that nobody has reported on counts with its value beside the reading, and so does one that is over for as
    long as the reading may be older than that.
    """
    reading = _reading(plant, frame, tag, now_ns)
    return () if reading is None else (reading, *coming(plant, tag, writes, now_ns))


def coming(plant: Plant, tag: str, writes: Table, now_ns: int) -> tuple[float, ...]:
    """Values of permits that a reading which still counts may be older than; the newest last."""
    since_ns = now_ns - slowest_ns(plant, tag)
    found: list[float] = writes["value"][
        (writes["end_ns"] >= since_ns) & ~writes["is_void"]
    ].tolist()
    return tuple(found)


def slowest_ns(plant: Plant, tag: str) -> int:
    """How old a fresh reading of a tag may be."""
    group = plant.groups.get(plant.tags[tag].group)
    return 0 if group is None else group.max_age_ns


def _reading(plant: Plant, frame: Snapshot, tag: str, now_ns: int) -> float | None:
    value = frame.value(tag) if tag in plant.tags else None
    if value is None or not isfinite(value):
        return None
    _, until = frame.label_of(tag, now_ns)
    return value if until >= now_ns else None


def unknown(view: View) -> Verdict:
    """What a value that is not known means: a denial at first; a held command waits on, its hold expires anyway.

    A safe action is not refused for it: who can take a reading away could else keep it from being done.
    """
    if view.is_safe:
        return Verdict.ALLOW
    return Verdict.HOLD if view.is_again else Verdict.DENY


def missing(view: View, rule: str, tag: str, what: str) -> Reason:
    """`tag` has no value that counts, so that `what` cannot be checked."""
    sentence = f"the present value of `{tag}` is not known, so {what} cannot be checked"
    return Reason(rule, unknown(view), sentence, "would be allowed once it is read")
