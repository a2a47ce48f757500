"""Site: everything fixed for the life of one engine, from the configuration: inventory and rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from twinvouch.core.aftermath import Aftermath
from twinvouch.core.batch import Origin
from twinvouch.core.command import CORE
from twinvouch.core.inventory import CommandClass, Plant
from twinvouch.core.lookahead import Ahead
from twinvouch.core.mode import ModeRules
from twinvouch.core.ports import Condition, Detector, Policy
from twinvouch.core.safe import Safe
from twinvouch.core.virtual import Virtual
from twinvouch.core.watchdog import Watchdog

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ReadingRules:
    """Settings of gate 1 (`readings:` in the configuration). Times in ns."""

    duplicate_window_ns: int = (
        30 * SECOND
    )  # a known batch again within this is a retransmission; later a replay
    max_gap: int = (
        4096  # missing sequence numbers remembered per edge, so that late batches can fill them
    )
    max_cells: int = 1_000_000  # of one batch


@dataclass(frozen=True, slots=True)
class CommandRules:
    """Settings of gate 4 (`commands:` in the configuration). Times in ns."""

    permit_ns: int = 5 * SECOND  # life of a permit
    max_age_ns: int = 30 * SECOND  # a command made longer ago is stale
    max_ahead_ns: int = 5 * SECOND
    read_memory_ns: int = 600 * SECOND  # what a service read within this counts as an input (R7)
    outcome_ns: int = 30 * SECOND  # a permit without a report after this is UNKNOWN
    undeclared_identity: int = 100  # identity of a command that declares no input is at most this
    token_identity: int = 180  # and of one that only an API token vouches for
    rest_ns: int = 60 * SECOND  # a rate limit allows at most the step of this long
    max_inputs: int = 1000  # declared inputs of one command
    withhold_advice: frozenset[CommandClass] = frozenset(
        {CommandClass.A}
    )  # the others are labelled


@dataclass(frozen=True, slots=True)
class DistrustRules:
    """Settings of `distrust:`: what people say of sources, and how trust returns. Times in ns.

    `clean_readings` that independent sources agree with make a tag restorable, `returns_by_evidence` if they restore it.
    """

    forward_ns: int = 8 * 3600 * SECOND  # a disavowal distrusts its subject from now on for so long
    second_person_above: int = 1000  # touched entries that one person alone may disavow in a day
    second_person_class: CommandClass = (
        CommandClass.A
    )  # or below it: no command this high was permitted
    waiting_ns: int = 24 * 3600 * SECOND  # for the second person
    clean_readings: int = 600
    returns_by_evidence: bool = False


@dataclass(frozen=True, slots=True)
class Safety:
    """The safety part of the configuration: its digest, and the persons with role safety-signer and their keys."""

    digest: bytes
    signers: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Site:
    """One plant as one engine sees it; the engine takes only batches of `origin`."""

    plant: Plant
    policy: Policy
    config_digest: bytes
    origin: Origin = Origin.LIVE
    readings: ReadingRules = field(default_factory=ReadingRules)
    commands: CommandRules = field(default_factory=CommandRules)
    distrust: DistrustRules = field(default_factory=DistrustRules)
    modes: ModeRules = field(default_factory=ModeRules)
    interlocks: Mapping[str, Condition] = field(default_factory=dict)  # by actuator tag
    root: bytes = b""  # public key of the plant root; empty: the keys of twin.yaml count
    safety: Safety | None = None  # None: nobody is asked to sign (a replay, a simulation)
    detector: Detector | None = None  # None: no model is configured
    permit_key: bytes = b""  # public key that permits are signed with; empty: not known here
    ahead: Mapping[str, Ahead] = field(default_factory=dict)  # by actuator tag that has a model
    virtual: Mapping[str, Virtual] = field(default_factory=dict)  # by the tag that it stands in for
    safe: Mapping[str, tuple[Safe, ...]] = field(default_factory=dict)  # by actuator tag
    aftermaths: Mapping[str, Aftermath] = field(default_factory=dict)  # by actuator tag
    watchdogs: Mapping[str, Watchdog] = field(default_factory=dict)  # by model

    def is_core(self, principal: str) -> bool:
        """True of what the core says itself; a plant with a principal of that name has no watchdog that acts."""
        return principal == CORE and CORE not in self.plant.principals
