"""balance: a declared balance of tags (`balance:`) is off by more than its tolerance over a window.

What flows into a tank less what flows out is what its level gains, whoever tells it. A balance is a sum of terms: the
mean, the integral, the change or the derivative of a tag over a window, times a factor. Windows lie on whole multiples
of `window_s` since 1970. Who of its tags lies is not known: all count for less until a window is in balance again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.declared import ELSEWHERE, Balance, BalancePart
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.memo import Memo
from twinvouch.readings.flagged import Evidence, Flagged
from twinvouch.readings.followed import Followed, recall, remember
from twinvouch.readings.live import Live
from twinvouch.readings.view import Values
from twinvouch.readings.windows import Open, Track, closed
from twinvouch.readings.wording import count, date, seconds

NAME = "balance"
TECHNIQUE = "T0856"
CAP = 60
MOST_WAITING = 64  # closed windows of one scan group that wait for those of others
SHOWN = 3  # tags that a sentence names
LARGEST = float(np.finfo(np.float64).max)  # evidence is finite even where a sum overflows

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """Closed windows that not all scan groups have closed yet: whose, which and what they add up to, one each."""

    group: Numbers
    window: Numbers
    value: Values


def follow(live: Live, part: BalancePart, memos: Mapping[str, Memo]) -> Followed:
    """Cells of all tags of a balance while its last judged window was off; told once a window that is."""
    key, about = f"{NAME}/{part.balance.name}", f"{part.balance!r} {part.groups!r}"
    before = recall(memos, key, about, _nothing(len(part.groups)))
    opened, waiting, residual = before[:5], Waiting(*before[5:8]), before[8]
    now, windows, sums = closed(
        _track(live, part), Open(*(column[part.place].item() for column in opened))
    )
    residuals, judged, waiting = _matched(waiting, part.place, windows, sums, len(part.groups))
    last = residuals[-1:] if judged.size else residual
    rest = (waiting.group, waiting.window, waiting.value, last)
    memo = remember(key, about, before, (*_put(opened, part.place, now), *rest))
    was_off = bool(np.abs(residual[0]) > part.balance.tolerance)
    found = _findings(part.balance, judged, residuals, was_off=was_off)
    if not np.abs(last[0]) > part.balance.tolerance:
        return Followed(findings=found, memos=memo)
    bad = np.ones((len(live.rows), len(part.placed.tags)), np.bool_)
    doubted = live.doubted(part.placed, bad[-1], CAP) if judged.size else {}
    flagged = Flagged(live.mask(bad, part.placed.columns), CAP, found)
    return Followed((flagged,), memos=memo, doubted=doubted)


def _nothing(groups: int) -> tuple[NDArray[np.int64] | Values, ...]:
    """Of each scan group what is open; of no window what it adds up to; and no residual yet."""
    none, empty = np.zeros(groups), np.zeros(0, np.int64)
    opened = (np.zeros(groups, np.int64), none, none, none, np.full(groups, np.nan))
    return (*opened, empty, empty, np.zeros(0), np.full(1, np.nan))


def _track(live: Live, part: BalancePart) -> Track:
    """What this scan group's rows add to the balance; rows in which one of its tags does not count are left out."""
    own = part.placed.columns != ELSEWHERE
    tags = tuple(tag for tag, mine in zip(part.placed.tags, own, strict=True) if mine)
    values = live.values(tags, part.placed.columns[own])
    counts = ~np.isnan(values).any(axis=1)
    t_ns, values, group = live.t_ns[counts], values[counts], live.view.group
    window_ns, held = part.balance.window_ns, group.by_exception
    return Track(
        t_ns, values @ part.flow, values @ part.stock, window_ns, group.max_age_ns, is_held=held
    )


def _put(columns: tuple[NDArray[Any], ...], place: int, now: Open) -> Iterator[NDArray[Any]]:
    """The open windows of all scan groups, with that of one of them new."""
    for column, value in zip(columns, astuple(now), strict=True):
        changed = column.copy()
        changed[place] = value
        yield changed


def _matched(
    waiting: Waiting, place: int, windows: Numbers, sums: Values, groups: int
) -> tuple[Values, Numbers, Waiting]:
    """Residuals and numbers of the windows that all scan groups have closed now, and what goes on waiting."""
    group = np.concatenate((waiting.group, np.full(len(windows), place)))
    window = np.concatenate((waiting.window, windows))
    value = np.concatenate((waiting.value, sums))
    numbers, where, closings = np.unique(window, return_inverse=True, return_counts=True)
    ready = closings == groups
    judged, residuals = numbers[ready], np.bincount(where, value, len(numbers))[ready]
    oldest = window.max(initial=0) - MOST_WAITING
    waits = window > max(judged.max(initial=0), oldest)
    return residuals, judged, Waiting(group[waits], window[waits], value[waits])


def _findings(
    balance: Balance, judged: Numbers, residuals: Values, *, was_off: bool
) -> tuple[Finding, ...]:
    if not judged.size:
        return ()
    off = np.abs(residuals) > balance.tolerance
    if not off.any():
        words = f"balance `{balance.name}` is within its tolerance again"
        number = (("residual", float(residuals[-1])),)
        return (Finding(NAME, balance.name, Severity.INFO, words, "", number),) if was_off else ()
    worst = int(np.abs(residuals).argmax())
    residual = float(np.clip(residuals[worst], -LARGEST, LARGEST))
    tags = list(dict.fromkeys(term.tag for term in balance.terms))
    named = ", ".join(f"`{tag}`" for tag in tags[:SHOWN])
    more = f" and {count(len(tags) - SHOWN, 'other')}" if len(tags) > SHOWN else ""
    unit = f" {balance.unit}" if balance.unit else ""
    windows = f", the worst of {int(off.sum())} windows," if off.sum() > 1 else ""
    end = date(int(judged[worst] + 1) * balance.window_ns)
    words = (
        f"balance `{balance.name}` is off by {residual:.6g}{unit} over the {seconds(balance.window_ns)}{windows} to "
        f"{end}, tolerance is {balance.tolerance:g}{unit}: {named}{more} do not fit together, and which is wrong is not known"
    )
    numbers: Evidence = (("residual", residual), ("tolerance", balance.tolerance))
    numbers += (("windows", int(off.sum())),)
    return (Finding(NAME, balance.name, Severity.HIGH, words, TECHNIQUE, numbers),)
