"""Judges a drill by what others wrote down: the plant's journal, the controller's, and the path to the core.

Against them stand the event log, walked record by record, and the ledger's files. Nothing here asks a
process how it is.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.core.batch import Identity
from twinvouch.core.command import Outcome
from twinvouch.core.event import BatchReceived, OutcomeReported
from twinvouch.core.kind import Kind
from twinvouch.lab import recorded
from twinvouch.lab.drill.lines import Lines
from twinvouch.lab.drill.site import PLANT, setpoints
from twinvouch.lab.drill.words import words_of
from twinvouch.ledger.tlog import Tree, leaf_hash
from twinvouch.wire.batch import read_header
from twinvouch.wire.cbor import decode
from twinvouch.wire.cose import unseal
from twinvouch.wire.eventlog import read_event
from twinvouch.wire.outcome import read_outcome

ACTUATOR_JOURNAL: Final = Path("actuator") / "actuator.journal"
Place = tuple[int, tuple[int, ...]]  # address and words of one write at the plant


@dataclass(frozen=True, slots=True)
class Proposed:
    """A command as the controller's journal has it; `status` empty: it was never answered."""

    ident: str
    place: Place
    status: str


@dataclass(slots=True)
class Ledger:
    """What the ledger's entries say, counted; `roots` by size, for the sizes that were asked for."""

    batches: Counter[Identity] = field(default_factory=Counter)
    commands: Counter[str] = field(default_factory=Counter)
    permits: Counter[str] = field(default_factory=Counter)
    outcomes: dict[str, list[str]] = field(default_factory=dict)  # statuses by command
    roots: dict[int, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class Log:
    """What the event log holds: digests of each batch, and outcomes by permit nonce."""

    batches: dict[Identity, set[bytes]] = field(default_factory=dict)
    outcomes: dict[bytes, Outcome] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Counts of what must not be, as sentences; `is_ok` where there are none."""

    lost: tuple[str, ...]
    duplicated: tuple[str, ...]
    double_executed: tuple[str, ...]
    unpermitted: tuple[str, ...]  # writes at the plant without a spent permit
    unknown: int
    unknown_unresolved: tuple[str, ...]
    two_roots: tuple[str, ...]
    executed: int

    @property
    def faults(self) -> tuple[str, ...]:
        """Everything that must not be."""
        return (
            *self.lost,
            *self.duplicated,
            *self.double_executed,
            *self.unpermitted,
            *self.unknown_unresolved,
            *self.two_roots,
        )


def lines(path: Path) -> list[dict[str, Any]]:
    """A journal of JSON Lines."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def proposed(path: Path) -> dict[str, Proposed]:
    """Every command of the controller's journal by its id."""
    found: dict[str, Proposed] = {}
    places = setpoints()
    for line in lines(path):
        if "proposed" in line:
            ident, at = line["proposed"], places[line["tag"]]
            found[ident] = Proposed(ident, (at, words_of(float(line["value"]))), "")
        elif "answered" in line:
            one = found[line["answered"]]
            found[one.ident] = Proposed(one.ident, one.place, line["status"])
    return found


def writes(path: Path) -> Counter[Place]:
    """How often each write reached the plant."""
    return Counter((line["address"], tuple(line["words"])) for line in lines(path))


@dataclass(frozen=True, slots=True)
class Spent:
    """A permit as the actuator's journal calls it spent: for these words; refused: it was never to be used."""

    nonce: str
    words: tuple[int, ...]
    is_refused: bool


class SpentPermits:
    """Every permit that the actuator's journal ever called spent, by its command; the journal forgets those that are long over."""

    def __init__(self, path: Path) -> None:
        self.by_command: dict[str, Spent] = {}
        self.told: set[str] = set()  # nonces of those whose outcome it knows
        self.delivered: set[str] = set()  # and of those whose outcome the core has
        self._lines = Lines(path)

    def look(self) -> None:
        """Take in what was added since."""
        for raw in self._lines.new():
            record = json.loads(raw.partition(b" ")[2])
            if "spent" in record:
                said = record["spent"]
                spent = Spent(said["nonce"], tuple(said["words"]), "outcome" in record)
                self.by_command.setdefault(said["command"], spent)
            elif "of" in record:
                self.told.add(record["of"])
            elif "delivered" in record:
                self.delivered.add(record["delivered"])

    def close(self) -> None:
        """Let the file go."""
        self._lines.close()


def ledger(directory: Path, size: int, sizes: Iterable[int]) -> Ledger:
    """Walk the first `size` entries; roots are computed anew for each of `sizes`."""
    said, wanted, tree = Ledger(), set(sizes), Tree()
    for raw in recorded.entries(directory, size):
        tree.append(leaf_hash(raw))
        if tree.size in wanted:
            said.roots[tree.size] = tree.root()
        entry: Any = decode(raw)
        kind = entry[1]
        if kind == Kind.ENTRY_BATCH:
            said.batches[Identity(*entry[5:8])] += 1
        elif kind == Kind.ENTRY_COMMAND:
            said.commands[entry[5]] += 1
        elif kind == Kind.ENTRY_PERMIT:
            said.permits[entry[5]] += 1
        elif kind == Kind.ENTRY_OUTCOME:
            said.outcomes.setdefault(entry[5], []).append(entry[6])
    return said


def log(directory: Path) -> Log:
    """Walk the event log from its first record to its last."""
    said, events = Log(), SegmentLog(directory)
    try:
        for _, record in events.records():
            event, _ = read_event(record)
            if isinstance(event, BatchReceived):
                sealed = unseal(event.raw)
                identity = read_header(sealed.content).identity
                said.batches.setdefault(identity, set()).add(sealed.digest)
            elif isinstance(event, OutcomeReported):
                outcome = read_outcome(unseal(event.raw).content, PLANT)
                said.outcomes.setdefault(outcome.permit, outcome)
    finally:
        events.close()
    return said


def verdict(
    directory: Path,
    size: int,
    acknowledged: Mapping[Identity, bytes],
    used: Mapping[str, Spent],
    signed: Sequence[tuple[int, bytes]],
) -> Verdict:
    """Judge the drill below `directory`, whose ledger has `size` entries.

    Seen meanwhile: `acknowledged` batches, `used` permits (`SpentPermits.by_command`), `signed` heads.
    """
    said = ledger(directory / "data" / "ledger", size, (n for n, _ in signed))
    events = log(directory / "data" / "log")
    asked = proposed(directory / "controller.jsonl")
    made = writes(directory / "plant.jsonl")
    unknown = [c for c, statuses in said.outcomes.items() if "unknown" in statuses]
    return Verdict(
        lost=(*_lost_batches(acknowledged, said, events), *_lost_commands(asked, said)),
        duplicated=tuple(_duplicated(said)),
        double_executed=tuple(f"{n} writes of {at}" for at, n in made.items() if n > 1),
        unpermitted=tuple(_unpermitted(made, asked, said, used)),
        unknown=len(unknown),
        unknown_unresolved=(
            *_wrongly_resolved(unknown, asked, made, used, events),
            *_never_resolved(asked, said, made, used),
        ),
        two_roots=tuple(_two_roots(signed, said, size)),
        executed=sum("executed" in statuses for statuses in said.outcomes.values()),
    )


def _lost_batches(
    acknowledged: Mapping[Identity, bytes], said: Ledger, events: Log
) -> Iterable[str]:
    for identity, digest in acknowledged.items():
        if not said.batches[identity]:
            yield f"{identity} was acknowledged and is not in the ledger"
        if digest not in events.batches.get(identity, ()):
            yield f"{identity} was acknowledged and is not in the event log"


def _lost_commands(asked: Mapping[str, Proposed], said: Ledger) -> Iterable[str]:
    for one in asked.values():
        if one.status and not said.commands[one.ident]:
            yield f"command {one.ident} was answered `{one.status}` and is not in the ledger"
        if one.status == "permitted" and not said.permits[one.ident]:
            yield f"command {one.ident} was answered `permitted` and its permit is not in the ledger"


def _duplicated(said: Ledger) -> Iterable[str]:
    for what, counted in (
        ("batch", said.batches),
        ("command", said.commands),
        ("permit of command", said.permits),
    ):
        yield from (f"{what} {of}: {n} entries" for of, n in counted.items() if n > 1)
    many = {c: statuses for c, statuses in said.outcomes.items() if len(statuses) > 1}
    yield from (f"command {c}: outcomes {statuses}" for c, statuses in many.items())


def _unpermitted(
    made: Mapping[Place, int],
    asked: Mapping[str, Proposed],
    said: Ledger,
    used: Mapping[str, Spent],
) -> Iterable[str]:
    of = {one.place: one.ident for one in asked.values()}
    for at in made:
        ident = of.get(at, "")
        spent = used.get(ident)
        if not said.permits[ident] or spent is None or spent.is_refused:
            yield f"the write {at} has no spent permit (command `{ident}`)"
        elif spent.words != at[1]:
            yield f"the write {at} has a permit for {spent.words} (command `{ident}`)"


def _wrongly_resolved(
    unknown: Iterable[str],
    asked: Mapping[str, Proposed],
    made: Mapping[Place, int],
    used: Mapping[str, Spent],
    events: Log,
) -> Iterable[str]:
    """UNKNOWN is resolved where its read-back tells whether the plant has got the write."""
    for ident in unknown:
        place = asked[ident].place
        spent = used.get(ident)
        outcome = None if spent is None else events.outcomes.get(bytes.fromhex(spent.nonce))
        if outcome is None or not outcome.read_back:
            yield f"command {ident} is UNKNOWN and nothing was read back"
        elif (outcome.read_back == place[1]) != (place in made):
            yield f"command {ident} is UNKNOWN, read back {outcome.read_back}, the plant got {place in made}"


def _never_resolved(
    asked: Mapping[str, Proposed],
    said: Ledger,
    made: Mapping[Place, int],
    used: Mapping[str, Spent],
) -> Iterable[str]:
    """A permit without any outcome was never taken: neither spent nor written."""
    for ident in said.permits:
        if ident not in said.outcomes and (ident in used or asked[ident].place in made):
            yield f"the permit of command {ident} was spent and nobody reported on it"


def _two_roots(signed: Iterable[tuple[int, bytes]], said: Ledger, size: int) -> Iterable[str]:
    for at, root in signed:
        if at > size:
            yield f"a checkpoint of {at} entries was signed, the ledger has {size} now"
        elif at and said.roots[at] != root:
            yield f"two roots of {at} entries: {root.hex()} and {said.roots[at].hex()}"
