"""What a receipt's entries say together: readings, command, decision, approvals, permit, outcome are one story.

Every parent that an entry of the story names is in the receipt, the decision allowed what the permit permits, the
permit is the one that the outcome reports on, and all ran under the configuration and policy that the start named.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from twinvouch.verifier.cbor import CborError, Typed, decode
from twinvouch.verifier.keys import read_root
from twinvouch.verifier.note import KeyTextError
from twinvouch.verifier.receipt import HOW, Known, Link, Receipt, ReceiptError, read
from twinvouch.verifier.report import Fault, _time, printable
from twinvouch.verifier.witnesses import Policy

START, BATCH, COMMAND, DECISION, PERMIT = 64, 65, 67, 68, 69
OUTCOME, STATEMENT, MODEL, KEY, VIRTUAL, MODE = 70, 71, 73, 75, 85, 87
LENGTHS = {64: 8, 65: 17, 67: 11, 68: 10, 69: 9, 70: 8, 71: 10, 73: 7, 75: 6, 82: 9, 84: 11, 85: 8, 87: 12, 88: 10}  # fmt: skip
LENGTHS_2 = {
    65: 19,
    67: 11,
    68: 10,
    73: 8,
}  # of entries of version 2: those that say what they rest on
OF = {
    COMMAND: 5,
    DECISION: 5,
    PERMIT: 5,
    OUTCOME: 5,
    STATEMENT: 7,
}  # the element that names the command
QUALITIES = ("good", "uncertain", "bad", "missing")
SHOWN = 50
RUNGS = ("autonomous", "supervised", "advisory", "read-only", "isolated")


@dataclass(frozen=True, slots=True)
class Verified:
    """The result: `fault` is None where everything fits; `story` are the facts, one line each."""

    fault: Fault | None
    receipt: Receipt | None
    story: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether everything fits."""
        return self.fault is None


def verify(
    raw: bytes,
    key: str,
    asked: Policy = Policy(),  # noqa: B008 - frozen
    signers: Sequence[bytes] = (),
    root: str = "",
) -> Verified:
    """Verify a receipt against the log's key; nothing but KeyTextError and RootTextError is raised, where those are none.

    Signatures are checked by `signers`, public keys, and by what the plant root (`root`, base64) says in the receipt.
    """
    known = Known(tuple(signers), read_root(root) if root else b"")
    try:
        receipt = read(raw, key, asked, known)
        story = tuple(_story(receipt))
    except KeyTextError:
        raise
    except ReceiptError as error:
        return Verified(Fault(error.place, str(error)), None, ())
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        # entries that hold other types than their kind says: a log can sign anything
        return Verified(Fault("entries", f"have another form ({type(error).__name__})"), None, ())
    return Verified(None, receipt, story)


def _story(receipt: Receipt) -> Iterator[str]:
    for link in receipt.links:
        lengths = {1: LENGTHS, 2: LENGTHS_2}.get(link.items[0], {})
        if len(link.items) != lengths.get(link.kind):
            raise ReceiptError(link.place, "is no part of a story that is known here")
    if receipt.what == "command":
        _command(receipt)
    elif receipt.what == "reading":
        _reading(receipt)
    else:
        raise ReceiptError("what", f"expected `command` or `reading`, got {receipt.what[:40]!r}")
    for link in receipt.links:
        yield from _said(link)


def _command(receipt: Receipt) -> None:
    """One command, its decisions, its permit and outcome, and everything they name as parents."""
    by_kind = _sorted(receipt)
    if len(by_kind[COMMAND]) != 1 or not by_kind[DECISION]:
        raise ReceiptError("entries", "expected one command and a decision on it")
    if len(by_kind[PERMIT]) > 1 or len(by_kind[OUTCOME]) > len(by_kind[PERMIT]):
        raise ReceiptError("entries", "expected one permit and one outcome at most")
    here = {link.index: link for link in receipt.links}
    command = by_kind[COMMAND][0]
    named: set[int] = set()
    for link in receipt.links:
        if link.kind in OF and not _is_occasion(link, receipt.id):
            if link.items[OF[link.kind]] != receipt.id:
                raise ReceiptError(link.place, f"is about another command than {receipt.id[:40]!r}")
            named |= _expect_parents(link, here)
    named_only = {BATCH, VIRTUAL, MODE}
    found = [x for x in receipt.links if x.kind in named_only or _is_occasion(x, receipt.id)]
    strange = [link for link in found if link.index not in named]
    if strange:
        raise ReceiptError(strange[0].place, "no entry of the story names it")
    for decision in by_kind[DECISION]:
        if _parents(decision)[:1] != [command.index]:
            raise ReceiptError(decision.place, "does not begin with the command")
    _expect_content(command, {2: receipt.plant, 5: command.items[7], 3: command.items[6]})
    if command.content is not None and _decoded(command)[4].hex() != receipt.id:
        raise ReceiptError(f"{command.place} content", "has another nonce")
    _permit(receipt, by_kind, here)
    _under(by_kind)


def _is_occasion(link: Link, ident: str) -> bool:
    """A statement about something else, or a disavowal, because of which the command was judged again."""
    is_other = link.kind == STATEMENT and ident != link.items[7] and link.items[6] != "approve"
    return is_other or link.kind in {82, 84}


def _permit(receipt: Receipt, by_kind: dict[int, list[Link]], here: dict[int, Link]) -> None:
    for permit in by_kind[PERMIT]:
        decision = here[permit.items[8][0]]
        if decision.kind != DECISION or decision.items[6] not in {"allow", "clamp"}:
            raise ReceiptError(permit.place, "its parent is no decision that allows")
        wanted = {2: receipt.plant, 3: receipt.id, 4: by_kind[COMMAND][0].items[7]}
        _expect_content(permit, {**wanted, 14: decision.index, 17: permit.items[7]})
        if permit.content is not None:
            _approvals(permit, by_kind[STATEMENT])
    for outcome in by_kind[OUTCOME]:
        if outcome.items[7] != [by_kind[PERMIT][0].index]:
            raise ReceiptError(outcome.place, "does not report on the permit")
        wanted = {2: receipt.plant, 4: outcome.items[6]}
        if by_kind[PERMIT][0].content is not None:
            wanted[3] = _decoded(by_kind[PERMIT][0])[16]
        _expect_content(outcome, wanted)


def _approvals(permit: Link, statements: Sequence[Link]) -> None:
    """The approvals that the permit names are among those that are here, where they are opened."""
    given = _decoded(permit)[13]
    approving = [s for s in statements if s.items[6] == "approve" and s.index < permit.index]
    digests = {s.items[5]: sha256(s.content).digest() for s in approving if s.content is not None}
    if len(digests) == len({s.items[5] for s in approving}):
        found = sha256(b"".join(sorted(set(digests.values())))).digest()
        if found != given:
            raise ReceiptError(f"{permit.place} content", "names other approvals than are here")


def _under(by_kind: dict[int, list[Link]]) -> None:
    """The start in force comes first and names what the permit names."""
    if len(by_kind[START]) != 1:
        raise ReceiptError("entries", "expected the start of the core that decided")
    start = by_kind[START][0]
    if start.index > by_kind[DECISION][-1].index:
        raise ReceiptError(start.place, "expected before the decision")
    for permit in by_kind[PERMIT]:
        _expect_content(permit, {11: start.items[5], 12: start.items[6]})


def _reading(receipt: Receipt) -> None:
    tag, _, index = receipt.id.rpartition("@")
    batches = [link for link in receipt.links if link.kind != KEY]
    batch = batches[0] if batches else receipt.links[0]
    if len(batches) != 1 or batch.kind != BATCH or str(batch.index) != index:
        raise ReceiptError("entries", f"expected the batch of {receipt.id[:80]!r} alone")
    names = (
        [] if batch.columns is None else [c[0] for c in batch.columns[1] if type(c) is list and c]
    )
    if batch.columns is not None and tag not in names:
        raise ReceiptError(f"{batch.place} columns", f"hold no {tag[:80]!r}")


def _sorted(receipt: Receipt) -> dict[int, list[Link]]:
    found: dict[int, list[Link]] = {kind: [] for kind in LENGTHS}
    for link in receipt.links:
        found[link.kind].append(link)
    return found


def _expect_parents(link: Link, here: dict[int, Link]) -> set[int]:
    parents = _parents(link)
    for parent in parents:
        if parent not in here or parent >= link.index:
            raise ReceiptError(link.place, f"its parent, entry {parent}, is not here")
    if link.kind == PERMIT and len(parents) != 1:
        raise ReceiptError(link.place, "expected one parent")
    return set(parents)


def _parents(link: Link) -> list[int]:
    """The entries that one names as its parents; since version 2 with the columns that count of each."""
    parents = link.items[-1]
    if link.items[0] == 2:
        parents = [p[0] if type(p) is list else p for p in parents[0]]
    if type(parents) is not list or any(type(p) is not int for p in parents):
        raise ReceiptError(link.place, "expected parents as indices")
    return parents


def _decoded(link: Link) -> list[Any]:
    """The content as values; ReceiptError where it is none."""
    try:
        found: Any = decode(link.content or b"")
    except CborError as error:
        raise ReceiptError(f"{link.place} content", str(error)) from None
    lengths = {COMMAND: 11, PERMIT: 18, OUTCOME: 8}
    if type(found) is not list or len(found) != lengths.get(link.kind, len(found)):
        raise ReceiptError(f"{link.place} content", "has another form")
    return found


def _expect_content(link: Link, wanted: dict[int, Any]) -> None:
    """Opened content says the same as the entries around it."""
    if link.content is None:
        return
    found = _decoded(link)
    for element, value in wanted.items():
        if found[element] != value:
            raise ReceiptError(
                f"{link.place} content", f"element {element} contradicts the entries"
            )
    if link.kind == COMMAND and type(found[4]) is not bytes:
        raise ReceiptError(f"{link.place} content", "expected a nonce")


def _said(link: Link) -> Iterator[str]:
    """What an entry says, in lines for people."""
    i = link.items
    when = _time(i[3]) if type(i[3]) is int else "unknown"
    words: Mapping[int, Callable[[], str]] = {
        START: lambda: f"start: configuration {_hex(i[5])}, policy {_hex(i[6])}, {i[7]}",
        BATCH: lambda: (
            f"batch {i[7]} of {i[5]} (epoch {i[6]}), group {i[9]}: {i[12]} readings, {i[13]} findings"
        ),
        COMMAND: lambda: f"command {i[5]} of {i[6]} on {i[7]}, class {i[8]}",
        DECISION: lambda: f"decision: {i[6]}, label {i[7]}, approvals {i[8]}",
        PERMIT: lambda: f"permit, until {_time(i[7])}",
        OUTCOME: lambda: f"outcome: {i[6]}",
        STATEMENT: lambda: f"{i[5]} says {i[6]}",
        KEY: lambda: "a statement about keys",
        82: lambda: f"{i[5]} disavows {i[6]} from {_time(i[7])} to {_time(i[8])}",
        84: lambda: f"disavowal {i[5]}: {i[6]}",
        VIRTUAL: lambda: f"virtual sensor of {i[5]}: {i[6]}",
        MODE: lambda: f"mode of {i[5]}: {RUNGS[i[6]]} became {RUNGS[i[7]]}, by {i[9]}",
        88: lambda: f"break-glass of {i[5]} for {i[6]}: {i[7]}, until {_time(i[8])}",
        MODEL: lambda: f"model {i[5]}, {'admitted' if i[6] else 'refused'}",
    }
    yield f"entry {link.index}, {when}: {words[link.kind]()}"
    if link.sealed is not None:
        checked = (
            f"signature by key {link.signer} fits"
            if link.signer
            else "signature not checked: its key was not given"
        )
        bound = (
            "" if link.bound else "; bound by that alone: the ledger commits to an encrypted record"
        )
        yield f"  {checked}{bound}"
    yield from (f"  {line}" for line in _opened(link))


def _opened(link: Link) -> Iterator[str]:
    if link.kind == BATCH:
        yield from _values(link)
    elif link.content is not None and link.kind in {COMMAND, PERMIT, OUTCOME}:
        found = _decoded(link)
        if link.kind == COMMAND:
            yield f"value {found[6]} {found[7]}; {found[10]}"
        elif link.kind == PERMIT:
            yield f"words {found[9]} as {found[10]} to {found[5]}, unit {found[6]}, {found[7]} {found[8]}"
        else:
            yield f"read back {found[5]}; {found[6]}"
    for stored in link.blobs.values():
        yield from _reasons(link, stored)


def _reasons(link: Link, stored: bytes) -> Iterator[str]:
    """Rules that spoke, of a decision or about a batch; a label has none."""
    try:
        found: Any = decode(stored[16:])
    except CborError:
        return
    if type(found) is list:
        for each in found[:SHOWN]:
            if type(each) is list and len(each) >= 3 and type(each[0]) is str:
                sentence = each[3] if link.kind == BATCH and len(each) > 3 else each[2]
                yield f"{each[0]}: {sentence}"


def _values(link: Link) -> Iterator[str]:
    """The newest value of each column, where content and columns are here and it is columnar (kind 1)."""
    if link.content is None or link.columns is None:
        return
    found = _decoded(link)
    wanted = {
        2: link.items[2],
        3: link.items[5],
        4: link.items[6],
        5: link.items[7],
        8: link.items[9],
    }
    if len(found) < 11 or any(found[at] != value for at, value in wanted.items()):
        raise ReceiptError(f"{link.place} content", "contradicts the entry")
    if found[1] == 1 and len(found) == 13:
        yield from _newest(link, found)


def _newest(link: Link, found: list[Any]) -> Iterator[str]:
    assert link.columns is not None
    columns = [(c[0], c[1]) for c in link.columns[1] if type(c) is list and len(c) == 2]
    times, arrays, quality = found[10:13]
    fits = type(times) is Typed and type(arrays) is list and times.values
    kinds = list(dict.fromkeys(dtype for _, dtype in columns))
    if not fits or len(arrays) != len(kinds) or any(type(a) is not Typed for a in arrays):
        raise ReceiptError(f"{link.place} content", "its columns have another form")
    row = len(times.values) - 1
    for at, (tag, dtype) in enumerate(columns[:SHOWN]):
        width = sum(d == dtype for _, d in columns)
        place = row * width + sum(d == dtype for _, d in columns[:at])
        cells = arrays[kinds.index(dtype)].values
        marks = (0,) * ((row + 1) * len(columns)) if quality is None else quality.values
        if place >= len(cells) or row * len(columns) + at >= len(marks):
            raise ReceiptError(f"{link.place} content", "its columns have another length")
        mark = QUALITIES[min(3, int(marks[row * len(columns) + at]))]
        value = cells[place]
        shown = f"{value:.9g}" if math.isfinite(value) else str(value)
        yield f"{tag} = {shown if mark != 'missing' else '-'} ({mark}) at {_time(int(times.values[row]))}"


def _hex(value: Any) -> str:
    return value.hex()[:16] if type(value) is bytes else "?"


def as_text(found: Verified) -> str:
    """The result for a terminal; text out of a receipt cannot control the terminal."""
    if found.receipt is None or found.fault is not None:
        fault = found.fault or Fault("receipt", "unknown")
        return printable(f"BAD {fault.place}: {fault.why}") + "\nNOT VERIFIED"
    r = found.receipt
    lines = [f"receipt of {r.what} {r.id}, plant {r.plant}, made {_time(r.made_ns)}"]
    lines.append(f"log {r.note.origin}, head of {r.note.size} entries")
    lines += [f"witnessed by {name} at {_time(at * 1_000_000_000)}" for name, at in r.witnessed]
    lines += found.story
    lines.append(f"discloses: {disclosed(r)}")
    lines.append(f"VERIFIED: {len(r.links)} entries are under the head that the log signed")
    return "\n".join(printable(line) for line in lines)


def as_json(found: Verified) -> str:
    """The result as one JSON object."""
    r, fault = found.receipt, found.fault
    told: dict[str, Any] = {"ok": found.ok, "fault": None}
    if fault is not None:
        told["fault"] = {"place": fault.place, "why": fault.why}
    if r is not None:
        told |= {"what": r.what, "id": r.id, "plant": r.plant, "made_ns": r.made_ns}
        told |= {"origin": r.note.origin, "size": r.note.size, "discloses": disclosed(r)}
        told["witnessed"] = [{"witness": name, "at_s": at} for name, at in r.witnessed]
        told["entries"] = [{"index": x.index, "kind": x.kind, "signer": x.signer or None, "bound": x.bound} for x in r.links]  # fmt: skip
    return json.dumps({**told, "story": list(found.story)})


def said_to_disclose(raw: bytes) -> str:
    """What a receipt says that it discloses, in words; nothing of it is verified."""
    try:
        top: Any = decode(raw)
        told = [(int(index), HOW[how]) for index, how in top[7]]
    except (CborError, ValueError, TypeError, IndexError, KeyError):
        return "unreadable"
    return (
        "; ".join(f"{what} of entry {index}" for index, what in told) or "nothing but the entries"
    )


def disclosed(receipt: Receipt) -> str:
    """What a receipt shows besides the entries themselves, in words."""
    said = []
    for link in receipt.links:
        parts = [HOW[1]] * (link.content is not None) + [HOW[3]] * len(link.blobs)
        parts += [HOW[5]] * (link.columns is not None)
        if parts:
            said.append(f"{', '.join(parts)} of {link.place}")
    return "; ".join(said) or "nothing but the entries"
