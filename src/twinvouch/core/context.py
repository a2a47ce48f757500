"""Context: what the engine knows and passes INTO the gates, so that gates need not know each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan
from typing import Any, Final

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


OPEN: Final = 2**63 - 1  # nobody has reported on it: it ends later than everything
Table = NDArray[Any]
_COLUMNS: Final = np.dtype(
    [
        ("permit", "i8"),  # ledger index, rising
        ("issued_ns", "i8"),
        ("end_ns", "i8"),  # when it was carried out at the latest; OPEN while that is not over
        ("value", "f8"),
        ("least", "f8"),  # of what the actuator could be at when it was issued; NaN: nobody knows
        ("most", "f8"),
        ("is_void", "?"),
        ("on", "?"),  # it may have switched the actuator on
        ("off", "?"),
    ]
)


@dataclass(frozen=True, slots=True, eq=False)
class Writes:
    """Permits of one actuator, oldest first, and the same as columns: rules ask for sums and extremes of hundreds.

    `table` has a row for each of `rows`, with the fields of `_COLUMNS`.
    """

    rows: tuple[ActuatorWrite, ...]
    table: Table

    @staticmethod
    def of(rows: tuple[ActuatorWrite, ...]) -> "Writes":
        """Of these rows."""
        table = np.empty(len(rows), _COLUMNS)
        for n, write in enumerate(rows):
            table[n] = _row(write)
        return Writes(rows, table)

    def place(self, permit: int) -> tuple[int, bool]:
        """Where this permit is, or would be; and whether it is there."""
        n = int(np.searchsorted(self.table["permit"], permit))
        return n, n < len(self.rows) and self.rows[n].permit == permit

    def taking(self, write: ActuatorWrite) -> "Writes":
        """With one more, or in the place of the one with its permit; no other row is read again."""
        n, is_there = self.place(write.permit)
        rows = (*self.rows[:n], write, *self.rows[n + is_there :])
        own = np.array([_row(write)], _COLUMNS)
        return Writes(rows, np.concatenate((self.table[:n], own, self.table[n + is_there :])))

    def at(self, places: NDArray[np.int64]) -> "Writes":
        """Of these places, in their order."""
        return Writes(tuple(self.rows[n] for n in places.tolist()), self.table[places])


NO_WRITES: Final = Writes.of(())


def _row(w: ActuatorWrite) -> tuple[int, int, int, float, float, float, bool, bool, bool]:
    end_ns = (w.spent_ns or w.expires_ns) if w.is_over else OPEN
    least, most = (w.before[0], w.before[-1]) if w.before else (nan, nan)
    may_on, may_off = not w.before or 0.0 in w.before, not w.before or least != 0 or most != 0
    on, off = w.value != 0 and may_on, w.value == 0 and may_off
    return w.permit, w.issued_ns, end_ns, w.value, least, most, w.is_void, on, off


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

    columns: Mapping[str, Writes] = field(default_factory=dict)  # of `writes`, by who keeps them

    def writes_of(self, tag: str) -> Table:
        """The permits for `tag` as columns."""
        rows, known = self.writes.get(tag, ()), self.columns.get(tag)
        return known.table if known is not None and known.rows is rows else Writes.of(rows).table

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
