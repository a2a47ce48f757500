"""Command, Decision, Permit, Outcome: a proposed write and what became of it.

Only `commands/permit.py` makes a Permit (an AST test holds that); the boundary that counts is the
permit's signature, which the separate actuator process checks.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from twinvouch.core.inventory import Encoding, Table
from twinvouch.core.word_order import WordOrder

CORE: Final = "core"  # the principal of what the core itself commands or advises


@dataclass(frozen=True, slots=True)
class Input:
    """A declared input of a command: the tag and the ledger index of the batch its value came from."""

    tag: str
    entry: int


@dataclass(frozen=True, slots=True)
class Command:
    """A proposed write of `value` (engineering units) to the actuator `tag` by `principal`.

    `id` is the hex of the 16-byte nonce; `signed` is False where only an API token vouches for it.
    """

    id: str
    principal: str
    tag: str
    value: float
    unit: str
    made_ns: int
    inputs: tuple[Input, ...] = ()
    reason: str = ""
    signed: bool = True


class Verdict(StrEnum):
    """What a decision says."""

    ALLOW = "allow"
    CLAMP = "clamp"
    HOLD = "hold"
    DENY = "deny"
    FALLBACK = "fallback"


STRICTEST_FIRST = (Verdict.DENY, Verdict.FALLBACK, Verdict.HOLD, Verdict.CLAMP, Verdict.ALLOW)


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule's verdict, why in one sentence with numbers, and what would have been allowed."""

    rule: str
    verdict: Verdict
    sentence: str
    counterfactual: str = ""


@dataclass(frozen=True, slots=True)
class Clamp:
    """`value` is judged in the place of the `proposed` one: the nearest that the rules `by` allow."""

    proposed: float
    value: float
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a command came from: `name` (a tag, a principal, a key) and why it counts as `axes`.

    `entry` is the ledger index of the batch that a tag's value came from; -1 where there is none.
    """

    name: str
    axes: tuple[int, int, int, int]
    why: str = ""
    entry: int = -1


@dataclass(frozen=True, slots=True)
class Margin:
    """What look-ahead foresaw, in numbers: how near `quantity` comes to its limits, as a share of its range.

    `share` is negative beyond a limit; `at_s` when the first member leaves, -1 where none does; `allowed` the nearest value that would do.
    """

    model: str
    quantity: str
    share: float
    at_s: float
    horizon_s: float
    members: int
    residual: float
    allowed: float | None


@dataclass(frozen=True, slots=True)
class Basis:
    """What a decision rests on, for whoever asks why; kept with it, since a moment later all of it may be different.

    `parts` are the weakest of `count` inputs, measured against `demands` (by axis) of class `letter`; `rung` is the mode of the asset.
    """

    letter: str
    demands: tuple[int, int, int, int]
    rung: int
    parts: tuple[Part, ...]
    count: int
    margin: Margin | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The strictest of all reasons, in the order the rules spoke. `axes` is the effective label."""

    command: str
    verdict: Verdict
    reasons: tuple[Reason, ...]
    axes: tuple[int, int, int, int]
    parents: tuple[int, ...]  # ledger indices of the effective derivation
    approvals: int = 0
    approvals_needed: int = 0
    basis: Basis | None = None  # None: denied before anything was weighed
    clamp: Clamp | None = None  # None: it is about the value that was proposed

    @property
    def permits(self) -> bool:
        """True where a permit follows: of what was proposed, or of the clamped value."""
        return self.verdict is (Verdict.ALLOW if self.clamp is None else Verdict.CLAMP)

    def value_of(self, command: Command) -> float:
        """What would be written, or is."""
        return command.value if self.clamp is None else self.clamp.value

    @property
    def why(self) -> str:
        """The sentence of the first reason as strict as the verdict."""
        first = self._first
        return "no rule objected" if first is None else first.sentence

    @property
    def rule(self) -> str:
        """The rule of that reason; empty where there is none."""
        first = self._first
        return "" if first is None else first.rule

    @property
    def _first(self) -> Reason | None:
        return next((r for r in self.reasons if r.verdict is self.verdict), None)


class CommandStatus(StrEnum):
    """Life of a command. UNKNOWN: the actuator died between spending and confirming; never re-sent."""

    HELD = "held"
    DENIED = "denied"
    REJECTED = "rejected"
    EXPIRED = "expired"
    PERMITTED = "permitted"
    EXECUTED = "executed"
    REFUSED = "refused"  # by the actuator
    FAILED = "failed"  # device error, or read-back differs
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Permit:
    """The single-use right to write these words to this place, until `expires_ns` (wall clock)."""

    plant: str
    command: str
    tag: str
    device: str
    unit: int
    table: Table
    address: int
    words: tuple[int, ...]
    encoding: Encoding
    config_digest: bytes
    policy_digest: bytes
    approvals_digest: bytes
    decision: int  # ledger index
    mode_epoch: int
    nonce: bytes
    expires_ns: int
    order: WordOrder = WordOrder.BIG_ENDIAN
    bit: int | None = None  # of a bit inside a register


class OutcomeStatus(StrEnum):
    """What the actuator says became of a permit."""

    EXECUTED = "executed"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The actuator's signed report: `read_back` are the words found afterwards (empty: none)."""

    permit: bytes  # nonce
    status: OutcomeStatus
    read_back: tuple[int, ...]
    sentence: str
    at_ns: int
