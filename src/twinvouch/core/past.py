"""Past: what must have been, or must not have been, before an actuator may be written again.

0 is off, anything else on. Every rule is optional; a window that is 0 switches its rule off. Times in ns.
"""

from dataclasses import dataclass
from math import ceil, inf

HOUR_NS = 3_600_000_000_000
_LITTLE = 1e-9  # that the product of a share may be off


def kept(reserve: float, most: int) -> int:
    """How many of `most` this share keeps, rounded up."""
    return ceil(reserve * most - _LITTLE)


@dataclass(frozen=True, slots=True)
class Steady:
    """A tag that must have been at `low..high` (its unit) for `for_ns` before the actuator is switched or kept on."""

    name: str
    tag: str
    low: float
    high: float
    for_ns: int

    @property
    def key(self) -> str:
        """What is remembered of it, so that another range of the same tag is another thing."""
        return f"{self.tag}|{self.low!r}|{self.high!r}"


@dataclass(frozen=True, slots=True)
class Joint:
    """What an actuator must be together with `others`, in one unit: bounds of the sum, of a difference, starts apart."""

    name: str
    others: tuple[str, ...]
    low_sum: float = -inf
    high_sum: float = inf
    difference: float = inf
    apart_ns: int = 0


@dataclass(frozen=True, slots=True)
class Past:
    """Rules over an actuator's permits: `travel` units an hour, writes and starts an hour, dwell, net movement.

    `reserve` is the share (0 to 1) of travel, writes and starts that is kept for persons and the services of `reserved_for`.
    """

    travel: float = inf
    writes: int = 0
    starts: int = 0
    dwell_on_ns: int = 0
    dwell_off_ns: int = 0
    ramp: float = inf  # units that it may have moved within `ramp_ns`, in all
    ramp_ns: int = 0
    after: tuple[Steady, ...] = ()
    joints: tuple[Joint, ...] = ()
    reserve: float = 0.0
    reserved_for: tuple[str, ...] = ()

    @property
    def window_ns(self) -> int:
        """How far back its own permits count."""
        hour = HOUR_NS if self.travel < inf or self.writes or self.starts else 0
        return max(hour, self.dwell_on_ns, self.dwell_off_ns, self.ramp_ns)

    @property
    def is_from_present(self) -> bool:
        """True where what the actuator itself reads decides: how far a step is, and whether it is a start."""
        is_moving = self.travel < inf or self.ramp < inf or bool(self.joints)
        return is_moving or bool(self.starts or self.dwell_on_ns or self.dwell_off_ns)

    @property
    def tags(self) -> tuple[str, ...]:
        """Other tags whose readings decide: their trust counts in every command (R7)."""
        named = (*(s.tag for s in self.after), *(t for j in self.joints for t in j.others))
        return tuple(dict.fromkeys(named))
