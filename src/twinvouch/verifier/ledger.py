"""Verification of a whole ledger: entries -> leaves -> tiles -> root -> signed checkpoint.

Where the recomputed root is the signed one, the entries are right and a tile that differs is wrong;
where it is not, the first entry that differs from its tile is named. A checkpoint whose signature
does not fit is tried with what the files say, to name the line that was changed.
"""

from dataclasses import replace
from pathlib import Path

from twinvouch.verifier import epochs, witnesses
from twinvouch.verifier.files import Files
from twinvouch.verifier.keys import LogKeys, read_root
from twinvouch.verifier.note import Key, LineError, Note, find_changed, find_signed, read_key
from twinvouch.verifier.note import read_note as read_checkpoint
from twinvouch.verifier.report import SHOWN, Fault, Report
from twinvouch.verifier.walk import Walk
from twinvouch.verifier.witnesses import Policy


def verify(directory: Path, key: str, root: str = "", asked: Policy = Policy()) -> Report:  # noqa: B008 - frozen
    """Check the ledger in `directory` against the log's verifier key (its one-line text).

    With the plant root's public key (`root`, base64) a log key that the root named in the ledger later counts too,
    and one that it revoked does not. `asked` is whose cosignatures a head needs. Reads files only and never raises for what they hold; KeyTextError where
    `key` is not a key, RootTextError where `root` is none.
    """
    trusted = read_key(key)
    pinned = read_root(root) if root else b""
    files = Files(directory)
    raw = files.read("checkpoint")
    if raw is None:
        return _report(files, None, Walk(files, 0), [Fault("checkpoint", "is missing")])
    try:
        note = read_checkpoint(raw)
    except LineError as error:
        return _report(files, None, Walk(files, 0), [_line(error)])
    plant = note.origin.rpartition("/")[0]
    walk = Walk(files, note.size, LogKeys(pinned, plant) if pinned else None)
    faults = _judge(note, trusted, walk, walk.run())
    claims = [c for index, entry in walk.epochs if (c := epochs.claim(index, entry)) is not None]
    continued, wrong = epochs.check(files, note.size, note.origin, claims)
    seen, unseen = witnesses.check(
        files, note, lambda head: _signed(head, trusted, walk.log_keys), asked
    )
    report = _report(files, note, walk, [*faults, *wrong, *unseen])
    return replace(report, epochs=continued, witnessed=seen)


def _judge(note: Note, key: Key, walk: Walk, root: bytes | None) -> list[Fault]:
    """All faults, the checkpoint's own first."""
    faults = walk.faults(entries_are_signed=root == note.root)
    try:
        line = _signed(note, key, walk.log_keys)
    except LineError as error:
        changed = find_changed(note, key, walk.files.entries(), root or note.root)
        return [_line(changed or error), *faults]
    if root != note.root and not faults:
        why = f"signed in line {line}, but entries and tiles agree on another root"
        return [Fault("checkpoint line 3", why)]
    return faults


def _signed(note: Note, key: Key, log_keys: LogKeys | None) -> int:
    """The line of a signature by the given key, or by one that the root named; never by one it revoked."""
    later = [] if log_keys is None else [Key(key.name, k) for k in reversed(log_keys.named)]
    revoked = {} if log_keys is None else log_keys.revoked
    wrong: LineError | None = None
    for each in (key, *later):
        try:
            line = find_signed(note, each)
        except LineError as error:
            wrong = wrong or error
            continue
        if each.public_key not in revoked:
            return line
        entry = revoked[each.public_key]
        wrong = LineError(line, f"signed by a key that the root revoked in entry {entry}")
    assert wrong is not None
    raise wrong


def _line(error: LineError) -> Fault:
    return Fault(f"checkpoint line {error.line}", str(error))


def _named(note: Note | None, log_keys: LogKeys | None) -> tuple[str, ...]:
    """The log keys that the root named or revoked, in words."""
    if note is None or log_keys is None:
        return ()
    told = [(entry, "named", key) for key, entry in log_keys.named.items()]
    told += [(entry, "revoked", key) for key, entry in log_keys.revoked.items()]
    return tuple(
        f"log key {Key(note.origin, key).key_id.hex()} {word} in entry {entry}"
        for entry, word, key in sorted(told)[:SHOWN]
    )


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
        log_keys=_named(note, walk.log_keys),
    )
