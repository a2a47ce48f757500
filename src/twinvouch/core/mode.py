"""Mode: how much the twin may do to one asset, from autonomous down to isolated; and the rules by which it moves.

Down goes fast: one person, or a rule, one rung at a time. Up goes a person, with a reason, after a dwell, never beyond the
highest rung that the configuration allows. What a rule took down for a cause that can be seen to be over goes back by
evidence. Time alone only lowers: autonomy ends, nothing else does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum

from twinvouch.core.inventory import CommandClass

SECOND = 1_000_000_000


class Rung(IntEnum):
    """The ladder; a higher number lets the twin do less."""

    AUTONOMOUS = 0
    SUPERVISED = 1
    ADVISORY = 2
    READ_ONLY = 3
    ISOLATED = 4

    @property
    def label(self) -> str:
        """As people write it: `read-only`."""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, slots=True)
class Stepped:
    """A rule took the asset down from `back`. It returns when all `causes` (tags) count again; without any, only a person raises it.

    `whole_ns`: since when all of them count; 0 while they do not.
    """

    back: Rung
    causes: tuple[str, ...] = ()
    whole_ns: int = 0


@dataclass(frozen=True, slots=True)
class Mode:
    """The rung of an asset and its epoch: a permit of an older epoch is void.

    `until_ns` is when autonomy ends; 0 elsewhere. `why` and `by` are of the last change, `entry` its ledger index. `asked`
    is the first of the two persons that autonomy takes: who, the digest that was shown, until when, the entry. `day` and
    `steps` count automatic steps down in a day since 1970.
    """

    rung: Rung = Rung.SUPERVISED
    epoch: int = 0
    since_ns: int = 0
    until_ns: int = 0
    by: str = ""
    why: str = ""
    entry: int = -1
    stepped: Stepped | None = None
    asked: tuple[str, bytes, int, int] | None = None
    day: int = 0
    steps: int = 0


@dataclass(frozen=True, slots=True)
class ModeRules:
    """`modes:` and `highest_mode` of the configuration. Times in ns."""

    dwell_ns: int = 300 * SECOND  # a person raises an asset no sooner after its last change
    autonomous_ns: int = 12 * 3600 * SECOND  # autonomy ends after this at the latest
    autonomous_classes: frozenset[CommandClass] = frozenset({CommandClass.C})  # without approvals
    down_per_day: int = 10  # automatic steps of one asset
    on_distrust: frozenset[CommandClass] = frozenset()  # whose inputs take their asset down
    return_ns: int = 600 * SECOND  # so long causes have to be over
    glass_ns: int = 1800 * SECOND  # break-glass is over after this at the latest; 0: there is none
    misuses: int = 0  # of keys, an hour and asset, beyond which it goes down; 0: it does not
    highest: Mapping[str, Rung] = field(default_factory=dict)  # by asset; supervised elsewhere


def within(mode: Mode, highest: Rung) -> Mode:
    """The mode, no higher than the configuration allows, whatever was set under another one."""
    return mode if mode.rung >= highest else replace(mode, rung=highest)
