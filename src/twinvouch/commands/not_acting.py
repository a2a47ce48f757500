"""not_acting: the plant leaves its limits because no command comes, while something could still be done.

The same runs as of a command, and the same rule: of each member all that is set stays so, and a backup law takes over at
once. Near is who leaves within `warn_s` where some law would keep every member from going further out than it does so, and
lets one of the near ones go less far. Anything but a whole, certified answer is none: it moves nothing.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from twinvouch.commands.compared import SLACK, leaves
from twinvouch.commands.lookahead import unusable
from twinvouch.core.lookahead import Foresight, Prediction
from twinvouch.core.watchdog import Watchdog

NAMES = ("not_acting",)
TECHNIQUE: Final = "T0880"  # loss of safety
_CALM: Final = 1.5  # times `warn_s`: who leaves later than that is near no more


class Outlook(StrEnum):
    """What comes of no command: nothing soon, limits passed though a law could help, or whatever is done."""

    CALM = "calm"
    BETWEEN = "between"  # not near, and not so far from it that a finding ends
    NEAR = "near"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What an answer says: in how many seconds which quantity leaves at the earliest, in `near` of `members`."""

    outlook: Outlook
    at_s: float = 0.0
    quantity: str = ""
    near: int = 0
    members: int = 0
    law: str = ""  # that would help
    worst: float = 0.0  # share of the limited range


def look(watchdog: Watchdog, prediction: Prediction) -> Foreseen | str:
    """What is foreseen; a sentence where that is not known."""
    asked, seen = prediction.asked, prediction.foresight
    why = prediction.why or unusable(watchdog.ahead, asked, seen)
    if why or seen is None:
        return why or "nothing came"
    laws = len(seen.laws)
    idle = seen.commands[::laws]
    near = [m for m, b in enumerate(idle) if leaves((b,)) and b.at_s <= watchdog.warn_s]
    if not near:
        is_calm = not any(leaves((b,)) and b.at_s <= _CALM * watchdog.warn_s for b in idle)
        return Foreseen(Outlook.CALM if is_calm else Outlook.BETWEEN, members=len(idle))
    first = min((idle[m] for m in near), key=lambda b: b.at_s)
    law = next((seen.laws[k] for k in range(laws) if _helps(seen, k, near)), "")
    outlook = Outlook.NEAR if law else Outlook.LOST
    worst = max(idle[m].worst for m in near)
    return Foreseen(outlook, first.at_s, first.quantity, len(near), len(idle), law, worst)


def sentence(watchdog: Watchdog, seen: Foreseen) -> str:
    """For people."""
    when = f"in {seen.at_s / 60:.3g} min" if seen.at_s > 0 else "now"
    what = (
        f"without a command `{seen.quantity}` leaves its limits {when}, by {seen.worst:.1%} of its range, in {seen.near} of "
        f"{seen.members} members of model `{watchdog.ahead.model}`"
    )
    if seen.outlook is Outlook.LOST:
        return f"{what}; no backup law at once does better in all of them"
    return f"{what}; backup law `{seen.law}` at once would keep it from that"


def _helps(seen: Foresight, law: int, near: list[int]) -> bool:
    """No member goes further out by this law than with nothing done, and a near one less far."""
    laws = len(seen.laws)
    pairs = [(seen.commands[m * laws].worst, seen.backups[m * laws + law].worst) for m in range(len(seen.commands) // laws)]  # fmt: skip
    is_never_worse = all(with_law <= max(0.0, idle) + SLACK for idle, with_law in pairs)
    return is_never_worse and any(pairs[m][1] < pairs[m][0] - SLACK for m in near)
