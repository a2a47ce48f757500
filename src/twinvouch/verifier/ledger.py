"""Verification of a whole ledger: entries -> leaves -> tiles -> root -> signed checkpoint.

Where the recomputed root is the signed one, the entries are right and a tile that differs is wrong;
where it is not, the first entry that differs from its tile is named. A checkpoint whose signature
does not fit is tried with what the files say, to name the line that was changed.
"""

from dataclasses import replace
from pathlib import Path

from twinvouch.verifier import epochs
from twinvouch.verifier.files import Files
from twinvouch.verifier.note import Key, LineError, Note, find_changed, find_signed, read_key
from twinvouch.verifier.note import read_note as read_checkpoint
from twinvouch.verifier.report import SHOWN, Fault, Report
from twinvouch.verifier.walk import Walk


def verify(directory: Path, key: str) -> Report:
    """Check the ledger in `directory` against the log's verifier key (its one-line text).

    Reads files only and never raises for what they hold; KeyTextError where `key` is not a key.
    """
    trusted = read_key(key)
    files = Files(directory)
    raw = files.read("checkpoint")
    if raw is None:
        return _report(files, None, Walk(files, 0), [Fault("checkpoint", "is missing")])
    try:
        note = read_checkpoint(raw)
    except LineError as error:
        return _report(files, None, Walk(files, 0), [_line(error)])
    walk = Walk(files, note.size)
    root = walk.run()
    faults = _judge(note, trusted, walk, root)
    claims = [c for index, entry in walk.epochs if (c := epochs.claim(index, entry)) is not None]
    continued, wrong = epochs.check(files, note.size, note.origin, claims)
    return replace(_report(files, note, walk, [*faults, *wrong]), epochs=continued)


def _judge(note: Note, key: Key, walk: Walk, root: bytes | None) -> list[Fault]:
    """All faults, the checkpoint's own first."""
    faults = walk.faults(entries_are_signed=root == note.root)
    try:
        line = find_signed(note, key)
    except LineError as error:
        changed = find_changed(note, key, walk.files.entries(), root or note.root)
        return [_line(changed or error), *faults]
    if root != note.root and not faults:
        why = f"signed in line {line}, but entries and tiles agree on another root"
        return [Fault("checkpoint line 3", why)]
    return faults


def _line(error: LineError) -> Fault:
    return Fault(f"checkpoint line {error.line}", str(error))


def _report(files: Files, note: Note | None, walk: Walk, faults: list[Fault]) -> Report:
    return Report(
        directory=str(files.directory),
        origin=note.origin if note else "",
        size=note.size if note else 0,
        root=note.root if note else b"",
        files=files.count,
        contents=walk.contents,
        faults=tuple(faults[:SHOWN]),
        beyond=tuple(files.beyond(note.size)[:SHOWN]) if note else (),
    )
