"""stuck: a tag that must vary (`varies_within_s`) has stayed within its `resolution` of one value for longer than that.

A frozen sensor, a transmitter in hold, or somebody who sends one value again and again. Only time between readings
counts that is no gap: what was missing for longer than `max_age_s` was not seen standing still. Which tags must vary
is declared, never guessed: a full tank and a pump at rest stand still too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.batch import Batch
from twinvouch.core.declared import Varying
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.memo import Memo
from twinvouch.readings.flagged import MOST_TAGS, Flagged
from twinvouch.readings.followed import NOTHING, Followed, recall, remember
from twinvouch.readings.view import Mask, Places, Values, View, every, usable
from twinvouch.readings.wording import count, seconds

NAME = "stuck"
TECHNIQUE = "T0856"
CAP = 60
AFTER_ALL = 2**62  # later than any row, ns

Spans = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Stand:
    """Where n columns stand: within a resolution of `value` float64[n] (NaN: never read) for `still_ns` int64[n]."""

    value: Values
    still_ns: Spans


def follow(batch: Batch, view: View, varying: Varying, memos: Mapping[str, Memo]) -> Followed:
    """Cells of columns that stand still for longer than they may; told again each time that long has passed once more."""
    if view.is_late:
        return NOTHING
    assert view.before is not None
    group, columns = view.group, varying.columns
    key, about = f"{NAME}/{group.name}", "\n".join(group.ids[k] for k in columns)
    fresh = (view.before.usable[columns].copy(), np.zeros(len(columns), np.int64))
    stand = Stand(*recall(memos, key, about, fresh))
    cells = usable(batch, view, columns)
    passed = _passed(batch, view, cells, columns)
    still, moved, after = _over(batch.values[:, columns], cells, passed, stand, view, varying)
    memo = remember(key, about, (stand.value, stand.still_ns), (after.value, after.still_ns))
    flagged = cells & (still >= varying.limit_ns)
    found = tuple(_findings(view, varying, stand, (still, moved, flagged)))
    if not flagged.any():
        return Followed(findings=found, memos=memo)
    mask = np.zeros(batch.values.shape, np.bool_)
    mask[:, columns] = flagged
    return Followed((Flagged(mask, CAP, found),), memos=memo)


def _passed(batch: Batch, view: View, cells: Mask, columns: Places) -> Spans:
    """Time that counts up to each cell, int64[R, n] ns: between readings that are at most `max_age_ns` apart."""
    assert view.before is not None
    times = np.where(view.sound, batch.t_ns, 0)
    never = np.isnan(view.before.usable[columns])
    last_ns = np.where(never, AFTER_ALL, view.before.usable_t_ns[columns])
    longest_ns = view.group.max_age_ns
    if every(cells):  # the usual case: between two rows all columns have the same time
        spans = np.diff(times, prepend=times[:1])
        rows = np.cumsum(np.where(spans <= longest_ns, spans, 0))[:, None]
        first = times[0] - last_ns
        return rows + np.where((first > 0) & (first <= longest_ns), first, 0)
    rows = np.arange(1, len(times) + 1)[:, None]
    newest = np.maximum.accumulate(np.where(cells, rows, 0), axis=0)
    above = np.vstack((np.zeros((1, cells.shape[1]), np.intp), newest[:-1]))
    gaps = times[:, None] - np.where(above > 0, times[above - 1], last_ns)
    counts = cells & (gaps > 0) & (gaps <= longest_ns)
    passed: Spans = np.cumsum(np.where(counts, gaps, 0), axis=0)
    return passed


def _over(
    values: Values, cells: Mask, passed: Spans, stand: Stand, view: View, varying: Varying
) -> tuple[Spans, Mask, Stand]:
    """How long each cell's column has stood still, int64[R, n] ns; which columns moved; where they stand then.

    A batch that spans longer than a column may stand still is looked at in parts that do not.
    """
    step = view.group.resolution[varying.columns]
    if np.all(stand.still_ns + passed[-1] < varying.limit_ns):
        moved, _, after = _part(values, cells, passed, stand, step)
        return np.zeros(values.shape, np.int64), moved, after
    still = np.zeros(values.shape, np.int64)
    moved = np.zeros(values.shape[1], np.bool_)
    begun = np.zeros(values.shape[1], np.int64)
    for part in _parts(passed, int(varying.limit_ns.min())):
        counted = passed[part] - begun
        gone, (leaves, back, start), after = _part(values[part], cells[part], counted, stand, step)
        rows = np.arange(len(counted))[:, None]
        stays = np.where(rows < leaves, counted + stand.still_ns, 0)
        still[part] = np.maximum(stays, np.where(gone & (rows >= back), counted - start, 0))
        moved |= gone
        begun, stand = passed[part][-1], after
    return still, moved, stand


def _parts(passed: Spans, limit_ns: int) -> Iterator[slice]:
    """Rows in order, in parts of at most half the time that the strictest column may stand still."""
    longest = passed.max(axis=1)
    if longest[-1] < limit_ns // 2:
        yield slice(0, len(longest))
        return
    number = longest // max(limit_ns // 2, 1)
    ends = [*(np.flatnonzero(np.diff(number)) + 1).tolist(), len(longest)]
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        yield slice(start, end)


def _part(
    values: Values, cells: Mask, passed: Spans, stand: Stand, step: Values
) -> tuple[Mask, tuple[Places, Places, Spans], Stand]:
    """Which of n columns moved; at which row each leaves its stand, from which row on it stands at its last value and what had passed then; its stand."""
    number = len(values)
    has, order = cells.any(axis=0), np.arange(values.shape[1])
    first = values[cells.argmax(axis=0), order]
    value = np.where(np.isnan(stand.value) & has, first, stand.value)
    away = cells & (np.abs(values - value) > step)
    moved: Mask = np.any(away, axis=0)
    leaves = np.where(moved, away.argmax(axis=0), number)
    newest = number - 1 - cells[::-1].argmax(axis=0)
    last = values[newest, order]
    apart = cells & (np.abs(values - last) > step)
    behind = np.where(apart.any(axis=0), number - apart[::-1].argmax(axis=0), 0)
    back = _next(cells, behind)
    start = passed[back, order]
    stood = np.where(moved, passed[newest, order] - start, passed[newest, order] + stand.still_ns)
    after = Stand(np.where(moved, last, value), np.where(has, stood, stand.still_ns))
    return moved, (leaves, back, start), after


def _next(cells: Mask, rows: Places) -> Places:
    """Of each column the first usable row from the given one on; the last row where there is none."""
    if every(cells):
        return np.minimum(rows, len(cells) - 1)
    later = cells & (np.arange(len(cells))[:, None] >= rows)
    return np.where(later.any(axis=0), later.argmax(axis=0), len(cells) - 1)


def _findings(
    view: View, varying: Varying, stand: Stand, seen: tuple[Spans, Mask, Mask]
) -> Iterator[Finding]:
    """Of each column one that it stands still, or one that it changes again; beyond MOST_TAGS one for all others."""
    still, moved, flagged = seen
    limit, was = varying.limit_ns, stand.still_ns
    peak = np.where(flagged, still, 0).max(axis=0)
    newly = (peak // limit) > np.where(moved & (was >= limit) & flagged[-1], 0, was // limit)
    again = moved & (was >= limit) & ~newly
    told = np.flatnonzero(newly)
    for n in told[:MOST_TAGS].tolist():
        yield _stands(view, varying, n, int(peak[n]), flagged[:, n])
    if told.size > MOST_TAGS:
        rest = told[MOST_TAGS:]
        words = f"the same of {rest.size} further tags of scan group `{view.group.name}`"
        numbers = (("tags", rest.size),)
        cells = int(flagged[:, rest].sum())
        yield Finding(NAME, view.group.edge, Severity.MEDIUM, words, TECHNIQUE, numbers, cells)
    for n in np.flatnonzero(again)[:MOST_TAGS].tolist():
        tag = view.group.ids[varying.columns[n]]
        words = f"`{tag}` changes again after {seconds(int(was[n]))}"
        yield Finding(NAME, tag, Severity.INFO, words, "", (("still_s", int(was[n]) / 1e9),))


def _stands(view: View, varying: Varying, n: int, still_ns: int, rows: Mask) -> Finding:
    k = int(varying.columns[n])
    tag, limit_ns, row = view.group.tags[k], int(varying.limit_ns[n]), int(rows.argmax())
    return Finding(
        NAME,
        tag.id,
        Severity.MEDIUM,
        f"`{tag.id}` has not changed by more than {tag.resolution:g} {tag.unit} for {seconds(still_ns)}, "
        f"it varies within {seconds(limit_ns)} ({count(int(rows.sum()), 'row')} from row {row})",
        TECHNIQUE,
        (("still_s", still_ns / 1e9), ("limit_s", limit_ns / 1e9)),
        int(rows.sum()),
        row,
    )
