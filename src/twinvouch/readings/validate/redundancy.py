"""redundancy: tags that measure one quantity (`redundancy_group`) differ by more than the declared tolerance.

Of three or more the majority around the median names who is wrong. Two against each other, or no majority, name
nobody: one of them is wrong, and all count for less. Values of other scan groups are those that are live and fresh;
what the quantity may do between two of them is the business of `tolerance` and `settle_s`.

Who falls short of what a command class demands, whatever he says, decides nothing between those that do not: these vote
among themselves, for each class, and who is wrong in one of the votes is flagged. So nobody is acquitted by a source that
no command of that class may rest on (NI-2). Who is eligible in no class is compared with all, and flags nobody else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from twinvouch.core.declared import Placed, Redundancy
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.memo import Memo
from twinvouch.readings.eligible import Way, eligible
from twinvouch.readings.flagged import Evidence, Flagged
from twinvouch.readings.followed import Followed, recall, remember
from twinvouch.readings.lasting import lasting, nothing
from twinvouch.readings.live import Live
from twinvouch.readings.view import Mask, Values
from twinvouch.readings.wording import count

NAME = "redundancy"
TECHNIQUE = "T0856"
CAP = 60
SHOWN = 3  # tags that a sentence names
LARGEST = float(np.finfo(np.float64).max)  # evidence is finite even where a difference overflows


@dataclass(frozen=True, slots=True, eq=False)
class Vote:
    """A vote among some tags: values float64[L, n] (NaN: has no part in it), who is wrong bool[L, n], named by a majority bool[L]."""

    values: Values
    wrong: Mask
    is_named: Mask


def follow(live: Live, placed: Placed[Redundancy], memos: Mapping[str, Memo], way: Way) -> Followed:
    """Cells of tags that differ from the others for as long as is declared, and live values of other groups that do."""
    told = placed.what
    values = live.values(placed.tags, placed.columns)
    votes = _votes(values, eligible(live, placed, way), told.tolerance)
    key, about = f"{NAME}/{told.name}", repr(told)
    before = recall(memos, key, about, nothing(len(placed.tags)))
    known = ~np.isnan(values)
    wrong = np.logical_or.reduce([v.wrong for v in votes])
    spans, after = lasting(wrong, known, live.t_ns, before, live.view.group.max_age_ns)
    memo = remember(key, about, before, after) if told.settle_ns else {}
    flagged = wrong & (spans >= told.settle_ns)
    mask = live.mask(flagged, placed.columns)
    doubted = live.doubted(placed, flagged[-1], CAP)
    if not doubted and not mask.any():
        return Followed(memos=memo)
    finding = _told_of(live, placed, votes, flagged)
    return Followed((Flagged(mask, CAP, (finding,)),), memos=memo, doubted=doubted)


def _votes(values: Values, may: Mask, tolerance: float) -> list[Vote]:
    """One vote of each set bool[c, n] of tags; and for those in none of them what all say, which flags them alone."""
    among = [np.where(some, values, np.nan) for some in may if some.any()]
    votes = [Vote(told, *vote(told, tolerance)) for told in among]
    rest = ~may.any(axis=0)
    if rest.any():
        wrong, is_named = vote(values, tolerance)
        votes.append(Vote(values, wrong & rest, is_named))
    return votes


def _told_of(
    live: Live, placed: Placed[Redundancy], votes: Sequence[Vote], flagged: Mask
) -> Finding:
    """About the first flagged row, as the vote sees it that has most of those who are flagged there."""
    rows = np.flatnonzero(flagged.any(axis=1))
    row = rows[0]
    of = max(votes, key=lambda v: int((v.wrong & flagged)[row].sum()))
    odd = flagged[row] & of.wrong[row]
    seen = of.values[row], odd, bool(of.is_named[row])
    where = (rows.size, int(live.rows[row]))
    return _finding(placed, live.unit(placed.what.tags[0]), seen, where)


def vote(values: Values, tolerance: float) -> tuple[Mask, Mask]:
    """Who is wrong at each row, bool[L, n], and whether a majority says so, bool[L]; `values` float64[L, n], NaN absent.

    Right is who is within `tolerance` of the median, where more than half of those present are. With an even number
    the median is the lower of the two in the middle, so that it is always somebody's value.
    """
    present = ~np.isnan(values)
    number = present.sum(axis=1)
    middle = np.maximum((number - 1) // 2, 0)
    median = np.sort(values, axis=1)[np.arange(len(values)), middle]
    near = np.abs(values - median[:, None]) <= tolerance
    is_named = 2 * near.sum(axis=1) > number
    wrong: Mask = present & ~(near & is_named[:, None]) & (number > 1)[:, None]
    return wrong, is_named


def _finding(
    placed: Placed[Redundancy],
    unit: str,
    seen: tuple[Values, Mask, bool],
    where: tuple[int, int],
) -> Finding:
    """About the first row: values float64[n], who is flagged bool[n], and whether a majority says so."""
    told, (values, flagged, is_named) = placed.what, seen
    odd = [(placed.tags[n], float(values[n])) for n in np.flatnonzero(flagged).tolist()]
    words = ", ".join(f"`{tag}` is {value:.6g}{unit}" for tag, value in odd[:SHOWN])
    if len(odd) > SHOWN:
        words += f" and {count(len(odd) - SHOWN, 'further tag')} differ"
    numbers: Evidence = (("value", odd[0][1]), ("tolerance", told.tolerance))
    within = f"tolerance of `{told.name}` is {told.tolerance:g}{unit}"
    others = values[~flagged & ~np.isnan(values)]
    if is_named and others.size:
        middle = float(np.clip(np.median(others), -LARGEST, LARGEST))
        numbers += (("others", middle),)
        words += (
            f"; {count(others.size, 'tag')} that measure the same say {middle:.6g}{unit}, {within}"
        )
    else:
        apart = min(float(np.nanmax(values) - np.nanmin(values)), LARGEST)
        numbers += (("apart", apart),)
        words += f": all measure the same, {within}, and which is wrong is not known"
    subject = odd[0][0] if is_named and len(odd) == 1 else told.name
    return Finding(NAME, subject, Severity.HIGH, words, TECHNIQUE, numbers, *where)
