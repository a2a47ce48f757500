"""What witnesses stand for: the newest head with enough cosignatures, in `checkpoint` or `checkpoint.witnessed`.

A witness has seen that every head it cosigned extends the ones before, so whoever holds the log key cannot show
another history up to there. `checkpoint.witnessed` is a head of the same log that may be older than `checkpoint`:
its root has to be that of the first entries, with or without a policy.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twinvouch.verifier.epochs import roots_of
from twinvouch.verifier.files import Files
from twinvouch.verifier.note import (
    Key,
    LineError,
    Note,
    cosigned_at,
    key_text,
    read_note,
    read_witness,
)
from twinvouch.verifier.report import Fault, Witnessed

FILE = "checkpoint.witnessed"


@dataclass(frozen=True, slots=True)
class Policy:
    """Whose cosignatures count, and how many a head needs; no keys: none is asked for."""

    keys: tuple[Key, ...] = ()
    needed: int = 0


def policy(keys: Sequence[Key], needed: int | None) -> Policy:
    """All keys must be of different witnesses; ValueError where the number cannot be reached. None: all of them."""
    asked = len(keys) if needed is None else needed
    if len({key.public_key for key in keys}) != len(keys):
        raise ValueError("one witness key is given twice")
    if not 0 <= asked <= len(keys):
        raise ValueError(f"{asked} of {len(keys)} witness keys cannot be reached")
    return Policy(tuple(keys), asked)


def witness_policy(texts: Sequence[str], needed: int | None) -> Policy:
    """A policy from key lines, or files that hold them; ValueError (KeyTextError) for anything else."""
    return policy([read_witness(key_text(text, read_witness)) for text in texts], needed)


def check(
    files: Files, latest: Note, by_the_log: Callable[[Note], int], asked: Policy
) -> tuple[Witnessed | None, list[Fault]]:
    """The newest head that enough witnesses stand for, and every fault of it.

    `by_the_log` gives the line of the log's own signature, or raises LineError.
    """
    faults: list[Fault] = []
    heads = [("checkpoint", latest)]
    if (raw := files.read(FILE)) is not None:
        try:
            older = read_note(raw)
            by_the_log(older)
            heads.append((FILE, older))
            faults += _unlike(files, latest, older)
        except LineError as error:
            faults.append(Fault(f"{FILE} line {error.line}", str(error)))
    found: Witnessed | None = None
    most = 0
    for place, note in heads:
        by, wrong = cosigners(note, asked, place)
        faults += wrong
        most = max(most, len(by))
        if asked.keys and len(by) >= asked.needed and (found is None or note.size > found.size):
            found = Witnessed(note.size, by)
    if found is None and asked.needed:
        why = f"cosigned by {most} of the {asked.needed} witnesses that it needs"
        faults.append(Fault("checkpoint", why))
    return found, faults


def cosigners(
    note: Note, asked: Policy, place: str
) -> tuple[tuple[tuple[str, int], ...], list[Fault]]:
    """Names and times of the witnesses that cosigned a head, and the cosignatures that do not fit."""
    by, faults = [], []
    for key in asked.keys:
        try:
            at = cosigned_at(note, key)
        except LineError as error:
            faults.append(Fault(f"{place} line {error.line}", str(error)))
            continue
        if at is not None:
            by.append((key.name, at))
    return tuple(by), faults


def _unlike(files: Files, latest: Note, older: Note) -> list[Fault]:
    if older.size > latest.size:
        why = f"is a head of {older.size} entries, but `checkpoint` covers {latest.size}: entries are missing"
        return [Fault(FILE, why)]
    if roots_of(files, latest.size, {older.size}).get(older.size) != older.root:
        why = f"the log signed this root of {older.size} entries, they give another: TWO HISTORIES"
        return [Fault(f"{FILE} line 3", why)]
    return []
