"""How long a decision takes until it is durable and said, beside the time in which the disk makes it so.

A core with its threads and its files, one command after the other: signed, judged by every rule of gate 4 (look-ahead apart),
logged and synced. What counts is from the event in the inbox to the answer, less the time inside `sync` of the event log; what
else the core does meanwhile (state, ledger tiles) is ours and counts. Permits are reported at once, readings come every few commands.
"""

import queue
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np

from twinvouch.adapters.cedar import default_policy
from twinvouch.adapters.cel import CelCondition
from twinvouch.adapters.keys import SeededSigner
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.adapters.sqlite_state import SqliteState
from twinvouch.app.bench import decide
from twinvouch.app.bench.decide import LEVEL, PUMPS
from twinvouch.app.core import Core, Stores, salt
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.command import Command, Outcome, OutcomeStatus
from twinvouch.core.event import (
    BatchReceived,
    CommandProposed,
    Deliver,
    Effect,
    OutcomeReported,
    Priority,
)
from twinvouch.core.inventory import Edge, Plant, Principal, PrincipalKind
from twinvouch.core.kind import Kind, Purpose
from twinvouch.core.site import Site
from twinvouch.engine import Engine
from twinvouch.wire.batch import Header, columns_digest, write_batch
from twinvouch.wire.command import write_command
from twinvouch.wire.cose import seal
from twinvouch.wire.outcome import write_outcome
from twinvouch.wire.permit import read_permit

WARM_UP, MEASURED = 100, 900  # together what the memory of the two pumps holds
EVERY: Final = 25  # commands between two rows of readings
EDGE, ACTUATOR, TWIN = "edge-1", "actuator-1", "twin"
SIGNERS: Final = {n: SeededSigner(sha256(n.encode()).digest()) for n in (EDGE, ACTUATOR, "log")}
SIGNERS[TWIN] = decide.SIGNER
LOWEST, STEPS = 0.5, 5


class TimedSync:
    """A log that knows how long its last sync took; fits Log."""

    def __init__(self, log: SegmentLog) -> None:
        self._log, self.spent_ns = log, 0
        self.append, self.records, self.close = log.append, log.records, log.close

    def sync(self) -> None:
        """As the log's."""
        began = time.perf_counter_ns()
        self._log.sync()
        self.spent_ns += time.perf_counter_ns() - began


def run() -> dict[str, float | int]:
    """Milliseconds of `durable_command` (all of it), `durable_fsync` and `durable_minus_fsync`; how many were allowed."""
    with (
        tempfile.TemporaryDirectory(prefix="twinvouch-bench-") as name,
        _running(Path(name)) as (core, log, permits),
    ):
        whole, synced, allowed = _measured(core, log, permits)
    ours = [(w - s) / 1e6 for w, s in zip(whole, synced, strict=True)]
    parts = {
        "durable_command": [w / 1e6 for w in whole],
        "durable_fsync": [s / 1e6 for s in synced],
        "durable_minus_fsync": ours,
    }
    found: dict[str, float | int] = {}
    for part, values in parts.items():
        found[f"{part}_p50_ms"] = round(statistics.median(values), 3)
        found[f"{part}_p99_ms"] = round(float(np.percentile(values, 99)), 3)
    return {**found, "durable_commands": len(whole), "durable_commands_allowed": allowed}


Permits = queue.SimpleQueue[bytes]


@contextmanager
def _running(directory: Path) -> Iterator[tuple[Core, TimedSync, Permits]]:
    permits: Permits = queue.SimpleQueue()

    def leave(effect: Effect) -> None:
        if isinstance(effect, Deliver):
            permits.put(effect.content)

    state = SqliteState(directory / "state.db")
    log = TimedSync(SegmentLog(directory / "log", known=state.load()[1]))
    ledger = LedgerFiles(directory / "ledger", "bench/0", SIGNERS["log"])
    stores = Stores(log, state, ledger, state.reader())
    core = Core(Engine(_site()), stores, leave, directory / "models")
    core.start()
    try:
        yield core, log, permits
    finally:
        core.stop()


def _measured(core: Core, log: TimedSync, permits: Permits) -> tuple[list[int], list[int], int]:
    """Nanoseconds until each command was answered, and of them in `sync`; how many were allowed."""
    whole, synced, allowed, previous = list[int](), list[int](), 0, bytes(32)
    for n in range(WARM_UP + MEASURED):
        if n % EVERY == 0:
            previous = _read(core, n // EVERY, previous)
        raw = _command(n)
        before, began = log.spent_ns, time.perf_counter_ns()
        told = core.submit(Priority.COMMAND, CommandProposed(salt(), "", raw, "")).result()
        if n >= WARM_UP:
            whole.append(time.perf_counter_ns() - began)
            synced.append(log.spent_ns - before)
        if told.body["verdict"] == "allow":
            allowed += n >= WARM_UP
            _report(core, permits.get())
    return whole, synced, allowed


def _read(core: Core, number: int, previous: bytes) -> bytes:
    """A row of readings, all of them trusted; what the next one names as the one before it."""
    now, group = time.time_ns(), _plant().groups["g"]
    identity = Identity(EDGE, 1, number)
    header = Header(Kind.BATCH, "bench", identity, previous, Origin.LIVE, "g", group.digest)
    values = {LEVEL: 5.0}
    row = np.array([[values.get(t, LOWEST) for t in group.ids]])
    quality = np.zeros(row.shape, np.uint8)
    content = write_batch(header, group, np.array([now], np.int64), row, quality)
    raw = _sealed(EDGE, content, Purpose.READINGS)
    told = core.submit(Priority.READING, BatchReceived(salt(), "", raw)).result()
    assert told.body["status"] == "admitted", told
    return sha256(content).digest()


def _command(n: int) -> bytes:
    value = LOWEST + (n // 2 % STEPS) / 10_000  # within what the rate allows from one to the next
    asked = Command(f"{n:032x}", TWIN, PUMPS[n % 2], value, "1", time.time_ns())
    content = write_command(asked, "bench")
    return _sealed(TWIN, content, Purpose.COMMAND)


def _report(core: Core, content: bytes) -> None:
    """It was written."""
    permit = read_permit(content)
    told = Outcome(permit.nonce, OutcomeStatus.EXECUTED, permit.words, "written", time.time_ns())
    raw = _sealed(ACTUATOR, write_outcome(told, "bench"), Purpose.OUTCOME)
    core.submit(Priority.COMMAND, OutcomeReported(salt(), "", raw)).result()


def _sealed(who: str, content: bytes, purpose: str) -> bytes:
    return seal(content, signer=SIGNERS[who], plant="bench", purpose=purpose)


def _plant() -> Plant:
    """The plant of `decide`, with a station that reads it and an actuator that reports."""
    found = decide.plant(steady_ns=0)  # nobody waits for the valve
    group = found.groups["g"]
    digest = columns_digest("g", list(group.ids), group.dtypes)
    parties = {
        EDGE: Principal(EDGE, PrincipalKind.EDGE, SIGNERS[EDGE].public_key),
        ACTUATOR: Principal(ACTUATOR, PrincipalKind.SERVICE, SIGNERS[ACTUATOR].public_key),
    }
    return replace(
        found,
        groups={"g": replace(group, digest=digest)},
        edges={EDGE: Edge(EDGE, ("g",), 250)},
        principals={**found.principals, **parties},
    )


def _site() -> Site:
    told = _plant()
    condition = CelCondition("tank_1_level > 2.0", [told.tags[LEVEL]])
    return Site(told, default_policy(), bytes(32), interlocks=dict.fromkeys(PUMPS, condition))
