"""How fast: the step from where the actuator is, and from each value last permitted, within rate x time.

Time counts from the last permit, at most `rest_ns`: writing often does not add up to more. A permit whose outcome is
not known counts as carried out.
"""

from math import inf

from twinvouch.commands.present import fresh, missing
from twinvouch.commands.view import Target, View
from twinvouch.core.command import Reason, Verdict

NAMES = ("rate",)


def check(view: View, target: Target) -> tuple[Reason, ...]:
    """A denial, with the values that would have been allowed."""
    rate, value, name = target.limits.rate, view.command.value, target.tag.id
    if rate == inf:
        return ()
    current = fresh(view, name)
    rest = view.site.commands.rest_ns
    begin_ns = view.now_ns - rest
    lately = [w for w in view.context.writes.get(name, ()) if w.issued_ns >= begin_ns]
    since = min([rest, *(max(0, view.now_ns - w.issued_ns) for w in lately)])
    step = rate * since / 1e9
    references = [*(() if current is None else (current,)), *(w.value for w in lately)]
    if not references or (current is None and not view.is_safe):
        return (missing(view, "rate", name, "its rate"),)
    low, high = max(references) - step, min(references) + step
    if low <= value <= high:
        return ()
    unit = target.tag.unit
    sentence = (
        f"{value:g} {unit} is too far from {references[0]:g} {unit}: `{name}` may move "
        f"{rate:g} {unit}/s and was last permitted to {since / 1e9:g} s ago or more"
    )
    reach = (
        f"would be allowed if >= {low:g} and <= {high:g}"
        if low <= high
        else "would be allowed later"
    )
    return (Reason("rate", Verdict.DENY, sentence, reach),)
