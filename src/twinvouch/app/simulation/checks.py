"""What must hold whatever the seed did: one small function an invariant; each gives sentences, none where it holds.

They ask the bytes on disk, the plant's own journal and the stand-alone verifier, not the programs under test.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeAlias

from twinvouch import verifier
from twinvouch.app.lineage import LineageReader
from twinvouch.app.simulation.core import HOME, CoreLife
from twinvouch.app.simulation.distrusts import Distrusts
from twinvouch.app.simulation.relabel import Relabel
from twinvouch.app.simulation.site import ORIGIN, own_limits, signer
from twinvouch.app.simulation.stores import leaves_of, rows_of
from twinvouch.app.simulation.world import World
from twinvouch.app.tracing import trace
from twinvouch.core.command import OutcomeStatus, Permit
from twinvouch.core.disavowal import Stage
from twinvouch.core.event import (
    Append,
    BatchReceived,
    Deliver,
    Event,
    OutcomeReported,
    Reply,
    Trace,
)
from twinvouch.core.kind import Kind
from twinvouch.core.label import Axis
from twinvouch.core.mode import Rung
from twinvouch.engine import Engine
from twinvouch.ledger.checkpoint import VerifierKey
from twinvouch.verifier.note import find_signed, read_key, read_note
from twinvouch.verifier.walk import fold, leaf_hash, split
from twinvouch.wire.batch import read_header
from twinvouch.wire.cbor import decode
from twinvouch.wire.cose import unseal
from twinvouch.wire.eventlog import read_event
from twinvouch.wire.outcome import read_outcome
from twinvouch.wire.permit import read_permit
from twinvouch.wire.words import from_words

_SHOWN: Final = 3  # sentences of one invariant
_WIDTH: Final = 256  # entries of a full bundle
_NS: Final = 1_000_000_000
_MEMORY: Final = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a directory of its own in it


@dataclass(slots=True)
class Replay:
    """An engine fed with the log from nothing, and what it gave out."""

    engine: Engine
    leaves: list[bytes] = field(default_factory=list)
    permits: dict[tuple[int, ...], Permit] = field(default_factory=dict)  # by words: no two alike
    without_room: int = 0  # permits made while the disk was full
    forbidden: list[str] = field(default_factory=list)  # permits in a mode that forbids them
    mode_changes: int = 0
    raised: list[str] = field(default_factory=list)  # labels above what the oracle allows


@dataclass(frozen=True)
class Evidence:
    """What a world left behind, read once for all checks."""

    world: World
    core: CoreLife

    @cached_property
    def events(self) -> list[tuple[Event, int]]:
        """The log, read back from disk."""
        return [read_event(record) for _, record in self.core.log.records(0)]

    @cached_property
    def sent(self) -> Mapping[bytes, list[bytes]]:
        """Salts of the log's events by the sealed bytes that came."""
        salts: dict[bytes, list[bytes]] = {}
        for event, _ in self.events:
            raw = getattr(event, "raw", None)
            if raw is not None:
                salts.setdefault(raw, []).append(event.salt)
        return salts

    @cached_property
    def ledger(self) -> tuple[verifier.Report, list[bytes]]:
        """The verifier's report on the ledger's files, and the entries in its bundles."""
        files = self.world.machines["core"].disk.below(HOME / "ledger")
        with tempfile.TemporaryDirectory(prefix="twinvouch-simulation-", dir=_MEMORY) as name:
            for path, content in files.items():
                target = Path(name, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            report = verifier.verify(Path(name), _key())
        return report, list(_entries(files, report.size))

    @cached_property
    def replay(self) -> Replay:
        """The log fed to a new engine, every label compared with the oracle's on the way."""
        site = self.world.site
        replay, oracle, doubts = Replay(Engine(site)), Relabel(site), Distrusts(site)
        rungs: dict[str, int] = {}
        for event, now_ns in self.events:
            is_accepted, permitted = False, list[tuple[Permit, str]]()
            for effect in replay.engine.feed(event, now_ns):
                if isinstance(effect, Reply):
                    is_accepted = effect.code == 200
                elif isinstance(effect, Append):
                    replay.leaves.append(effect.entry)
                    replay.mode_changes += _mode_entered(rungs, effect.entry)
                elif isinstance(effect, Deliver):
                    replay.without_room += replay.engine.memory.is_disk_full
                    permit = read_permit(effect.content)
                    replay.permits[permit.words] = permit
                    permitted.append((permit, effect.command))
                    rung = rungs.get(permit.tag.partition("/")[0], Rung.SUPERVISED)
                    if rung > Rung.SUPERVISED:
                        replay.forbidden.append(f"a permit for `{permit.tag}` in mode {rung}")
            if is_accepted:
                doubts.take(event, replay.engine.memory.now_ns)
            if is_accepted and isinstance(event, BatchReceived):
                _compare(replay, oracle, event, now_ns)
            _doubted(replay, doubts, permitted)
        return replay


def _doubted(replay: Replay, doubts: Distrusts, permitted: list[tuple[Permit, str]]) -> None:
    """The engine distrusts exactly the tags that the oracle does, shows nothing of them, and permits nothing from them."""
    memory = replay.engine.memory
    at_ns, names = memory.now_ns, tuple(memory.site.plant.tags)
    bad = doubts.tags(at_ns)
    found = {tag for tag, until in memory.distrust().tags.items() if until > at_ns}
    if found != bad:
        replay.raised.append(f"distrusted are {sorted(found)}, recomputed {sorted(bad)}")
    axes = memory.label(names).axes.max(axis=0).tolist()
    shown = [tag for tag, most in zip(names, axes, strict=True) if most and tag in bad]
    replay.raised += [f"`{tag}` is distrusted and has a label" for tag in shown]
    replay.raised += [why for p in permitted if (why := doubts.objection(*p, at_ns))]


def _mode_entered(rungs: dict[str, int], raw: bytes) -> int:
    """Follow the modes by what the ledger says of them."""
    content: Any = decode(raw)
    if content[1] != Kind.ENTRY_MODE:
        return 0
    rungs[content[5]] = content[7]
    return 1


def _compare(replay: Replay, oracle: Relabel, event: BatchReceived, now_ns: int) -> None:
    group = oracle.take(event, now_ns)
    if group is None:
        return
    label = replay.engine.memory.frame.label(group.ids, now_ns)
    for column, tag in enumerate(group.ids):
        highest = oracle.highest[tag]
        axes = list(highest.axes)
        if highest.fresh_until < now_ns:
            axes[Axis.PLAUSIBILITY] = 0
        found = [int(axis) for axis in label.axes[:, column]]
        if any(f > a for f, a in zip(found, axes, strict=True)):
            replay.raised.append(f"`{tag}` has {found}, recomputed {axes}")
        if int(label.fresh_until[column]) > highest.fresh_until:
            replay.raised.append(f"`{tag}` is fresh for longer than recomputed")


def _key() -> str:
    return VerifierKey(ORIGIN, signer("log").public_key).text()


def _entries(files: Mapping[str, bytes], size: int) -> Iterator[bytes]:
    for first in range(0, size, _WIDTH):
        width = min(_WIDTH, size - first)
        full = f"tile/entries/{first // _WIDTH:03d}"
        raw = files.get(full, files.get(f"{full}.p/{width}", b""))
        yield from split(raw, width)[0]


def acknowledged(e: Evidence) -> Iterator[str]:
    """Every acknowledged batch is in the log, and exactly once in the verified ledger, under its digest."""
    entered: dict[tuple[str, int, int], list[bytes]] = {}
    for entry in e.ledger[1]:
        content: Any = decode(entry)
        if content[1] == Kind.ENTRY_BATCH:
            entered.setdefault(tuple(content[5:8]), []).append(content[4])
    twice = [identity for identity, commitments in entered.items() if len(commitments) > 1]
    yield from (f"batch {identity} is in the ledger more than once" for identity in twice)
    for raw, status in e.world.seen.acknowledged.items():
        sealed = unseal(raw)
        i = read_header(sealed.content).identity
        name = f"batch {i.epoch}/{i.seq} of `{i.edge}`, acknowledged as {status},"
        salts = e.sent.get(raw, [])
        commitments = {sha256(salt + sealed.digest).digest() for salt in salts}
        if not salts:
            yield f"{name} is not in the log"
        elif not commitments & set(entered.get((i.edge, i.epoch, i.seq), [])):
            yield f"{name} is not in the ledger"


def answered(e: Evidence) -> Iterator[str]:
    """Every command, statement and outcome that was answered with 200 is in the log."""
    for raw, status in e.world.seen.answered.items():
        if raw not in e.sent:
            yield f"what was answered `{status}` is not in the log: {raw[:40].hex()}"


def ledger(e: Evidence) -> Iterator[str]:
    """The verifier that shares no code finds nothing wrong, and the files hold what state and replay hold."""
    report, entries = e.ledger
    yield from (f"{fault.place}: {fault.why}" for fault in report.faults)
    if entries != list(leaves_of(e.world.state)):
        yield f"the files hold {len(entries)} entries that are not those of the state"
    if entries != e.replay.leaves:
        yield f"the files hold {len(entries)} entries, a replay gives {len(e.replay.leaves)} or others"


def checkpoints(e: Evidence) -> Iterator[str]:
    """Every checkpoint that was ever visible is signed, and all are about prefixes of one tree."""
    roots = _roots(e.replay.leaves)
    key = read_key(_key())
    for raw in e.world.seen.checkpoints:
        note = read_note(raw)
        find_signed(note, key)
        if note.size >= len(roots) or roots[note.size] != note.root:
            yield f"a checkpoint signs another root of {note.size} entries"


def _roots(leaves: list[bytes]) -> list[bytes]:
    """The root over the first n leaves, for every n (RFC 6962)."""
    peaks: list[tuple[int, bytes]] = []  # height and root of complete subtrees, widest first
    roots = [fold([])]
    for leaf in leaves:
        height, root = 0, leaf_hash(leaf)
        while peaks and peaks[-1][0] == height:
            height, root = height + 1, fold([peaks.pop()[1], root])
        peaks.append((height, root))
        roots.append(fold([peak for _, peak in peaks]))
    return roots


def executed(e: Evidence) -> Iterator[str]:
    """By the plant's own journal: a permit is executed at most once, in time, inside the actuator's own limits."""
    own = own_limits()
    counts = Counter(written.words for written in e.world.plant.journal)
    yield from (f"words {words} were written {n} times" for words, n in counts.items() if n > 1)
    for written in e.world.plant.journal:
        permit = e.replay.permits.get(written.words)
        if permit is None:
            yield f"words {written.words} were written without a permit in the log"
            continue
        point = own.points[permit.tag]
        value = from_words(written.words, point.point)
        if written.address != point.point.address or not point.low <= value <= point.high:
            yield f"{value} was written to address {written.address} for `{permit.tag}`"


def unknown(e: Evidence) -> Iterator[str]:
    """What was reported is final: no write of a permit after its outcome, and none at all where it was refused."""
    last = {w.words: w.at_s for w in e.world.plant.journal}
    nonces = {permit.nonce: words for words, permit in e.replay.permits.items()}
    start_ns = e.world.clock.wall_ns() - e.world.clock.monotonic_ns()
    told: dict[bytes, OutcomeStatus] = {}
    for event, _ in e.events:
        outcome = _outcome(event)
        if outcome is None:
            continue
        if told.setdefault(outcome.permit, outcome.status) is not outcome.status:
            yield f"permit {outcome.permit.hex()} has two different outcomes"
        written_s = last.get(nonces.get(outcome.permit, ()))
        if written_s is None:
            if outcome.status is OutcomeStatus.EXECUTED:
                yield f"permit {outcome.permit.hex()} was reported executed, the plant saw no write"
        elif outcome.status is OutcomeStatus.REFUSED:
            yield f"permit {outcome.permit.hex()} was reported refused and was written"
        elif written_s > (outcome.at_ns - start_ns) / _NS:
            yield f"permit {outcome.permit.hex()} was written after its outcome"


def _outcome(event: Event) -> Any:
    if not isinstance(event, OutcomeReported):
        return None
    try:
        return read_outcome(unseal(event.raw).content, "sim")
    except Exception:  # noqa: BLE001 - a bit flipped on the way: the core refused it too
        return None


def labels(e: Evidence) -> Iterator[str]:
    """No label is higher than what the accepted envelopes allow."""
    yield from e.replay.raised


def state(e: Evidence) -> Iterator[str]:
    """The state store holds what a replay of the log from nothing gives."""
    replayed = {k: v for k, v in e.replay.engine.drain().items() if v is not None}
    stored = rows_of(e.world.state)
    for key in sorted(replayed.keys() | stored.keys()):
        if replayed.get(key) != stored.get(key):
            yield f"row `{key}` differs from what a replay gives"


def room(e: Evidence) -> Iterator[str]:
    """No permit is made while the log says that the disk is full."""
    if e.replay.without_room:
        yield f"{e.replay.without_room} permits were made while the disk was full"


def modes(e: Evidence) -> Iterator[str]:
    """No permit is made for an asset whose mode, by the ledger, forbids it."""
    yield from e.replay.forbidden


def alive(e: Evidence) -> Iterator[str]:
    """Once faults have stopped everything is acknowledged, refused or reported within HEAL_S."""
    newest_s = e.world.clock.monotonic_ns() / _NS - 3.0
    for name, file in e.world.spools.items():
        waiting = len(file.batches)
        if waiting > 2:
            yield f"{waiting} batches still wait at {name} at {newest_s + 3.0:g} s"
    for record in e.core.engine.memory.records.values():
        if record.is_open and record.received_ns < e.world.healed_ns:
            yield f"command {record.command.id} is still {record.status.value}"


def doubted(e: Evidence) -> Iterator[str]:
    """What is in effect is what the ledger says, worked out once more; beyond the size two persons said it; nothing hangs."""
    reader = LineageReader(lambda: e.core.state)
    of, plant = reader.up_to_date(), e.world.site.plant
    for d in e.core.engine.memory.disavowals.values():
        if d.is_open and d.stage_ns < e.world.healed_ns:
            yield f"disavowal {d.id} is still {d.stage.value}"
        if d.traced is None:
            continue
        asked = Trace(d.entry, d.kind, d.name, d.said.since_ns, d.said.until_ns)
        found = trace(of, reader, plant, asked, b"")
        if (found.digest, found.touched) != (d.traced.digest, d.traced.touched):
            yield f"disavowal {d.id} touches {found.touched} entries, {d.traced.touched} were told"
        above = e.world.site.distrust.second_person_above
        is_alone = d.stage is Stage.IN_EFFECT and d.second in {"", d.said.principal}
        if is_alone and d.traced.touched > above:
            yield f"disavowal {d.id} of {d.traced.touched} entries took effect by one person"


def processes(e: Evidence) -> Iterator[str]:
    """No process ended with an error that a restart does not heal, or refused to start."""
    for name, machine in e.world.machines.items():
        yield from (f"{name} {error}" for error in machine.errors)


Check: TypeAlias = Callable[[Evidence], Iterator[str]]
CHECKS: Final[tuple[Check, ...]] = (
    processes, acknowledged, answered, ledger, checkpoints, executed, unknown, labels, state, room, modes, alive,
    doubted,
)  # fmt: skip


def violations(world: World) -> list[str]:
    """Everything that does not hold, as `invariant: sentence`; what was seen while the world ran comes first."""
    found = list(world.seen.violations)
    if world.core is None or not world.core.life.alive:
        ended = [f"{n} {e}" for n, m in world.machines.items() for e in m.errors]
        return [
            *found,
            *(f"processes: {e}" for e in ended),
            "alive: the core does not run at the end",
        ]
    evidence = Evidence(world, world.core)
    for check in CHECKS:
        sentences = list(check(evidence))
        found += [f"{check.__name__}: {sentence}" for sentence in sentences[:_SHOWN]]
    return found
