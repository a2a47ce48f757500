"""Safe: an action on the list of an asset that two persons signed, which is not held for lack of trust in readings."""

from collections.abc import Mapping
from dataclasses import dataclass

DAY_S = 86_400
HOUR_NS = 3_600_000_000_000


@dataclass(frozen=True, slots=True)
class Safe:
    """`tag` set to exactly `value` (its unit), at most `per_hour` times in an hour.

    `windows` are seconds of the UTC day, from..to, in which it is on the list, over midnight where `to` is less; none:
    always. No reading decides on them: whoever lies to the twin cannot close them. `by` are the principals for whom it is on
    the list; none: whoever may propose. `digest` (32 bytes) is of the list.
    """

    asset: str
    tag: str
    value: float
    per_hour: int
    windows: tuple[tuple[int, int], ...] = ()
    digest: bytes = b""
    by: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What is remembered of it."""
        return f"{self.tag}|{self.value!r}"

    def is_for(self, principal: str) -> bool:
        """True where it is on the list for this principal."""
        return not self.by or principal in self.by

    def is_open(self, now_ns: int) -> bool:
        """True where it is on the list at this time of day."""
        second = now_ns // 1_000_000_000 % DAY_S
        inside = (_within(second, first, last) for first, last in self.windows)
        return not self.windows or any(inside)


def _within(second: int, first: int, last: int) -> bool:
    return first <= second < last if first <= last else second >= first or second < last


def lately(used: Mapping[str, tuple[int, ...]], safe: Safe, now_ns: int) -> tuple[int, ...]:
    """When it was admitted within the last hour, ns, oldest first."""
    return tuple(at for at in used.get(safe.key, ()) if at > now_ns - HOUR_NS)
