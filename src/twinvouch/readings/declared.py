"""The rules of gate 1 that a plant declares, over one batch: resolution, stuck, jitter, and those across tags.

They run where something is declared of the batch's scan group, only lower what they doubt, and remember between
batches what they need in memos, which the engine stores: a restart loses none of it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from twinvouch.core.batch import Batch
from twinvouch.core.declared import GroupRules
from twinvouch.core.finding import Finding
from twinvouch.core.memo import Memo
from twinvouch.readings.eligible import Way
from twinvouch.readings.followed import NOTHING, Followed, together
from twinvouch.readings.live import Live, live
from twinvouch.readings.validate import (
    actuator_state,
    balance,
    jitter,
    redundancy,
    resolution,
    stale,
    stuck,
)
from twinvouch.readings.view import View
from twinvouch.twin.frame import Frame

RULES = (resolution, stuck, jitter, redundancy, balance, actuator_state)


@dataclass(frozen=True, slots=True)
class Known:
    """What the rules know besides the batch and the frame: what they remember, and how the batch came."""

    memos: Mapping[str, Memo]
    way: Way


def follow(
    batch: Batch,
    view: View,
    frame: Frame,
    rules: GroupRules | None,
    known: Known,
    told: tuple[Finding, ...] = (),
) -> Followed:
    """What the declared rules of a scan group say of a batch of it, behind what was told of its times."""
    if rules is None or view.is_late:
        return Followed(findings=told) if told else NOTHING
    parts = [Followed(findings=told), *_alone(batch, view, rules, known.memos)]
    now = live(batch, view, frame, stale.young(batch, view))
    if now is not None:
        parts += _across(now, rules, known)
    return together(parts)


def keys(declared: Mapping[str, GroupRules]) -> set[str]:
    """Keys of all memos that these rules may have; any other is of something that is no longer declared."""
    found: set[str] = set()
    for name, rules in declared.items():
        alone = ((resolution, rules.steps), (stuck, rules.varying), (jitter, rules.jitter))
        found |= {f"{rule.NAME}/{name}" for rule, told in alone if told is not None}
        found |= {f"{redundancy.NAME}/{p.what.name}" for p in rules.redundancy}
        found |= {f"{balance.NAME}/{p.balance.name}" for p in rules.balances}
        found |= {f"{actuator_state.NAME}/{p.what.name}" for p in rules.expectations}
    return found


def _alone(
    batch: Batch, view: View, rules: GroupRules, memos: Mapping[str, Memo]
) -> Iterator[Followed]:
    """Rules that look at one scan group."""
    if rules.steps is not None:
        yield resolution.follow(batch, view, rules.steps, memos)
    if rules.varying is not None:
        yield stuck.follow(batch, view, rules.varying, memos)
    if rules.jitter is not None:
        yield jitter.follow(batch, view, rules.jitter, memos)


def _across(now: Live, rules: GroupRules, known: Known) -> Iterator[Followed]:
    """Rules that look at tags of several."""
    memos = known.memos
    for placed in rules.redundancy:
        yield redundancy.follow(now, placed, memos, known.way)
    for part in rules.balances:
        yield balance.follow(now, part, memos)
    for expected in rules.expectations:
        yield actuator_state.follow(now, expected, memos)
