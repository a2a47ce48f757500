"""What comes first: an actuator is switched on, or moved while on, only after another tag was where it has to be for a time.

Valve before pump. To 0 it may always go. Since when a tag is there is remembered between batches: one live row
elsewhere, a reading that does not count or a gap begins the time anew.
"""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from twinvouch.commands.present import fresh, unknown
from twinvouch.commands.view import Snapshot, Target, View
from twinvouch.core.batch import Admitted, Quality
from twinvouch.core.command import Reason, Verdict
from twinvouch.core.inventory import Plant, ScanGroup
from twinvouch.core.past import Steady

NAMES = ("sequence",)
NOT = -1  # it is not there now


def check(view: View, target: Target) -> tuple[Reason, ...]:
    """A denial for everything that has to come first and did not."""
    if view.command.value == 0:
        return ()
    return tuple(_missed(view, target))


def _missed(view: View, target: Target) -> Iterator[Reason]:
    for first in target.limits.past.after:
        value, since = fresh(view, first.tag), view.context.steady.get(first.key, NOT)
        if value is None:
            sentence = f"`{first.tag}` has no fresh value, and `{target.tag.id}` waits for it ({first.name})"
            yield Reason("sequence", unknown(view), sentence, _allowed(first))
        elif not first.low <= value <= first.high or since == NOT:
            sentence = (
                f"`{first.tag}` is {value:g}, and `{target.tag.id}` comes after it ({first.name})"
            )
            yield Reason("sequence", Verdict.DENY, sentence, _allowed(first))
        elif view.now_ns - since < first.for_ns:
            so_far = (view.now_ns - since) / 1e9
            sentence = (
                f"`{first.tag}` has been there for {so_far:g} s, and `{target.tag.id}` waits for "
                f"{first.for_ns / 1e9:g} s ({first.name})"
            )
            left = f"would be allowed in {(first.for_ns - view.now_ns + since) / 1e9:.0f} s"
            yield Reason("sequence", Verdict.DENY, sentence, left)


def _allowed(first: Steady) -> str:
    return (
        f"would be allowed after `{first.tag}` was >= {first.low:g} and <= {first.high:g} "
        f"for {first.for_ns / 1e9:g} s"
    )


def watched(plant: Plant) -> dict[str, tuple[Steady, ...]]:
    """What is to be remembered, by scan group, each once."""
    found: dict[str, dict[str, Steady]] = {}
    for tag in plant.tags.values():
        for first in tag.limits.past.after if tag.limits is not None else ():
            of = plant.tags.get(first.tag)
            if of is not None:
                found.setdefault(of.group, {})[first.key] = first
    return {group: tuple(each.values()) for group, each in found.items()}


def follow(
    steady: Mapping[str, int],
    watching: Iterable[Steady],
    admitted: Admitted,
    group: ScanGroup,
    frame: Snapshot,
    now_ns: int,
) -> dict[str, int]:
    """Since when each is there after a batch, before the frame has it: only what changed."""
    live = admitted.in_live
    if not live.any():
        return {}
    changed = {}
    for each in watching:
        column = group.ids.index(each.tag)
        quality = admitted.batch.quality[live, column]
        values = admitted.batch.values[live, column]
        if group.by_exception:  # what a batch says nothing of is unchanged
            said = quality != Quality.MISSING
            quality, values = quality[said], values[said]
            if not quality.size:
                continue
        there = (quality <= Quality.UNCERTAIN) & np.isfinite(values)
        there &= (values >= each.low) & (values <= each.high)
        is_gap = frame.label((each.tag,), now_ns).fresh_until[0] < now_ns
        before = NOT if is_gap else steady.get(each.key, NOT)
        since = before if there.all() and before != NOT else now_ns if there[-1] else NOT
        if since != steady.get(each.key, NOT):
            changed[each.key] = since
    return changed
