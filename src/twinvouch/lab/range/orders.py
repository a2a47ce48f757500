"""What a hostile service orders, with a good key and true inputs: only what it wants is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

from twinvouch.lab.range.plants import Wish
from twinvouch.lab.range.scenario import Moment


@dataclass(frozen=True, slots=True)
class Repeats:
    """All these writes, every so many steps, where they are not what is so already."""

    writes: tuple[tuple[str, float], ...]
    every: int = 3

    def wishes(self, at: Moment) -> Sequence[Wish]:
        """As Orders."""
        if at.since % self.every:
            return ()
        return [Wish(t, value, (t,)) for t, value in self.writes if at.honest[-1][t] != value]


@dataclass(frozen=True, slots=True)
class Ramps:
    """Each of these by strength less (or more) every so many steps, from where it is, until `last`."""

    tags: tuple[str, ...]
    sign: float
    last: float
    every: int = 2

    def wishes(self, at: Moment) -> Sequence[Wish]:
        """As Orders."""
        if at.since % self.every:
            return ()
        found = []
        for tag in self.tags:
            now = at.honest[-1][tag]
            value = now + self.sign * at.strength
            value = max(value, self.last) if self.sign < 0 else min(value, self.last)
            if value != now:
                found.append(Wish(tag, round(value, 4), (tag,)))
        return found


@dataclass(frozen=True, slots=True)
class Cycles:
    """Each of these off and on again, a step each."""

    tags: tuple[str, ...]
    low: float = 0.0
    high: float = 1.0

    def wishes(self, at: Moment) -> Sequence[Wish]:
        """As Orders."""
        value = self.low if at.since % 2 == 0 else self.high
        return [Wish(tag, value, (tag,)) for tag in self.tags]
