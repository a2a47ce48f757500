"""unpermitted_actuation: an actuator that only the twin may move changed state, and no permit explains it.

Somebody else writes to the plant (ATT&CK for ICS T0855). A state is the last one that was told apart by at least the tag's resolution, so that creeping in small steps is
a change too. A permit explains one change: to the value it allows, seen after it was issued, and with the old
value last seen no later than `max_age_ns` after the permit was reported spent. While such a permit is open (no
outcome, and not expired for longer than one may take) the change waits and is looked at again with every Tick.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.batch import Batch
from twinvouch.core.context import ActuatorWrite, Context
from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import Tag
from twinvouch.core.site import Site
from twinvouch.readings.flagged import MOST_TAGS
from twinvouch.readings.link import Change, Link
from twinvouch.readings.view import View, usable
from twinvouch.readings.wording import count, date
from twinvouch.wire.words import from_words, to_words

NAME = "unpermitted_actuation"
TECHNIQUE = "T0855"
MOST_CHANGES = 64  # of one actuator and batch that are looked at one by one
MOST_TOGETHER = 1000  # of all actuators of a batch, as far as two of each allow
RELATIVE = 1e-6  # what a float32 on the way may change


@dataclass(frozen=True, slots=True)
class Explained:
    """Changes sorted: `unexplained` are findings, `waiting` may yet be explained, `used` permits have been."""

    unexplained: tuple[Change, ...]
    waiting: tuple[Change, ...]
    used: frozenset[tuple[str, int]]


def follow(
    batch: Batch, view: View, link: Link, site: Site, context: Context
) -> tuple[Link, tuple[Finding, ...]]:
    """The link with the actuators' new states, and findings about what nothing explains."""
    if view.is_late or not view.group.twin_commanded.size:
        return link, ()
    changes, positions = _changes(batch, view, link.positions)
    if not changes:
        return (link if positions is link.positions else replace(link, positions=positions)), ()
    told = explain((*link.waiting, *changes), link.used, site, context, view.now_ns)
    moved = replace(link, positions=positions, waiting=told.waiting, used=told.used)
    return moved, findings(told.unexplained, site)


def again(
    link: Link, site: Site, context: Context, now_ns: int
) -> tuple[Link, tuple[Finding, ...]]:
    """Look at the waiting changes again, as time passes and outcomes come in; the same link where none changed."""
    if not link.waiting:
        return link, ()
    told = explain(link.waiting, link.used, site, context, now_ns)
    if told.waiting == link.waiting:
        return link, ()
    return replace(link, waiting=told.waiting, used=told.used), findings(told.unexplained, site)


def explain(
    changes: Sequence[Change],
    used: frozenset[tuple[str, int]],
    site: Site,
    context: Context,
    now_ns: int,
) -> Explained:
    """Give each change, in order, the oldest permit that explains it; pure, so that it can be asked again."""
    known = {(tag, w.permit) for tag, writes in context.writes.items() for w in writes}
    taken = set(used & known)
    reserved: set[tuple[str, int]] = set()
    unexplained, waiting = [], []
    for change in changes:
        tag = site.plant.tags.get(change.tag)
        group = None if tag is None else site.plant.groups.get(tag.group)
        if tag is None or group is None:
            continue  # it left the plant while it waited
        free = [w for w in _fitting(change, tag, context) if (tag.id, w.permit) not in taken]
        spent = _first(
            w for w in free if w.spent_ns + group.max_age_ns >= change.since_ns and w.spent_ns
        )
        until_ns = now_ns - site.commands.outcome_ns
        pending = _first(
            w
            for w in free
            if not (w.spent_ns or w.is_over or w.expires_ns < until_ns)
            and (tag.id, w.permit) not in reserved
        )
        if spent is not None:
            taken |= _over(spent, context, reserved)
        elif pending is not None:
            reserved.add((tag.id, pending.permit))
            waiting.append(change)
        else:
            unexplained.append(change)
    return Explained(tuple(unexplained), tuple(waiting), frozenset(taken))


def _over(
    spent: ActuatorWrite, context: Context, reserved: set[tuple[str, int]]
) -> set[tuple[str, int]]:
    """The permit itself, and all issued before it for its actuator that no waiting change needs.

    The twin has moved on: what it said before explains nothing that is seen after. Else a command that
    changed nothing (said again, as cyclic controllers do) would excuse somebody else's write later on.
    """
    earlier = (w for w in context.writes.get(spent.tag, ()) if w.permit <= spent.permit)
    return {(spent.tag, w.permit) for w in earlier} - reserved


def findings(changes: Sequence[Change], site: Site) -> tuple[Finding, ...]:
    """One finding a tag; beyond MOST_TAGS one for all the others."""
    by_tag: dict[str, list[Change]] = {}
    for change in changes:
        by_tag.setdefault(change.tag, []).append(change)
    tags = list(by_tag)
    found = [_finding(site.plant.tags[tag], by_tag[tag]) for tag in tags[:MOST_TAGS]]
    rest = [change for tag in tags[MOST_TAGS:] for change in by_tag[tag]]
    if rest:
        words = f"{count(len(tags) - MOST_TAGS, 'further actuator')} changed state and no permit explains it"
        numbers = (("changes", len(rest)),)
        subject = site.plant.groups[site.plant.tags[rest[0].tag].group].edge
        found.append(
            Finding(
                NAME, subject, Severity.CRITICAL, words, TECHNIQUE, numbers, len(rest), rest[0].row
            )
        )
    return tuple(found)


def _finding(tag: Tag, changes: Sequence[Change]) -> Finding:
    first = changes[0]
    unit = f" {tag.unit}" if tag.unit else ""
    more = f" ({count(len(changes), 'change')} in all)" if len(changes) > 1 else ""
    return Finding(
        NAME,
        tag.id,
        Severity.CRITICAL,
        f"`{tag.id}` went from {first.before:.6g} to {first.value:.6g}{unit} at {date(first.t_ns)} and no "
        f"permit explains it{more}: somebody else than the twin writes to it",
        TECHNIQUE,
        (("before", first.before), ("value", first.value), ("changes", len(changes))),
        len(changes),
        first.row,
    )


def _first(writes: Iterable[ActuatorWrite]) -> ActuatorWrite | None:
    return next(iter(writes), None)


def _fitting(change: Change, tag: Tag, context: Context) -> Iterator[ActuatorWrite]:
    """Permits for this value that were issued before it was seen, oldest first."""
    for write in context.writes.get(tag.id, ()):
        expected = _as_read_back(write.value, tag)
        if write.issued_ns <= change.seen_ns and abs(expected - change.value) < _step(
            tag, expected
        ):
            yield write


def _as_read_back(value: float, tag: Tag) -> float:
    """The value that a register shows after this one was written: rounded to its encoding."""
    if tag.point is None:
        return value
    try:
        return from_words(to_words(value, tag.point), tag.point)
    except (UsageError, MalformedError):
        return value


def _step(tag: Tag, at: float) -> float:
    """What tells two states apart: the resolution, at least what float32 may change, above zero."""
    return max(tag.resolution * (1 - RELATIVE), RELATIVE * abs(at), 1e-12)


def _changes(
    batch: Batch, view: View, positions: Mapping[str, float]
) -> tuple[list[Change], Mapping[str, float]]:
    """Changes of state in the order of rows, and the states after them (the same mapping where none is new)."""
    columns = view.group.twin_commanded
    tags = [view.group.tags[k] for k in columns.tolist()]
    states = np.array([positions.get(tag.id, np.nan) for tag in tags])
    steps = np.array([_step(tag, at) for tag, at in zip(tags, states.tolist(), strict=True)])
    values, cells = batch.values[:, columns], usable(batch, view, columns)
    still = (np.abs(values - states) < steps) | ~cells
    if still.all():
        return [], positions
    after, changes = dict(positions), []
    moved = np.flatnonzero(~still.all(axis=0)).tolist()
    most = max(2, min(MOST_CHANGES, MOST_TOGETHER // len(moved)))
    for n in moved:
        rows = np.flatnonzero(cells[:, n])
        column = values[rows, n]
        if np.isnan(states[n]):
            after[tags[n].id] = float(column[0])
        for i in _steps_of(tags[n], column, after[tags[n].id], most):
            before, value = after[tags[n].id], float(column[i])
            since_ns = int(batch.t_ns[rows[i - 1]]) if i else _last_seen(view, int(columns[n]))
            row = int(rows[i])
            changes.append(
                Change(tags[n].id, before, value, since_ns, int(batch.t_ns[row]), view.now_ns, row)
            )
            after[tags[n].id] = value
    return sorted(changes, key=lambda c: c.row), after


def _steps_of(tag: Tag, column: NDArray[np.float64], state: float, most: int) -> Iterator[int]:
    """Places in `column` where the state changes; the last of `most` stands for all that follow."""
    at = 0
    for _ in range(most - 1):
        away = np.abs(column[at:] - state) >= _step(tag, state)
        if not away.any():
            return
        at += int(away.argmax())
        state = float(column[at])
        yield at
    last = len(column) - 1
    if at < last and abs(float(column[last]) - state) >= _step(tag, state):
        yield last


def _last_seen(view: View, k: int) -> int:
    """When the state before the batch was last seen: the earlier of source and receive time."""
    assert view.before is not None
    return min(int(view.before.usable_t_ns[k]), int(view.before.received_ns[k]))
