"""Every place where something from outside plugs in, as Protocols: adapters and extensions fit these."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.detection import Known, Rows, Verdict
from twinvouch.core.errors import TwinvouchError
from twinvouch.core.event import Plain
from twinvouch.core.lookahead import Course, Trace


@dataclass(frozen=True, slots=True)
class PolicyRequest:
    """May `principal` do `action` on `resource`? Context values are integers, strings or bools.

    `resource_type` is the policy language's entity type (Tag, Actuator, Model, Ledger, System).
    """

    principal: str
    principal_kind: str
    roles: frozenset[str]
    action: str
    resource_type: str
    resource: str
    attributes: Mapping[str, int | str | bool]
    context: Mapping[str, int | str | bool]


@dataclass(frozen=True, slots=True)
class PolicyAnswer:
    """`allowed` only where a permit policy said so; `why` names policies or what went wrong."""

    allowed: bool
    why: str


class Policy(Protocol):
    """Who may do what. Any error, missing attribute or silence is a denial."""

    @property
    def digest(self) -> bytes:
        """SHA-256 of the policy text and schema."""
        ...

    def decide(self, request: PolicyRequest) -> PolicyAnswer:
        """Answer one request; never raises."""
        ...


class Condition(Protocol):
    """A compiled interlock: an expression over tag values that must be true for a write."""

    @property
    def text(self) -> str:
        """The expression as written."""
        ...

    def holds(self, values: Mapping[str, float]) -> bool:
        """Evaluate on finite values; a value or tag that is missing is False, never an error."""
        ...


class Detector(Protocol):
    """What normal is, as gate 1 asks it: a model that was learned, over the tags of one plant. It keeps no state itself."""

    @property
    def model(self) -> str:
        """The name of the model; it counts while gate 2 has it admitted with `digest`."""
        ...

    @property
    def digest(self) -> bytes:
        """SHA-256 over the model's files."""
        ...

    def follow(self, rows: Rows, known: Known) -> Verdict:
        """Judge rows that became live; pure."""
        ...


class Lookahead(Protocol):
    """A model of a plant that is stepped ahead of it: the same from the same start, whatever it did before.

    A plant's own is a class that is named in the configuration as `module:Class` and made with the bytes of its data
    file and its numbers by name. It runs in a worker process; `law` and `residual` also in the core, so they are pure.
    """

    @property
    def columns(self) -> tuple[str, ...]:
        """What a row tells of: all quantities of a start that it knows, all actuators, and what `residual` needs."""
        ...

    @property
    def actuators(self) -> tuple[str, ...]:
        """What can be set; columns, too."""
        ...

    @property
    def laws(self) -> tuple[str, ...]:
        """The backup laws that somebody has found safe for this plant."""
        ...

    def limits(self) -> Mapping[str, tuple[float, float]]:
        """What the plant can physically be, by limited quantity; limits of the configuration lie inside."""
        ...

    def restore(self, start: Mapping[str, float]) -> None:
        """Be exactly there. Raises ValueError for what is missing, not finite, or outside what can be."""
        ...

    def snapshot(self) -> Mapping[str, float]:
        """Where it is, for `restore`: restored, it goes on with equal bits."""
        ...

    def law(self, name: str, state: Mapping[str, float]) -> Mapping[str, float]:
        """What a backup law sets the actuators to in this state; pure."""
        ...

    def step(
        self, settings: Mapping[str, float], seconds: float, *, is_sampled: bool
    ) -> tuple[Sequence[float], Sequence[float]]:
        """Set actuators, go on for so long (0: stay), and give the row of the moment where it began.

        With it, where `is_sampled`, more of that moment for `residual`; nothing where a row tells all.
        """
        ...

    def residual(self, start: Mapping[str, float], trace: Trace, step_s: float) -> float:
        """The largest violation of physics in a run that somebody claims, as a share of what is usual; pure."""
        ...


class Together(Lookahead, Protocol):
    """A model that runs all members of a question at once, and says of all rows of a run at once what a law is there.

    For models in which a step is a matrix: what costs is Python, not arithmetic. The runs are those of `Lookahead.step`; a
    row tells all, and columns of actuators stand side by side.
    """

    def together(
        self, starts: Sequence[Mapping[str, float]], course: Course
    ) -> NDArray[np.float64]:
        """Rows float64[runs, steps + 1, columns] of runs from these starts. Raises ValueError as `restore`."""
        ...

    def law_rows(self, name: str, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """What a law sets in the state of each row: float64[rows, actuators], in their order; pure."""
        ...


class Signer(Protocol):
    """A private key that never leaves its adapter."""

    @property
    def public_key(self) -> bytes:
        """The raw public key: 32 bytes of Ed25519, or 65 of P-256 (uncompressed point)."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature: Ed25519, or ECDSA as r || s."""
        ...


class Log(Protocol):
    """The record of truth: append-only records, numbered from 0, in order, durable after `sync`."""

    def append(self, record: bytes) -> int:
        """Add a record and return its number; not durable before `sync` returns."""
        ...

    def sync(self) -> None:
        """Make everything appended durable."""
        ...

    def records(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Records from number `start`, in order."""
        ...

    def close(self) -> None:
        """Release the files; nothing is lost that was synced."""
        ...


@dataclass(frozen=True, slots=True)
class Group:
    """One commit: rows to set (None deletes), blobs to keep, leaves to append, log records consumed."""

    rows: Mapping[str, bytes | None]
    blobs: Sequence[tuple[bytes, bytes]]
    leaves: Sequence[tuple[int, bytes]]
    log_end: int  # number of the first log record that this state has not seen


class Leaves(Protocol):
    """The committed ledger entries, for reading."""

    def leaf_count(self) -> int:
        """How many leaves are committed."""
        ...

    def leaves(self, start: int, end: int) -> Sequence[bytes]:
        """Committed leaves start..end."""
        ...

    def close(self) -> None:
        """Release the store."""
        ...


class State(Protocol):
    """What the engine knows, committed in one transaction with its ledger leaves."""

    def load(self) -> tuple[Mapping[str, bytes], int]:
        """All rows, and `log_end` of the last commit."""
        ...

    def commit(self, group: Group) -> None:
        """All of it or nothing, in order; the log, synced before, is what makes it durable."""
        ...

    def leaf_count(self) -> int:
        """How many leaves are committed."""
        ...

    def leaves(self, start: int, end: int) -> Sequence[bytes]:
        """Committed leaves start..end."""
        ...

    def blob(self, digest: bytes) -> bytes | None:
        """Content by its SHA-256."""
        ...

    def close(self) -> None:
        """Release the store."""
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a broker; `is_retained`: it was kept there, and may be of any age."""

    topic: str
    payload: bytes
    is_retained: bool = False


class Device(Protocol):
    """A controller that is read and written: words for registers, 0 or 1 for coils."""

    async def read(self, unit: int, table: str, address: int, count: int) -> Sequence[int]:
        """Read `count` items."""
        ...

    async def write(self, unit: int, table: str, address: int, words: Sequence[int]) -> None:
        """Write items and return when the device confirmed."""
        ...

    async def mask(self, unit: int, address: int, keep: int, put: int) -> None:
        """Set a holding register to `(old & keep) | (put & ~keep)` in one step at the device."""
        ...


@runtime_checkable
class Identified(Protocol):
    """A device that can say who it is."""

    async def identify(self, unit: int) -> Mapping[int, bytes]:
        """What it says it is: texts by object id (vendor 0, product code 1, revision 2, ...)."""
        ...


@runtime_checkable
class Pipelined(Protocol):
    """A device that may have several reads on the way at once."""

    async def read_many(
        self, places: Sequence[tuple[int, str, int, int]]
    ) -> Sequence[Sequence[int] | TwinvouchError]:
        """Of each `(unit, table, address, count)` its items, or why it has none."""
        ...


class Transport(Protocol):
    """A way of bytes to the core: returns the status and the body of the answer."""

    async def send(self, path: str, body: bytes) -> tuple[int, Mapping[str, Plain]]:
        """Deliver once; raises UnavailableError where nothing answered."""
        ...
