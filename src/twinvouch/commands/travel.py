"""How much it moves: the sum of all changes that were permitted in the last hour, and this one. Wear, which no look-ahead sees.

A change counts from the value that makes it largest, of all that the actuator could have had.
"""

from math import inf

from twinvouch.commands.permitted import cut, moves, waits, within
from twinvouch.commands.present import missing, possible
from twinvouch.commands.reserve import units, words
from twinvouch.commands.view import Target, View
from twinvouch.core.command import Reason, Verdict
from twinvouch.core.past import HOUR_NS

NAMES = ("travel",)


def check(view: View, target: Target) -> tuple[Reason, ...]:
    """A denial where it would come to more than the hour's travel."""
    budget, name, unit = target.limits.past.travel, target.tag.id, target.tag.unit
    if budget == inf:
        return ()
    most = units(view, target, budget)
    now = possible(view, name)
    if not now:
        return (missing(view, "travel", name, "its travel"),)
    if unremembered := cut(view, "travel", name, HOUR_NS):
        return unremembered
    value, writes = view.command.value, within(view, name, HOUR_NS)
    steps = moves(writes, target.limits)
    step, spent = max(value - min(now), max(now) - value), sum(steps)
    if spent + step <= most:
        return ()
    sentence = (
        f"`{name}` would have moved {spent + step:g} {unit} within an hour "
        f"({spent:g} in {len(writes)} permits, {step:g} now), limit is {words(target, most, budget)}"
    )
    left = most - spent
    low, high = max(now) - left, min(now) + left
    if low <= high:
        return (
            Reason(
                "travel", Verdict.DENY, sentence, f"would be allowed if >= {low:g} and <= {high:g}"
            ),
        )
    later = waits(view, writes, HOUR_NS, lambda gone: sum(steps[gone:]) + step <= most)
    return (Reason("travel", Verdict.DENY, sentence, later),)
