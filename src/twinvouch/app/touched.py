"""The blast radius of a source that was bad for a time, as plain data: counts by kind, and what was executed.

A preview: nothing takes effect by asking. Columns are told apart where a batch has the columns of the present
configuration; of other batches of the tag's scan group all columns count, and how many these are is said.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from twinvouch.app.lineage import LineageReader
from twinvouch.core.command import CommandStatus
from twinvouch.core.event import Plain
from twinvouch.core.inventory import Plant
from twinvouch.core.kind import Kind
from twinvouch.core.subject import Subject
from twinvouch.engine import standing
from twinvouch.engine.memory import Memory
from twinvouch.engine.sources import source_of
from twinvouch.ledger.affected import Affected, Source, affected, digest
from twinvouch.ledger.entry import COLUMNS_BYTES
from twinvouch.ledger.lineage import Index, Lineage
from twinvouch.ledger.rests import bits
from twinvouch.ledger.told import told

LISTED = 1000  # executed commands, or models, that are listed


@dataclass(frozen=True, slots=True)
class Asked:
    """A subject, and from when to when it was bad, ns since 1970."""

    subject: Subject
    since_ns: int
    until_ns: int


def subject_of(m: Memory, text: str) -> Any:
    """`kind` and `name` of a tag, of a principal (an edge is one) or of the one a key id belongs to, of a model; else None."""
    known = source_of(m, text)
    return None if known is None else list(known)


def open_now(m: Memory) -> Any:
    """What waits for people: held commands and open advice, each with the entries that it was given and judged with."""
    held = [r for r in m.records.values() if r.status is CommandStatus.HELD]
    commands = [["command", r.command.id, r.command.tag, r.entry, r.decision_entry] for r in held]
    given = standing.open_ones(m)
    pieces = [["advice", g.advice.id, g.advice.subject, g.entry, g.judged_entry] for g in given]
    return [*commands, *pieces]


def touched(
    of: Lineage, reader: LineageReader, plant: Plant, asked: Asked, pending: Any = ()
) -> dict[str, Plain]:
    """What the subject has touched, from the lineage; `pending` is what `open_now` gave."""
    source = source_in(reader, plant, asked.subject)
    found = affected(of, source, asked.since_ns, asked.until_ns)
    executed = found.executed(of)
    indices = np.flatnonzero(found.touched) + of.first
    return {
        "subject": {"kind": asked.subject.kind, "name": asked.subject.name},
        "since_ns": asked.since_ns,
        "until_ns": asked.until_ns,
        "sources": int(found.sources.sum()),
        "counted_whole": _whole(of, source, found),
        "touched": dict(found.count(of)),
        "readers": _readers(of, found),
        "executed": _listed(reader, executed[:LISTED].tolist()),
        "executed_count": len(executed),
        "models": _models(of, reader, found),
        "pending": [
            {"kind": kind, "id": ident, "about": about}
            for kind, ident, about, *entries in pending
            if any(_is_touched(of, found, entry) for entry in entries)
        ],
        "digest": digest_of(asked, (of.first, of.end), indices).hex(),
        "begins_at": of.first,
        "ends_at": of.end,
    }


def _is_touched(of: Lineage, found: Affected, entry: int) -> bool:
    return of.first <= entry < of.end and bool(found.touched[entry - of.first])


def _models(of: Lineage, reader: LineageReader, found: Affected) -> list[Plain]:
    """Models that rest on it, as far as they are listed."""
    entries = np.flatnonzero(found.touched & (of.kind == Kind.ENTRY_MODEL)) + of.first
    chosen = entries[-LISTED:].tolist()
    rows = zip(chosen, reader.entries(chosen), strict=True)
    return [{"name": told(raw).get("model"), "entry": index} for index, raw in rows]


def digest_of(asked: Asked, within: tuple[int, int], indices: Index) -> bytes:
    """What this list of touched entries is known by."""
    about = asked.subject.kind, asked.subject.name
    return digest(about, (asked.since_ns, asked.until_ns), within, indices)


def source_in(reader: LineageReader, plant: Plant, subject: Subject) -> Source:
    """The subject as the ledger knows it."""
    if subject.kind == "principal":
        return Source(principal=subject.name)
    if subject.kind == "model":
        return Source(models=reader.models(subject.name))
    group = plant.groups[plant.tags[subject.name].group]
    layout = group.name, group.digest[:COLUMNS_BYTES]
    column = bits([plant.column_of[subject.name]], len(group.ids))
    return Source(columns={layout: column}, groups=frozenset({group.name}))


def _whole(of: Lineage, source: Source, found: Affected) -> int:
    """Bad batches of which it is not known which column was meant."""
    if not source.groups:
        return 0
    told_apart = [n for layout, n in of.layouts.items() if layout in source.columns]
    return int((found.sources & ~np.isin(of.layout, told_apart)).sum())


def _readers(of: Lineage, found: Affected) -> dict[str, Plain]:
    """Who was answered with it, and how often."""
    shown = of.who[found.touched & of.done & (of.kind == Kind.ENTRY_QUERY)]
    times = np.bincount(shown, minlength=len(of.people)).tolist()
    return {name: times[n] for name, n in of.people.items() if times[n]}


def _listed(reader: LineageReader, outcomes: list[int]) -> list[Plain]:
    """Executed commands: what was written where is in the command's own entry and record."""
    rows: list[Plain] = []
    for index, entry in zip(outcomes, reader.entries(outcomes), strict=True):
        said = told(entry)
        at = reader.command(str(said.get("command")))
        of_command = told(reader.entries([at])[0]) if at is not None else {}
        rows.append(
            {
                "command": said.get("command"),
                "tag": of_command.get("tag"),
                "class": of_command.get("class"),
                "principal": of_command.get("principal"),
                "at_ns": said["at_ns"],
                "entry": index,
                "command_entry": at,
            }
        )
    return rows
