"""What they are together: the sum of a group of actuators, how far two of them are apart, and how soon after each other they start.

Two commands that are safe alone may not be so together. So a permit that is on its way counts, for the others of its group, with its
old and with its new value, whichever is worse. A step that brings the group no further from its bounds is not held against it.
"""

from collections.abc import Iterator, Mapping
from math import inf

from twinvouch.commands.permitted import cut, ends, within
from twinvouch.commands.present import missing, possible, slowest_ns
from twinvouch.commands.view import Target, View
from twinvouch.core.command import Reason, Verdict
from twinvouch.core.context import OPEN
from twinvouch.core.past import Joint

NAMES = ("joint",)
Spans = Mapping[str, tuple[float, float]]  # the least and the most that each may be at now


def check(view: View, target: Target) -> tuple[Reason, ...]:
    """Denials of every group that it is in."""
    joints = target.limits.past.joints
    return tuple(r for joint in joints for r in _one(view, target, joint))


def _one(view: View, target: Target, joint: Joint) -> Iterator[Reason]:
    own, spans = possible(view, target.tag.id), {}
    if not own:
        yield missing(view, "joint", target.tag.id, f"`{joint.name}`")
        return
    for other in joint.others:
        now = possible(view, other)
        if not now:
            yield missing(view, "joint", other, f"`{joint.name}`")
            return
        if unremembered := cut(view, "joint", other, _settled_ns(view, other)):
            yield from unremembered
            return
        spans[other] = (min(now), max(now))
    yield from _sum(view, target, joint, own, spans)
    yield from _difference(view, target, joint, own, spans)
    if joint.apart_ns and view.command.value != 0 and 0 in own:
        yield from _apart(view, target, joint)


def _settled_ns(view: View, tag: str) -> int:
    """After this long a permit is over and a fresh reading shows what came of it."""
    rules = view.site.commands
    return rules.permit_ns + rules.outcome_ns + slowest_ns(view.site.plant, tag)


def _sum(
    view: View, target: Target, joint: Joint, own: tuple[float, ...], spans: Spans
) -> Iterator[Reason]:
    value, unit = view.command.value, target.tag.unit
    most = sum(high for _, high in spans.values())
    least = sum(low for low, _ in spans.values())
    if joint.high_sum < inf and value + most > joint.high_sum and value > min(own):
        sentence = (
            f"`{joint.name}` could add up to {value + most:g} {unit}, limit is {joint.high_sum:g}"
        )
        allowed = f"would be allowed if <= {max(joint.high_sum - most, min(own)):g}"
        yield Reason("joint", Verdict.DENY, _with(sentence, view, joint), allowed)
    if joint.low_sum > -inf and value + least < joint.low_sum and value < max(own):
        sentence = f"`{joint.name}` could add up to {value + least:g} {unit} only, it has to be {joint.low_sum:g}"
        allowed = f"would be allowed if >= {min(joint.low_sum - least, max(own)):g}"
        yield Reason("joint", Verdict.DENY, _with(sentence, view, joint), allowed)


def _difference(
    view: View, target: Target, joint: Joint, own: tuple[float, ...], spans: Spans
) -> Iterator[Reason]:
    value, unit = view.command.value, target.tag.unit
    for other, (low, high) in spans.items():
        apart = max(abs(value - low), abs(value - high))
        is_nearer = all(abs(value - v) <= min(abs(o - v) for o in own) for v in (low, high))
        if apart > joint.difference and not is_nearer:
            sentence = (
                f"`{target.tag.id}` and `{other}` of `{joint.name}` could be {apart:g} {unit} apart, "
                f"limit is {joint.difference:g}"
            )
            ends = (high - joint.difference, low + joint.difference)
            allowed = f"would be allowed if >= {ends[0]:g} and <= {ends[1]:g}"
            reach = allowed if ends[0] <= ends[1] else "would be allowed later"
            yield Reason("joint", Verdict.DENY, _with(sentence, view, joint), reach)


def _apart(view: View, target: Target, joint: Joint) -> Iterator[Reason]:
    for other in joint.others:
        if unremembered := cut(view, "joint", other, joint.apart_ns):
            yield from unremembered
            continue
        writes = within(view, other, joint.apart_ns)
        starts = writes[writes["on"]]
        if starts.size:
            since_ns = view.now_ns - int(ends(view, starts).max())
            sentence = (
                f"`{other}` may have started {since_ns / 1e9:g} s ago, and `{target.tag.id}` starts "
                f"{joint.apart_ns / 1e9:g} s after it at the soonest (`{joint.name}`)"
            )
            left = f"would be allowed in {(joint.apart_ns - since_ns) / 1e9:.0f} s"
            yield Reason("joint", Verdict.DENY, sentence, left)


def _with(sentence: str, view: View, joint: Joint) -> str:
    """Say what is on its way, since no reading shows it."""
    coming = sum(int((view.context.writes_of(t)["end_ns"] == OPEN).sum()) for t in joint.others)
    return f"{sentence} (with {coming} commands on their way)" if coming else sentence
