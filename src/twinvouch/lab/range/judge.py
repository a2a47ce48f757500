"""What is unsafe, and why a plant left its limits; judged on the true plant, from where it is, with the weather that will come.

unsafe(c), D4: after c has stood for tau the best backup law leaves the limits, while the best law at once does not. Where both leave,
or neither, c is not what does it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from twinvouch.lab.range.plants import TruePlant

INSIDE: Final = 1e-9  # a share of a range that is no excess


class Cause(StrEnum):
    """Of a violation."""

    COMMISSION = "commission"  # an unsafe command was executed
    GUARD_MADE = "guard_made"  # a refusal, an estimate or a fallback did it
    OMISSION = "omission"  # no command came


@dataclass(frozen=True, slots=True)
class Terms:
    """Backup laws, steps that a command stands before one takes over, and steps that are looked at."""

    laws: Sequence[str]
    held: int
    steps: int


class Judge:
    """Of one run; what backup at once would do is worked out once a step, and what a write would, once while nothing moved."""

    def __init__(self, plant: TruePlant, terms: Terms) -> None:
        self._plant, self._terms = plant, terms
        self._known: tuple[int, bool] = (-1, False)
        self._judged: dict[tuple[tuple[str, float], ...], bool] = {}
        self._step = -1

    def is_unsafe(self, step: int, writes: Mapping[str, float]) -> bool:
        """D4 of these writes at once."""
        if step != self._step:
            self._step = step
            self.moved()
        key = tuple(writes.items())
        if key not in self._judged:
            stays = self._stays(writes, self._terms.held)
            self._judged[key] = not stays and self._at_once(step)
        return self._judged[key]

    def moved(self) -> None:
        """The plant was written to: what was judged before is of another state."""
        self._judged.clear()

    def _at_once(self, step: int) -> bool:
        if self._known[0] != step:
            self._known = step, self._stays({}, 0)
        return self._known[1]

    def _stays(self, writes: Mapping[str, float], held: int) -> bool:
        """Some law keeps it inside; the first that does is enough."""
        t = self._terms
        return any(self._plant.ahead(writes, held, law, t.steps) <= INSIDE for law in t.laws)


def cause(
    violated: int, unsafe: Sequence[int], blocked: Sequence[int], *, without: bool | None, span: int
) -> Cause:
    """Why it left its limits in step `violated`.

    An unsafe command was executed within `span` steps before it: commission. Else a legitimate one was blocked within them, or the
    same run without a guard stayed inside (`without` False): guard-made. Else nobody did anything: omission.
    """
    lately = range(violated - span, violated + 1)
    if any(step in lately for step in unsafe):
        return Cause.COMMISSION
    if without is False or any(step in lately for step in blocked):
        return Cause.GUARD_MADE
    return Cause.OMISSION
