"""Context: what the engine knows and passes INTO the gates, so that gates need not know each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.distrust import Hands
from twinvouch.core.genesis import Beginning
from twinvouch.core.glass import Glass
from twinvouch.core.keyring import Keyring
from twinvouch.core.lookahead import Prediction
from twinvouch.core.memo import Memo
from twinvouch.core.mode import Mode, Rung, within
from twinvouch.core.ports import Detector
from twinvouch.core.ticket import Ticket
from twinvouch.core.trusted import Trusted
from twinvouch.core.virtual import StandIn


@dataclass(frozen=True, slots=True)
class ActuatorWrite:
    """A permit for an actuator: the value it allows and how far it has come.

    `spent_ns` is 0 until the actuator reported EXECUTED; a pending permit may already be executed at
    the plant while its report is on the way. `is_over`: reported, or given up. `is_void`: the actuator
    says that it never carried it out. `before`, sorted, are the extremes, and 0 if it was one, of what the
    actuator could be at when the permit was issued; empty: nobody knows.
    """

    tag: str
    value: float
    issued_ns: int
    expires_ns: int
    spent_ns: int = 0
    is_over: bool = False
    permit: int = -1  # ledger index of the permit: tells two of the same moment apart
    is_void: bool = False
    before: tuple[float, ...] = ()

    def end_ns(self, now_ns: int) -> int:
        """When it was carried out at the latest: `now_ns` while that is not over."""
        return (self.spent_ns or self.expires_ns) if self.is_over else now_ns


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """An admitted batch that commands may still declare as an input, kept after newer ones came.

    `axes` uint8[4, K] are the worst of each column of the scan group.
    """

    group: str
    received_ns: int
    axes: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Context:
    """`writes` are the last permits by tag, newest last; `modes` by asset.

    `forgotten` says of a tag until when permits may be missing in `writes`, `forgotten_ns` of all; `steady`
    since when a tag has been where a sequence wants it, by `Steady.key`.
    """

    writes: Mapping[str, tuple[ActuatorWrite, ...]] = field(default_factory=dict)
    modes: Mapping[str, Mode] = field(default_factory=dict)
    distrusted: Mapping[str, int] = field(default_factory=dict)  # tag -> expiry, ns
    arrivals: Mapping[int, Arrival] = field(default_factory=dict)  # by ledger index of the batch
    ring: Keyring | None = None  # None: the keys of twin.yaml count
    withheld: tuple[tuple[str, str], ...] = ()  # why no permit is issued at all now: rule, sentence
    beginnings: Mapping[str, Beginning] = field(default_factory=dict)  # by edge
    is_disk_full: bool = False  # no room for what a command would leave behind
    memos: Mapping[str, Memo] = field(default_factory=dict)  # of gate 1: declared rules, detection
    detector: Detector | None = None  # None: no model is configured, or gate 2 has not admitted it
    tickets: tuple[Ticket, ...] = ()
    highest: Mapping[str, Rung] = field(default_factory=dict)  # by asset
    forgotten: Mapping[str, int] = field(default_factory=dict)  # tag -> ns
    forgotten_ns: int = -1
    steady: Mapping[str, int] = field(default_factory=dict)  # `Steady.key` -> ns
    glasses: tuple[Glass, ...] = ()  # asked for or open
    safe_used: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # `Safe.key` -> ns

    def complete_since(self, tag: str) -> int:
        """Every permit for `tag` that ended after this is in `writes`, ns."""
        return max(self.forgotten_ns, self.forgotten.get(tag, -1))

    distrusted_keys: Mapping[bytes, int] = field(default_factory=dict)  # key id -> expiry, ns
    hands: Mapping[str, Hands] = field(default_factory=dict)  # who signed what, by scan group
    disavowed: Mapping[str, int] = field(default_factory=dict)  # command or advice -> disavowal

    def is_bad_key(self, kid: bytes, now_ns: int) -> bool:
        """True while a person distrusts this key."""
        return self.distrusted_keys.get(kid, 0) > now_ns

    predictions: Mapping[str, Prediction] = field(
        default_factory=dict
    )  # by command, of this moment
    trusted: Mapping[str, Trusted] = field(
        default_factory=dict
    )  # by tag that look-ahead starts from
    virtual: Mapping[str, StandIn] = field(
        default_factory=dict
    )  # by tag that does not count now, and that is estimated without itself

    def mode_of(self, asset: str) -> Mode:
        """The mode of an asset; supervised, epoch 0, where none was set, and never above its highest."""
        return within(self.modes.get(asset, Mode()), self.highest.get(asset, Rung.SUPERVISED))
