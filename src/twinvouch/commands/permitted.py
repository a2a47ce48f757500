"""What an actuator's permits were within a window, at their worst: a permit that may have been carried out was.

A window that reaches further back than what is remembered denies: it never forgets in favour of a command.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from twinvouch.commands.view import View
from twinvouch.core.command import Reason, Verdict
from twinvouch.core.context import OPEN, ActuatorWrite, Table, Writes
from twinvouch.core.inventory import Limits, Plant
from twinvouch.core.site import CommandRules


def within(view: View, tag: str, window_ns: int) -> Table:
    """Permits for `tag` that may have been carried out in the last `window_ns`, in order, as columns."""
    key = tag, window_ns
    if key not in view.permits:
        writes = view.context.writes_of(tag)
        is_in = (writes["end_ns"] > view.now_ns - window_ns) & ~writes["is_void"]
        view.permits[key] = writes if is_in.all() else writes[is_in]
    return view.permits[key]


def cut(view: View, rule: str, tag: str, window_ns: int) -> tuple[Reason, ...]:
    """A denial where permits of this window may have been forgotten."""
    since = view.context.complete_since(tag)
    if since < 0 or view.now_ns - since >= window_ns:
        return ()
    left_s = (since + window_ns - view.now_ns) / 1e9
    sentence = (
        f"what was written to `{tag}` in the last {window_ns / 1e9:g} s is not all remembered "
        f"(restored, upgraded, or too much), so its {rule} cannot be checked"
    )
    return (Reason(rule, Verdict.DENY, sentence, f"would be allowed in {left_s:.0f} s"),)


def moves(writes: Table, limits: Limits) -> list[float]:
    """How far each moved the actuator at most; the whole span where nobody knows from where."""
    value, span = writes["value"], limits.high - limits.low
    moved = np.maximum(writes["most"] - value, value - writes["least"])
    steps: list[float] = np.where(np.isnan(writes["least"]), span, moved).tolist()
    return steps


def ends(view: View, writes: Table) -> NDArray[np.int64]:
    """When each was carried out at the latest, int64[n]: now, while that is not over."""
    end_ns = writes["end_ns"]
    return np.where(end_ns == OPEN, view.now_ns, end_ns)


def extremes(values: Sequence[float]) -> tuple[float, ...]:
    """Of what an actuator may be at: the least, the most, and 0 if it is one of them."""
    if not values:
        return ()
    kept = {min(values), max(values)} | ({0.0} if 0 in values else set())
    return tuple(sorted(kept))


def waits(view: View, writes: Table, window_ns: int, is_enough: Callable[[int], bool]) -> str:
    """When fewer of `writes` count: `is_enough(n)` says whether it is allowed once the first `n` are over."""
    for gone, end in enumerate(np.sort(ends(view, writes)).tolist(), start=1):
        if is_enough(gone):
            return f"would be allowed in {(end + window_ns - view.now_ns) / 1e9:.0f} s"
    return "would not be allowed at any time: it is more than the rule grants"


def windows(plant: Plant, rules: CommandRules) -> dict[str, int]:
    """How long permits for each actuator are to be remembered, ns: by its own rules and those it stands in with others."""
    slowest = max((g.max_age_ns for g in plant.groups.values()), default=0)
    settled = rules.permit_ns + rules.outcome_ns + slowest
    found: dict[str, int] = {}
    for tag in plant.tags.values():
        if tag.limits is None:
            continue
        found[tag.id] = max(found.get(tag.id, settled), tag.limits.past.window_ns)
        for joint in tag.limits.past.joints:
            for other in joint.others:
                found[other] = max(found.get(other, settled), joint.apart_ns)
    return found


FEWEST = 16  # permits of one actuator that are remembered at any age
MOST = 512  # and at most; a rule whose window has more denies


def remembered(
    known: Writes, new: ActuatorWrite, window_ns: int, now_ns: int
) -> tuple[Writes, int]:
    """Permits with one added, or changed; and until when those that were forgotten ended, -1 where none was."""
    every = known.taking(new)
    end_ns = every.table["end_ns"]
    ended = np.where(end_ns == OPEN, now_ns, end_ns)
    is_kept = now_ns - ended < window_ns
    is_kept[-FEWEST:] = True
    is_kept[: np.flatnonzero(is_kept)[-MOST:][0]] = False
    if is_kept.all():
        return every, -1
    return every.at(np.flatnonzero(is_kept)), int(ended[~is_kept].max())
