"""Is the condition true that the actuator's interlock states over other tags; what is not known does not hold."""

from twinvouch.commands.present import fresh, unknown
from twinvouch.commands.view import Target, View
from twinvouch.core.command import Reason, Verdict

NAMES = ("interlock",)


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
    values = {tag: fresh(view, tag) for tag in limits.interlock_tags}
    known = {tag: value for tag, value in values.items() if value is not None}
    if len(known) < len(values):
        names = ", ".join(f"`{tag}`" for tag in values if tag not in known)
        sentence = f"interlock of `{name}` needs {names}, of which no fresh value is known"
        return (Reason("interlock", unknown(view), sentence, allowed),)
    if condition.holds(known):
        return ()
    seen = ", ".join(f"`{tag}` is {value:g}" for tag, value in known.items())
    sentence = f"interlock of `{name}` does not hold: {limits.interlock} ({seen})"
    return (Reason("interlock", Verdict.DENY, sentence, allowed),)
