"""Is the condition true that the actuator's interlock states over other tags; what is not known does not hold.

Where a virtual sensor stands in for a tag it must hold at both ends of its interval, and between them.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from itertools import product
from typing import Final

from twinvouch.commands.present import fresh, unknown
from twinvouch.commands.view import Target, View
from twinvouch.core.command import Reason, Verdict

NAMES = ("interlock",)
_MOST: Final = 4  # estimated tags of one interlock: 81 evaluations


def check(view: View, target: Target) -> tuple[Reason, ...]:
    """A denial where it does not hold, or is not known to."""
    limits, name = target.limits, target.tag.id
    if not limits.interlock:
        return ()
    allowed = f"would be allowed while {limits.interlock}"
    condition = view.site.interlocks.get(name)
    if condition is None:
        sentence = f"interlock of `{name}` is not compiled, so nothing may be written"
        return (Reason("interlock", Verdict.DENY, sentence, allowed),)
    instead = {
        t: s for t in limits.interlock_tags if (s := view.context.virtual.get(t)) is not None
    }
    values = {tag: fresh(view, tag) for tag in limits.interlock_tags if tag not in instead}
    known = {tag: value for tag, value in values.items() if value is not None}
    if len(known) < len(values) or len(instead) > _MOST:
        missing = [tag for tag in values if tag not in known] or [*instead]
        names = ", ".join(f"`{tag}`" for tag in missing)
        sentence = f"interlock of `{name}` needs {names}, of which no fresh value is known"
        return (Reason("interlock", unknown(view), sentence, allowed),)
    for ends in product(*((s.value, s.low, s.high) for s in instead.values())):
        tried = known | dict(zip(instead, ends, strict=True))
        if not condition.holds(tried):
            return (_fails(name, limits.interlock, tried, set(instead)),)
    return ()


def _fails(
    name: str, interlock: str, tried: Mapping[str, float], estimated: AbstractSet[str]
) -> Reason:
    told = (f"`{t}` {'may be' if t in estimated else 'is'} {v:g}" for t, v in tried.items())
    sentence = f"interlock of `{name}` does not hold: {interlock} ({', '.join(told)})"
    return Reason("interlock", Verdict.DENY, sentence, f"would be allowed while {interlock}")
