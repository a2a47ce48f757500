"""Learning what normal is: from a table to a model and a report on it, suspect rows left out.

The table is cut into blocks; each is scored by what the others teach. That says how many false alarms are to be
expected, and which stretches do not fit the rest so clearly that they are no chance: an attack, or a fault, that
was under way while the plant was recorded. These teach nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.errors import UsageError
from twinvouch.core.spans import spans
from twinvouch.core.table import Table
from twinvouch.readings.detect.control import ControlRule
from twinvouch.readings.detect.learn import FEWEST, learn
from twinvouch.readings.detect.learned import Learned
from twinvouch.readings.detect.score import Scorer
from twinvouch.readings.detect.state import CALM, DRIFT, begin
from twinvouch.readings.wording import date

Say = Callable[[str], None]
_BLOCKS: Final = 4
_LARGE: Final = 20_000_000  # cells, from which on two blocks have to do
_CERTAIN_U: Final = 8.0  # -log10 of the chance of a row that no training explains
_LASTING: Final = 12  # rows of an alarm that is no chance either
_MOST_SUSPECT: Final = 0.05  # of all rows; beyond, nobody can say which part is the normal one
_QUIET_NS: Final = 6 * 3_600_000_000_000
_MONTH_NS: Final = 30 * 24 * 3_600_000_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """A model, the rows bool[R] that were left out, and the report."""

    learned: Learned
    suspect: NDArray[np.bool_]
    report: dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class _Outcome:
    """What blocks that were held out say: `alarm` bool[R] of any tag, `named` bool[R, K], `suspect` bool[R]."""

    alarm: NDArray[np.bool_]
    named: NDArray[np.bool_]
    suspect: NDArray[np.bool_]


def teach(
    table: Table, step: NDArray[np.float64] | None, say: Say, *, keep_suspect: bool = False
) -> Lesson:
    """Learn from a table; `step` float64[K] where the inventory declares it; raises UsageError where it is too short."""
    held = _held_out(table, step, say)
    suspect = held.suspect if not keep_suspect else np.zeros(len(table.t_ns), np.bool_)
    share = float(suspect.mean())
    if share > _MOST_SUSPECT:
        raise UsageError(
            f"{share:.0%} of the rows do not fit the rest, first at {date(int(table.t_ns[suspect.argmax()]))}: this is "
            f"no run of one normal plant. Give a cleaner one, or `--keep-suspect` to learn from all of it"
        )
    kept = _rows(table, ~suspect)
    say(f"learning from {len(kept.t_ns)} rows of {len(table.ids)} tags")
    learned = learn(kept, step)
    return Lesson(learned, suspect, _report(table, learned, held, suspect))


def _held_out(table: Table, step: NDArray[np.float64] | None, say: Say) -> _Outcome:
    rows, width = table.values.shape
    alarm, suspect = np.zeros(rows, np.bool_), np.zeros(rows, np.bool_)
    named = np.zeros((rows, width), np.bool_)
    blocks = _BLOCKS if table.values.size < _LARGE else 2
    if rows < FEWEST * 2:
        return _Outcome(alarm, named, suspect)
    block = np.arange(rows) * blocks // rows
    for n in range(blocks):
        out = block == n
        say(f"block {n + 1} of {blocks}: what the others teach, on {int(out.sum())} rows")
        scorer = Scorer(learn(_rows(table, ~out), step))
        part = _rows(table, out)
        _, scored = scorer.score(begin(scorer.learned), part.t_ns, part.values)
        up = scored.is_alarm
        alarm[out] = (up | (scored.alarm == DRIFT)).any(axis=1)
        named[out] = scored.alarm != CALM
        suspect[out] = _certain(up, scored.u, _unknown(scorer.learned, part))
    return _Outcome(alarm, named, suspect)


def _certain(
    up: NDArray[np.bool_], u: NDArray[np.float64], unknown: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Rows bool[R] of attack alarms bool[R, K] that last, or have a row whose surprise `u` float64[R] is no chance.

    Where the other blocks do not know the state of the plant (`unknown` bool[R]) surprise says nothing.
    """
    found = np.zeros(len(u), np.bool_)
    alarm = np.asarray(up.any(axis=1))
    for start, end in spans(alarm).tolist():
        first = max(start - 2, 0)
        is_sure = u[first:end].max() >= _CERTAIN_U or end - start >= _LASTING
        if is_sure and not unknown[first:end].any():
            found[first : end + 1] = True
    return found


def _unknown(learned: Learned, part: Table) -> NDArray[np.bool_]:
    """Rows bool[R] in which something is in a state that it hardly ever, or never, had in training."""
    known = learned.columns
    rare = known.on(part.values, known.rare) != known.usual
    still = learned.ends[0, known.constant]
    moved = np.abs(part.values[:, known.constant] - still) > known.step[known.constant] / 2
    found: NDArray[np.bool_] = rare.any(axis=1) | moved.any(axis=1)
    return found


def _rows(table: Table, of: NDArray[np.bool_]) -> Table:
    return Table(table.ids, table.t_ns[of], table.values[of])


def _report(
    table: Table, learned: Learned, held: _Outcome, suspect: NDArray[np.bool_]
) -> dict[str, Any]:
    known = learned.columns
    ok = ~suspect
    begun = _begun(held.alarm & ok, table.t_ns)
    months = float(np.count_nonzero(ok)) * known.period_ns / _MONTH_NS
    switches = {int(s): known.ids[s] for part in learned.parts for s in part.switches}
    return {
        "rows": len(table.t_ns),
        "first": date(int(table.t_ns[0])),
        "last": date(int(table.t_ns[-1])),
        "period_s": known.period_ns / 1e9,
        "expected_false_alarms_per_30d": round(begun / months, 3) if months else 0.0,
        "suspect_rows": int(suspect.sum()),
        "suspect": _stretches(table, suspect, held.named),
        "switches": sorted(switches.values()),
        "control_rules": [_rule(learned, rule) for rule in learned.rules],
        "tags": {known.ids[k]: _tag(learned, k) for k in range(len(known.ids))},
    }


def _begun(alarm: NDArray[np.bool_], t_ns: NDArray[np.int64]) -> int:
    """How many alarms begin that were clear for six hours."""
    up = t_ns[alarm]
    return int(up.size and 1 + np.count_nonzero(np.diff(up) > _QUIET_NS))


def _stretches(
    table: Table, suspect: NDArray[np.bool_], named: NDArray[np.bool_]
) -> list[dict[str, Any]]:
    """From when to when rows were left out, and which tags did not fit."""
    found = []
    for start, end in spans(suspect).tolist():
        tags = [table.ids[k] for k in np.flatnonzero(named[start:end].any(axis=0)).tolist()]
        first, last = date(int(table.t_ns[start])), date(int(table.t_ns[end - 1]))
        found.append({"from": first, "to": last, "rows": end - start, "tags": tags})
    return found


def _tag(learned: Learned, k: int) -> dict[str, Any]:
    """What is known of one tag: its kind, how far 98 of 100 rows are off, how much the other tags explain."""
    known = learned.columns
    if k in known.constant:
        return {"kind": "constant", "value": float(learned.ends[0, k])}
    kind = "switch" if k in known.switches else "rare switch" if k in known.rare else "continuous"
    if k not in known.continuous:
        return {"kind": kind}
    part = next(p for p in learned.parts if k in p.tags)
    split = part.splits[int(np.searchsorted(part.tags, k))]
    spread = float(np.median(learned.spread[:, k]))
    return {
        "kind": kind,
        "within": float(f"{np.median(learned.q[:, k]) * known.scale[k]:.4g}"),
        "explained_by_others": round(max(1 - spread**2, 0.0), 4),
        "regimes_of": [known.ids[part.switches[s]] for s in split],
    }


def _rule(learned: Learned, rule: ControlRule) -> str:
    ids = learned.columns.ids
    side, state = "above" if rule.is_upper else "below", "on" if rule.is_on else "off"
    of = f" from `{ids[rule.setpoint]}`" if rule.setpoint >= 0 else ""
    return f"`{ids[rule.tag]}` {side} {rule.limit:.6g}{of}: `{ids[rule.switch]}` is {state}"
