"""How often: permits, and those that may have switched it on, in the last hour; each counts with this one."""

from collections.abc import Iterator

from twinvouch.commands.permitted import cut, waits, within
from twinvouch.commands.present import missing, possible
from twinvouch.commands.reserve import times, words
from twinvouch.commands.view import Target, View
from twinvouch.core.command import Reason, Verdict
from twinvouch.core.context import Table
from twinvouch.core.past import HOUR_NS

NAMES = ("count",)


def check(view: View, target: Target) -> tuple[Reason, ...]:
    """Denials where it would be one too many."""
    past, name = target.limits.past, target.tag.id
    if not past.writes and not past.starts:
        return ()
    if unremembered := cut(view, "count", name, HOUR_NS):
        return unremembered
    return tuple(_counted(view, target, within(view, name, HOUR_NS)))


def _counted(view: View, target: Target, writes: Table) -> Iterator[Reason]:
    past, name = target.limits.past, target.tag.id
    if past.writes and len(writes) >= times(view, target, past.writes):
        yield _too_many(view, target, "written to", writes, past.writes)
    if not past.starts or view.command.value == 0:
        return
    now = possible(view, name)
    if not now and not view.is_safe:
        yield missing(view, "count", name, "whether this starts it")
    elif not now or 0 in now:
        starts = writes[writes["on"]]
        if len(starts) >= times(view, target, past.starts):
            yield _too_many(view, target, "started", starts, past.starts)


def _too_many(view: View, target: Target, what: str, writes: Table, most: int) -> Reason:
    name, granted = target.tag.id, times(view, target, most)
    limit = words(target, granted, most)
    sentence = f"`{name}` was {what} {len(writes)} times in the last hour, limit is {limit}"
    later = waits(view, writes, HOUR_NS, lambda gone: len(writes) - gone < granted)
    return Reason("count", Verdict.DENY, sentence, later)
