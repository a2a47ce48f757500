"""What the kills of `bench endure` must have left whole besides log and ledger: history, advice, receipts, the witness's memory.

The readings that the core acknowledged are taken from the event log, batch by batch, by the digest that was acknowledged;
the history is asked as a person would ask it, tag by tag, over chunks and the rest of the log.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from twinvouch import verifier
from twinvouch.adapters.chunk_files import ChunkFile
from twinvouch.adapters.chunk_index import open_index
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.app import build, inventory, receipts
from twinvouch.app.bench.kill import Figures, Say
from twinvouch.app.compaction import DIRECTORY
from twinvouch.app.config_model import Config
from twinvouch.app.recall import EARLIEST, LATEST, MOST, recall_of
from twinvouch.core.batch import Identity, Quality
from twinvouch.core.errors import TwinvouchError
from twinvouch.core.event import BatchReceived
from twinvouch.core.kind import Kind
from twinvouch.lab import recorded
from twinvouch.lab.drill import judge, site
from twinvouch.lab.drill.stage import ASKED, WITNESS, Stage
from twinvouch.ledger.checkpoint import VerifierKey
from twinvouch.ledger.receipt import About
from twinvouch.verifier import chain
from twinvouch.wire.batch import read_batch, read_header
from twinvouch.wire.cbor import decode
from twinvouch.wire.cose import unseal
from twinvouch.wire.eventlog import read_event

RECEIPTS: Final = 12
Times = dict[str, list[NDArray[np.int64]]]


@dataclass(frozen=True, slots=True)
class Recalled:
    """Readings of the history against those that were logged: counts, and the first sentence about each fault."""

    found: int
    lost: int
    twice: int
    strange: int
    faults: tuple[str, ...]


def judged(stage: Stage, say: Say) -> tuple[Figures, bool]:
    """Figures, and whether nothing was found that must not be."""
    config = build.load(stage.directory / "twin.yaml")
    say("asking the history for every acknowledged reading ...")
    history = recalled(config, logged(config, stage.recorder.acknowledged))
    damaged = list(_damaged(config.data_dir / DIRECTORY))
    say("making receipts and verifying them ...")
    proven, refused = _receipts(stage, config)
    advised, lost = _advice(stage)
    wrong = [line["wrong"] for line in judge.lines(stage.directory / ASKED) if "wrong" in line]
    evidence = [str(path) for path in (stage.directory / WITNESS).glob("evidence-*.json")]
    for fault in (*history.faults, *damaged, *refused, *lost, *wrong[:5], *evidence):
        say(fault)
    kinds = Counter(next(iter(line)) for line in judge.lines(stage.directory / ASKED))
    ledger = config.data_dir / "ledger"
    witnessed = recorded.verify(ledger, site.ORIGIN, stage.log_key, stage.witness)
    figures: Figures = {
        "history_readings": history.found,
        "history_lost": history.lost,
        "history_twice": history.twice,
        "history_strange": history.strange,
        "chunks_damaged": len(damaged),
        "chunks": _chunks(config.data_dir / DIRECTORY),
        "advice_answered": advised,
        "advice_lost": len(lost),
        "asked_history": kinds["history"],
        "asked_lineage": kinds["lineage"],
        "answers_wrong": len(wrong),
        "receipts_verified": proven,
        "receipts_refused": len(refused),
        "witness_verified": int(witnessed.ok),
        "witness_evidence": len(evidence),
    }
    bad = (history.faults, damaged, refused, lost, wrong, evidence)
    return figures, witnessed.ok and proven > 0 and not any(bad)


def logged(config: Config, acknowledged: Mapping[Identity, bytes]) -> Times:
    """Source times of each tag's present readings, of every batch that was acknowledged, once, in the order of the log."""
    groups = {g.digest: g for g in inventory.plant(config).groups.values()}
    left, found = dict(acknowledged), Times()
    with closing(SegmentLog(config.data_dir / "log")) as log:
        for _, record in log.records():
            event, _ = read_event(record)
            if not isinstance(event, BatchReceived):
                continue
            sealed = unseal(event.raw)
            header = read_header(sealed.content)
            if left.get(header.identity) != sealed.digest:
                continue
            del left[header.identity]
            group = groups[header.columns]
            batch = read_batch(sealed.content, sealed.digest, header, group, 1 << 20)
            for k, tag in enumerate(group.ids):
                present = batch.quality[:, k] != Quality.MISSING
                found.setdefault(tag, []).append(batch.t_ns[present])
    return found


def recalled(config: Config, expected: Times) -> Recalled:
    """Ask for each tag's whole history; what the core had not acknowledged may be there too, once."""
    recall, faults = recall_of(config), []
    found = lost = twice = strange = 0
    for tag, parts in sorted(expected.items()):
        want, have = np.concatenate(parts), _asked(recall, tag)
        unique, counts = np.unique(have, return_counts=True)
        missing, again = np.setdiff1d(want, unique), unique[counts > 1]
        found, lost, twice = found + len(have), lost + len(missing), twice + len(again)
        strange += len(np.setdiff1d(unique, want))
        if len(missing):
            faults.append(
                f"`{tag}`: {len(missing)} acknowledged readings are not in the history, first {missing[0]}"
            )
        if len(again):
            faults.append(
                f"`{tag}`: {len(again)} readings are twice in the history, first {again[0]}"
            )
    return Recalled(found, lost, twice, strange, tuple(faults))


def _asked(recall: Any, tag: str) -> NDArray[np.int64]:
    """All source times of one tag, page by page."""
    after, parts = None, []
    while True:
        page = recall.page(tag, (EARLIEST, LATEST), after, MOST)
        parts.append(page.readings.clock.t_ns)
        after = page.next
        if after is None:
            return np.concatenate(parts)


def _chunks(directory: Path) -> int:
    index = open_index(directory)
    if index is None:
        return 0
    with closing(index):
        return len(index.all())


def _damaged(directory: Path) -> Iterator[str]:
    """Chunks that the index names and that cannot be read whole."""
    index = open_index(directory)
    if index is None:
        return
    with closing(index):
        for listed in index.all():
            try:
                with ChunkFile(directory / listed.file, listed.digest) as file:
                    file.verify()
            except TwinvouchError as error:
                yield str(error)


def _receipts(stage: Stage, config: Config) -> tuple[int, list[str]]:
    """Receipts of some executed commands, each verified with the keys of log and witness: how many, and what was refused."""
    key = VerifierKey(site.ORIGIN, stage.log_key).text()
    policy = verifier.witness_policy([stage.witness], 1)
    sources = receipts.open_sources(config.data_dir, key, inventory.plant(config).groups, None)
    with closing(sources.blobs):
        ledger = receipts.head(sources)
        executed = sorted(_executed(ledger.entries(0, ledger.head.size)))
        chosen = Random(0).sample(executed, min(RECEIPTS, len(executed)))  # noqa: S311 - a sample
        said, proven, refused = receipts.key_entries(ledger), 0, []
        for ident in chosen:
            entries = receipts.of_command(ledger, ident, 0, ledger.head.size)
            about = About(site.PLANT, ledger.head.size, "command", ident)
            found = chain.verify(receipts.write(sources, about, entries, said), key, policy)
            proven += found.ok
            if not found.ok:
                refused.append(f"the receipt of command {ident}: {found.fault}")
    return proven, refused


def _executed(entries: Iterable[tuple[int, bytes]]) -> Iterator[str]:
    for _, raw in entries:
        entry: Any = decode(raw)
        if entry[1] == Kind.ENTRY_OUTCOME and entry[6] == "executed":
            yield entry[5]


def _advice(stage: Stage) -> tuple[int, list[str]]:
    """How much advice was taken in, and which of it the ledger does not have."""
    taken = {
        line["advised"]
        for line in judge.lines(stage.directory / ASKED)
        if "advised" in line and 200 <= line["code"] < 300
    }
    directory = stage.directory / "data" / "ledger"
    head = recorded.head(directory)
    assert head is not None
    entered = set()
    for raw in recorded.entries(directory, head[0]):
        entry: Any = decode(raw)
        if entry[1] == Kind.ENTRY_ADVICE:
            entered.add(entry[5])
    return len(taken), [
        f"advice {ident} was answered and is not in the ledger" for ident in sorted(taken - entered)
    ]
