"""The plant's own control: a float switch keeps a tank between its marks, cycle after cycle, whatever runs beside it.

Nothing of twinvouch reads or commands it. The tank runs dry within minutes where nobody switches the pump on, and runs over where
nobody switches it off: that its level is inside its limits and its cycles go on says that the plant is controlled.
"""

from dataclasses import dataclass
from typing import Final

from twinvouch.lab.drill.words import number, words_of

ADDRESS: Final = 900  # input registers: cycles (two words), level (f32), cycles outside the limits
WORDS: Final = 5
EVERY_S: Final = 0.1
LOW, HIGH = 1.0, 9.0  # m, limits
_ON_M, _OFF_M = 4.5, 5.5
_FILLS_M_S, _DRAINS_M_S = 0.06, 0.02


@dataclass(frozen=True, slots=True)
class Said:
    """What its registers say: how many cycles there were, of them outside the limits; level in m."""

    cycles: int
    level: float
    outside: int


class FloatSwitch:
    """`cycle` once every `EVERY_S` or so; the tank goes by the time that has passed."""

    def __init__(self) -> None:
        self.level = (LOW + HIGH) / 2
        self.is_on = False
        self.cycles = 0
        self.outside = 0

    def cycle(self, seconds: float) -> None:
        """Look at the level after so many seconds, and switch."""
        self.level += seconds * (_FILLS_M_S * self.is_on - _DRAINS_M_S)
        self.is_on = self.level < _ON_M or (self.is_on and self.level < _OFF_M)
        self.outside += not LOW <= self.level <= HIGH
        self.cycles += 1

    def words(self) -> tuple[int, ...]:
        """Its registers from `ADDRESS` on."""
        cycles = self.cycles >> 16 & 0xFFFF, self.cycles & 0xFFFF
        return *cycles, *words_of(self.level), min(self.outside, 0xFFFF)


def said(words: tuple[int, ...]) -> Said:
    """What was read."""
    return Said(words[0] << 16 | words[1], number(words[2], words[3]), words[4])
