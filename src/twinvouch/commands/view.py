"""View: all that a stage of gate 4 may look at. Stages cannot reach the engine, the clock or chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Protocol

from twinvouch.core.command import Clamp, Command, Input
from twinvouch.core.context import Context, Table
from twinvouch.core.inventory import ClassRule, Limits, Point, Tag
from twinvouch.core.label import Label
from twinvouch.core.site import Site
from twinvouch.core.virtual import Axes


class Snapshot(Protocol):
    """What gate 4 asks of the frame: the last admitted value of each tag."""

    def label(self, tag_ids: Sequence[str], now_ns: int) -> Label:
        """One column per tag, as they count at `now_ns`; zeros for what was never seen."""
        ...

    def label_of(self, tag_id: str, now_ns: int) -> tuple[Axes, int]:
        """The same of one tag in plain numbers: its axes, and until when it is fresh."""
        ...

    def value(self, tag_id: str) -> float | None:
        """In engineering units; None where there is none."""
        ...

    def entry(self, tag_id: str) -> int:
        """Ledger index of the batch the value came from; -1 where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Moment:
    """What a label depends on besides what has it: the plant at `now_ns`, and what the principal read lately.

    `asked_ns`: when the gate first took it; earlier than `now_ns` where it is judged again.
    """

    site: Site
    frame: Snapshot
    context: Context
    reads: Mapping[str, tuple[int, ...]]
    now_ns: int
    asked_ns: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What a command or a piece of advice rests on: what it declares, what always counts, and who vouches for it."""

    principal: str
    signed: bool
    inputs: tuple[Input, ...]
    mandatory: tuple[str, ...]
    max_age_ns: int  # of a declared input
    key: bytes = b""  # id of the key that signed it; empty: a token, or not known
    id: str = ""  # of the command or the advice: what is disavowed is known by it
    estimable: tuple[str, ...] = ()  # mandatory ones that a virtual sensor may stand in for


@dataclass(frozen=True, slots=True)
class View:
    """One command, judged at `now_ns`, and everything its decision may depend on.

    `reads`: tags the proposing service read lately, with the worst axes seen then. `approvals`:
    principals whose approving statements verified. `asked_ns`: when the gate first took the command;
    earlier than `now_ns` where a held command is judged again.
    """

    command: Command
    site: Site
    frame: Snapshot
    context: Context
    reads: Mapping[str, tuple[int, ...]]
    approvals: frozenset[str]
    now_ns: int
    asked_ns: int
    key: bytes = b""  # id of the key that signed the command; empty: a token, or not known
    clamp: Clamp | None = None  # `command` has its value, in the place of the one that was proposed
    is_safe: bool = False  # a listed safe action: what is not known refuses nothing
    is_listed: bool = False  # that, or one of the core: no step down for want of trust stops it
    # worked out once a decision: what each actuator may be at now, and its permits within a window
    known: dict[str, tuple[float, ...]] = field(default_factory=dict, repr=False, compare=False)
    permits: dict[tuple[str, int], Table] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_again(self) -> bool:
        """True where a command that was held is judged again."""
        return self.asked_ns < self.now_ns

    @property
    def moment(self) -> Moment:
        """All but the command."""
        return Moment(self.site, self.frame, self.context, self.reads, self.now_ns, self.asked_ns)

    @property
    def target(self) -> "Target | None":
        """The actuator the command is for; None where it is not one that twinvouch may write to."""
        tag = self.site.plant.tags.get(self.command.tag)
        if tag is None or tag.command_class is None or tag.limits is None or tag.point is None:
            return None
        rule = self.site.plant.classes.get(tag.command_class)
        return None if rule is None else Target(tag, tag.limits, tag.point, rule)


@dataclass(frozen=True, slots=True)
class Target:
    """An actuator with everything that a write needs: limits, an address and the demands of its class."""

    tag: Tag
    limits: Limits
    point: Point
    rule: ClassRule

    @property
    def letter(self) -> str:
        """Its class."""
        return self.tag.command_class.value if self.tag.command_class else "?"

    def claim(self, command: Command, key: bytes = b"") -> Claim:
        """What `command`, which is for this actuator and was signed with `key`, rests on."""
        signed, age, always = command.signed, self.rule.max_age_ns, mandatory(self.tag)
        who, declared, instead = command.principal, command.inputs, estimable(self.tag)
        return Claim(who, signed, declared, always, age, key, command.id, instead)


def estimable(tag: Tag) -> tuple[str, ...]:
    """Mandatory tags that a virtual sensor may stand in for: those of which no rule but the interlock reads the value.

    Rules over the past look at what sequences and joint groups name as it was read, so there its own label counts.
    """
    limits = tag.limits
    if limits is None:
        return ()
    named = dict.fromkeys((*limits.controlled, *limits.interlock_tags))
    return tuple(t for t in named if t != tag.id and t not in limits.past.tags)


def mandatory(tag: Tag) -> tuple[str, ...]:
    """Tags whose trust counts in every command to this actuator (R7): all whose values decide whether it is allowed.

    They are its controlled variables, what its interlock reads, what sequences and joint groups look at, and itself where
    its rate, its past or a group is limited, or it is clamped: who tells where it is says which step is a small one.
    """
    limits = tag.limits
    if limits is None:
        return ()
    is_own = limits.rate < inf or limits.past.is_from_present or limits.clamps
    own = (tag.id,) if is_own else ()
    named = (*limits.controlled, *limits.interlock_tags, *limits.past.tags, *own)
    return tuple(dict.fromkeys(named))
