"""How soon: an actuator stays on, and off, for a time before it is switched again. 0 is off.

A permit that nobody has reported on may switch it at any moment, so the time begins when that is over.
"""

from twinvouch.commands.permitted import cut, ends, within
from twinvouch.commands.present import missing, possible
from twinvouch.commands.view import Target, View
from twinvouch.core.command import Reason, Verdict

NAMES = ("dwell",)


def check(view: View, target: Target) -> tuple[Reason, ...]:
    """A denial where it was switched the other way too short a time ago."""
    past, name = target.limits.past, target.tag.id
    turns_on = view.command.value != 0
    dwell_ns = past.dwell_off_ns if turns_on else past.dwell_on_ns
    if not dwell_ns:
        return ()
    now = possible(view, name)
    if not now and not view.is_safe:
        return (missing(view, "dwell", name, "how long it has been so"),)
    if now and all((v != 0) is turns_on for v in now):
        return ()  # it stays as it is
    if unremembered := cut(view, "dwell", name, dwell_ns):
        return unremembered
    writes = within(view, name, dwell_ns)
    turned = writes[writes["off" if turns_on else "on"]]
    if not turned.size:
        return ()
    since_ns = view.now_ns - int(ends(view, turned).max())
    was, would = ("off", "on") if turns_on else ("on", "off")
    sentence = (
        f"`{name}` may have been switched {was} {since_ns / 1e9:g} s ago and stays {was} for "
        f"{dwell_ns / 1e9:g} s before it is switched {would}"
    )
    left = f"would be allowed in {(dwell_ns - since_ns) / 1e9:.0f} s"
    return (Reason("dwell", Verdict.DENY, sentence, left),)
