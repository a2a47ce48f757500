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
    references, since = _references(view, target)
    if not references or (fresh(view, name) is None and not view.is_safe):
        return (missing(view, "rate", name, "its rate"),)
    low, high = _within(references, rate * since / 1e9)
    if low <= value <= high:
        return ()
    unit = target.tag.unit
    sentence = (
        f"{value:g} {unit} is too far from {references[0]:g} {unit}: `{name}` may move "
        f"{rate:g} {unit}/s and was last permitted to {since / 1e9:g} s ago or more"
    )
    within = (
        f"would be allowed if >= {low:g} and <= {high:g}"
        if low <= high
        else "would be allowed later"
    )
    return (Reason("rate", Verdict.DENY, sentence, within),)


def reach(view: View, target: Target) -> tuple[float, float] | None:
    """The least and the most that a step may lead to now; None where nothing limits it or its reading is not known."""
    if target.limits.rate == inf or fresh(view, target.tag.id) is None:
        return None
    references, since = _references(view, target)
    return _within(references, target.limits.rate * since / 1e9)


def _references(view: View, target: Target) -> tuple[list[float], int]:
    """What a step counts from: where the actuator is, as far as that is known, and what was permitted; and the time for it, ns."""
    rest, name = view.site.commands.rest_ns, target.tag.id
    current, begin_ns = fresh(view, name), view.now_ns - rest
    writes = view.context.writes_of(name)
    lately = writes[writes["issued_ns"] >= begin_ns]
    newest_ns = max(lately["issued_ns"].tolist(), default=begin_ns)
    since = min(rest, max(0, view.now_ns - newest_ns))
    known = [] if current is None else [current]
    return [*known, *lately["value"].tolist()], since


def _within(references: list[float], step: float) -> tuple[float, float]:
    return max(references) - step, min(references) + step
