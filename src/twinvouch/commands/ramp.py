"""How far in all: the net movement within a window, so that many small steps, each legal, do not add up to a large one.

It is taken from every value that the actuator may have had in the window, as far as permits tell.
"""

from math import inf

import numpy as np

from twinvouch.commands.permitted import cut, within
from twinvouch.commands.present import missing, possible
from twinvouch.commands.view import Target, View
from twinvouch.core.command import Reason, Verdict

NAMES = ("ramp",)


def check(view: View, target: Target) -> tuple[Reason, ...]:
    """A denial where it would be too far from where it was."""
    past, name, unit = target.limits.past, target.tag.id, target.tag.unit
    if past.ramp == inf or not past.ramp_ns:
        return ()
    now = possible(view, name)
    if not now:
        return (missing(view, "ramp", name, "how far it has moved"),)
    if unremembered := cut(view, "ramp", name, past.ramp_ns):
        return unremembered
    value, writes = view.command.value, within(view, name, past.ramp_ns)
    is_known = ~np.isnan(writes["least"])  # from where; else it may have been anywhere
    ends = () if is_known.all() else (target.limits.low, target.limits.high)
    known = (writes["value"], writes["least"][is_known], writes["most"][is_known])
    reached = [float(end(c)) for c in known if c.size for end in (np.min, np.max)]
    seen = (*now, *ends, *reached)
    low, high = max(seen) - past.ramp, min(seen) + past.ramp
    if low <= value <= high:
        return ()
    sentence = (
        f"`{name}` was between {min(seen):g} and {max(seen):g} {unit} in the last "
        f"{past.ramp_ns / 1e9:g} s and may move {past.ramp:g} {unit} in all in that time; {value:g} is further"
    )
    reach = (
        f"would be allowed if >= {low:g} and <= {high:g}"
        if low <= high
        else "would be allowed later"
    )
    return (Reason("ramp", Verdict.DENY, sentence, reach),)
