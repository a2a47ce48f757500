"""Why a tag is in alarm, in one sentence with numbers: what it reads, what was expected, and which tags say so."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.finding import Finding, Severity
from twinvouch.readings.detect import design
from twinvouch.readings.detect.adapt import DAY_NS, Adapted, usual
from twinvouch.readings.detect.kernel import Kernel
from twinvouch.readings.detect.learned import Learned
from twinvouch.readings.detect.reasons import Exact, reason
from twinvouch.readings.detect.state import ATTACK, CHANGE, DRIFT
from twinvouch.readings.wording import date

SHOWN: Final = 3  # tags that a sentence names
TECHNIQUE: Final = "T0856"  # ATT&CK for ICS: Spoof Reporting Message
OPERATED: Final = "T0831"  # Manipulation of Control
UNANNOUNCED: Final = "; no one tag's lie would explain it, and nobody announced a change"
OWN: Final = "its own value before"


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """One row float64[K] with the one before it, its errors float64[K] in the tags' units, and as exact rules see it."""

    before: NDArray[np.float64]
    values: NDArray[np.float64]
    error: NDArray[np.float64]
    exact: Exact


class Explainer:
    """Says why; keeps what it has put together, and no state of the plant."""

    def __init__(self, learned: Learned, units: tuple[str, ...]) -> None:
        self._learned = learned
        self._units = tuple(f" {u}" if u else "" for u in units)
        self._usual = usual(learned)
        self._kernels = [Kernel(learned, part) for part in learned.parts]
        self._part = {int(k): n for n, part in enumerate(learned.parts) for k in part.tags}

    def begun(self, k: int, kind: int, moment: Moment, *, is_announced: bool) -> Finding:
        """An alarm of `kind` of the tag at place `k` began; `is_announced`: by tickets, or commands to set-points."""
        rule, severity = _KINDS[kind]
        tag = self._learned.columns.ids[k]
        words, numbers = self._words(k, kind, moment)
        technique = TECHNIQUE
        if kind == CHANGE:
            technique = "" if is_announced else OPERATED
            words += "" if is_announced else UNANNOUNCED
            severity = severity if is_announced else Severity.MEDIUM
        return Finding(rule, tag, severity, f"`{tag}` {words}", technique, numbers)

    def ended(self, k: int, kind: int, t_ns: int) -> Finding:
        """An alarm ended: the tag agrees with the others again."""
        tag = self._learned.columns.ids[k]
        words = f"`{tag}` agrees with what is expected of it again since {date(t_ns)}"
        return Finding(_KINDS[kind][0], tag, Severity.INFO, words)

    def diverged(self, k: int, adapted: Adapted, t_ns: int, *, is_far: bool) -> Finding:
        """What was learned of a tag while at work is far from the frozen reference, or no more."""
        known, unit = self._learned.columns, self._units[k]
        tag, by = known.ids[k], float(adapted.by[k] * known.scale[k])
        numbers = (("by", by), ("usual_error", float(self._usual[k] * known.scale[k])))
        if not is_far:
            words = f"`{tag}` is within {abs(by):.3g}{unit} of the model as it was learned again"
            return Finding("adaptation", tag, Severity.INFO, words, "", numbers)
        days = max((t_ns - int(adapted.since_ns[k])) / DAY_NS, 0.0)
        words = (
            f"what is expected of `{tag}` has moved by {by:+.3g}{unit} in {days:.0f} days since {date(int(adapted.since_ns[k]))}, "
            f"{abs(by) / numbers[1][1]:.1f} times its usual error: the plant has changed, or is being taught to accept a lie; "
            "learn again from readings you trust"
        )
        return Finding("adaptation", tag, Severity.MEDIUM, words, TECHNIQUE, numbers)

    def _words(self, k: int, kind: int, m: Moment) -> tuple[str, tuple[tuple[str, float], ...]]:
        known, unit = self._learned.columns, self._units[k]
        value = float(m.values[k])
        broken = reason(self._learned, self._units, k, m.exact)
        if broken:
            return broken, (("value", value),)
        if k in known.constant:
            stood = float(self._learned.ends[0, k])
            return f"is {value:.6g}{unit}; it stood at {stood:.6g}{unit} all through training", (
                ("value", value),
                ("expected", stood),
            )
        if k not in self._part or not np.isfinite(value):
            return "departs from what was learned", (("value", value),)
        within, named = self._expectation(k, m)
        expected = value - float(m.error[k])
        numbers = (("value", value), ("expected", expected), ("within", within))
        if kind == DRIFT:
            words = (
                f"has been off on one side, or noisier, for longer than ever in training: now {value:.6g}{unit}, "
                f"expected is {expected:.6g}{unit} from {named}"
            )
        elif abs(m.error[k]) <= within:
            words = (
                f"reads {value:.6g}{unit}; its last readings together hardly fit {named}: now {expected:.6g}{unit} is "
                f"expected, give or take {within:.3g}{unit}"
            )
        else:
            words = f"reads {value:.6g}{unit}, expected is {expected:.6g}{unit}, give or take {within:.3g}{unit}, from {named}"
        return words, numbers

    def _expectation(self, k: int, m: Moment) -> tuple[float, str]:
        """How far 98 of 100 rows are off at most, in the tag's unit; and the tags that say most of the estimate."""
        known, kernel = self._learned.columns, self._kernels[self._part[k]]
        tags = kernel.part.tags
        n, count = int(np.searchsorted(tags, k)), len(tags)
        rows = np.where(np.isfinite(m.values), m.values, m.before)
        rows = np.where(np.isfinite(rows), rows, known.mean)
        two = np.vstack((np.where(np.isfinite(m.before), m.before, rows), rows))
        estimates = kernel.of(kernel.states(two)[0], is_rare=False)
        scaled = design.scaled(known, two)[:, tags]
        said = np.abs(estimates.weights[:, n] * np.concatenate((scaled[1], scaled[0])))
        of = said[:count] + said[count:]
        order = np.argsort(-of, kind="stable")[:SHOWN]
        names = [OWN if tags[j] == k else f"`{known.ids[tags[j]]}`" for j in order if of[j] > 0]
        q = float(known.scale[k] / estimates.per_q[n])
        return q, ", ".join(names) if names else "the time of day"


RULES: Final = ("residual", "drift", "operating_change", "adaptation")
_KINDS: Final = {
    ATTACK: ("residual", Severity.HIGH),
    DRIFT: ("drift", Severity.MEDIUM),
    CHANGE: ("operating_change", Severity.LOW),
}
