"""Verification of a receipt: its form, the signed head, each entry's place under it, what opens it, and the chain.

`verify(raw, key, asked, signers) -> Verified` never raises for what the bytes hold: the first thing that does not fit is
the fault, with its place. Nothing but the log's key is trusted; signatures of edges, persons and services are checked
where their public keys are given.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from twinvouch.verifier.cbor import CborError, decode
from twinvouch.verifier.entry import KINDS
from twinvouch.verifier.files import HASH
from twinvouch.verifier.note import LineError, Note, find_signed, read_key, read_note
from twinvouch.verifier.rooted import ENTRY as ENTRY_KEY
from twinvouch.verifier.rooted import Rooted
from twinvouch.verifier.sealed import content_of, is_signed, key_id, key_id_of
from twinvouch.verifier.walk import leaf_hash, node_hash
from twinvouch.verifier.witnesses import Policy, cosigners

KIND = 15
BYTES_MAX = (64 << 20) + 64
LINKS_MAX = 1_000
SEALED, CONTENT, BLOB, SIGNED, COLUMNS = 1, 2, 3, 4, 5
HOW = {SEALED: "signed content", CONTENT: "content", BLOB: "stored text", SIGNED: "signed content", COLUMNS: "columns"}  # fmt: skip
PURPOSES = {65: "readings", 67: "command", 70: "outcome", 71: "statement", 73: "model"}
BLOBS = {
    65: {14, 15},
    68: {4},
}  # elements of an entry that name stored bytes, besides the commitment


class ReceiptError(ValueError):
    """Something that does not fit: `place` says where."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(why)
        self.place = place


@dataclass(slots=True)
class Link:
    """An entry under the head: its index, its elements, and what was opened of it."""

    index: int
    kind: int
    items: list[Any]
    content: bytes | None = None  # of what was signed, or of a permit
    sealed: bytes | None = None
    signer: str = ""  # key id in hex of a signature that was checked, empty where it was not
    bound: bool = True  # False: by its signature alone, not by the ledger
    blobs: dict[int, bytes] = field(default_factory=dict)
    columns: list[Any] | None = None

    @property
    def place(self) -> str:
        """How a fault names it."""
        return f"entry {self.index} ({KINDS.get(self.kind, f'kind {self.kind}')})"


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt whose form and proofs fit."""

    plant: str
    made_ns: int
    what: str
    id: str
    note: Note
    witnessed: tuple[tuple[str, int], ...]
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """Whose signatures are checked: public keys that the verifier has, and those that the plant root (empty: none) named."""

    signers: tuple[bytes, ...] = ()
    root: bytes = b""


def read(raw: bytes, key: str, asked: Policy, known: Known) -> Receipt:
    """Everything but the chain; ReceiptError names the first place that does not fit."""
    top = _form(raw)
    plant, made_ns, what, ident, raw_note, told, raw_links = top[2:9]
    note, by = _head(raw_note, key, asked)
    if note.origin.rpartition("/")[0] != plant:
        raise ReceiptError("plant", f"{plant[:80]!r} is not that of log {note.origin[:80]!r}")
    links: list[Link] = []
    disclosed: list[list[int]] = []
    for number, raw_link in enumerate(raw_links):
        link = _link(number, raw_link, note, plant)
        if links and link.index <= links[-1].index:
            raise ReceiptError(link.place, "expected after all entries before it")
        for opening in raw_link[3]:
            _open(link, opening)
            disclosed.append([link.index, opening[0]])
        links.append(link)
    _signatures(links, known, plant)
    if told != disclosed:
        raise ReceiptError("disclosed", "is not what the entries open")
    if sha256(raw[:-32]).digest() != raw[-32:]:
        raise ReceiptError("digest", "a byte was changed that nothing else covers")
    return Receipt(plant, made_ns, what, ident, note, by, tuple(links))


def _form(raw: bytes) -> list[Any]:
    if len(raw) > BYTES_MAX:
        raise ReceiptError("form", f"expected at most {BYTES_MAX} bytes")
    try:
        top: Any = decode(raw)
    except CborError as error:
        raise ReceiptError(f"byte {error.at}", str(error)) from None
    forms = (int, int, str, int, str, str, bytes, list, list, bytes)
    if type(top) is not list or [type(each) for each in top] != list(forms):
        raise ReceiptError(
            "form", "expected [1, 15, plant, made_ns, what, id, note, disclosed, entries, digest]"
        )
    if top[:2] != [1, KIND] or len(top[9]) != 32:
        raise ReceiptError(
            "form", f"version {top[0]}, kind {top[1]}: expected a receipt, [1, {KIND}, ...]"
        )
    if not 0 < len(top[8]) <= LINKS_MAX:
        raise ReceiptError("form", f"expected 1..{LINKS_MAX} entries")
    return top


def _head(raw: bytes, text: str, asked: Policy) -> tuple[Note, tuple[tuple[str, int], ...]]:
    """The signed head and who cosigned it."""
    try:
        note = read_note(raw)
        find_signed(note, read_key(text))
    except LineError as error:
        raise ReceiptError(f"checkpoint line {error.line}", str(error)) from None
    by, faults = cosigners(note, asked, "checkpoint")
    for fault in faults:
        raise ReceiptError(fault.place, fault.why)
    if len(by) < asked.needed:
        why = f"cosigned by {len(by)} of the {asked.needed} witnesses that it needs"
        raise ReceiptError("checkpoint", why)
    return note, by


def _link(number: int, raw: Any, note: Note, plant: str) -> Link:
    forms = (int, bytes, list, list)
    if type(raw) is not list or [type(each) for each in raw] != list(forms):
        raise ReceiptError(f"link {number}", "expected [index, entry, proof, openings]")
    index, entry, proof, openings = raw
    if any(type(each) is not bytes or len(each) != 32 for each in proof):
        raise ReceiptError(f"entry {index}", "expected a proof of hashes of 32 bytes")
    if not is_included(leaf_hash(entry), (index, note.size), proof, note.root):
        raise ReceiptError(f"entry {index}", "its bytes and proof do not lead to the signed root")
    try:
        items: Any = decode(entry)
    except CborError as error:
        raise ReceiptError(f"entry {index}", str(error)) from None
    if type(items) is not list or len(items) < 5 or type(items[1]) is not int:
        raise ReceiptError(f"entry {index}", "expected [version, kind, plant, now_ns, ...]")
    link = Link(index, items[1], items)
    if items[0] not in {1, 2} or items[2] != plant:
        raise ReceiptError(link.place, f"expected version 1 or 2 of plant {plant[:80]!r}")
    if any(type(o) is not list or not o or type(o[0]) is not int for o in openings):
        raise ReceiptError(link.place, "expected openings [how, ...]")
    return link


def is_included(leaf: bytes, place: tuple[int, int], proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof leads from the leaf at `place` (index, size) to the root: RFC 9162 section 2.1.3.2."""
    index, size = place
    if len(leaf) != HASH or not 0 <= index < size:
        return False
    last = size - 1
    for sibling in proof:
        if last == 0:
            return False
        if index & 1 or index == last:
            leaf = node_hash(sibling, leaf)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            leaf = node_hash(leaf, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and leaf == root


def _open(link: Link, opening: list[Any]) -> None:
    """Check one opening against its entry and keep what it shows."""
    how, *arguments = opening
    forms = {
        SEALED: (bytes, bytes),
        CONTENT: (bytes, bytes),
        BLOB: (int, bytes),
        SIGNED: (bytes,),
        COLUMNS: (bytes,),
    }
    if tuple(type(a) for a in arguments) != forms.get(how):
        raise ReceiptError(link.place, f"opening {how}: expected another form")
    if how == BLOB:
        _blob(link, *arguments)
    elif how == COLUMNS:
        _columns(link, *arguments)
    else:
        _content(link, how, arguments)


def _content(link: Link, how: int, arguments: list[Any]) -> None:
    if link.content is not None:
        raise ReceiptError(link.place, "its content is opened twice")
    if how != CONTENT:
        link.sealed = arguments[-1]
        try:
            link.content = content_of(arguments[-1])
        except ValueError as error:
            raise ReceiptError(f"{link.place} content", str(error)) from None
    else:
        link.content = arguments[-1]
    committed = link.items[4]
    if how == SIGNED:
        link.bound = False
        if type(committed) is not bytes or len(committed) != 33 or committed[:1] != b"\x02":
            raise ReceiptError(link.place, "it commits to its content: expected that opened")
    elif committed != sha256(arguments[0] + sha256(link.content).digest()).digest():
        raise ReceiptError(f"{link.place} content", "is not what the entry commits to")


def _signatures(links: Sequence[Link], known: Known, plant: str) -> None:
    """Every signature whose key is known; a known key that did not sign, or may not, is a fault."""
    rooted = Rooted(known.root, plant)
    if known.root:
        rooted.take((x.index, x.items) for x in links if x.kind == ENTRY_KEY)
    given = {key_id(key): key for key in known.signers}
    for link in links:
        if link.sealed is None:
            continue
        kid, purpose = key_id_of(link.sealed), PURPOSES.get(link.kind, "")
        key, why = rooted.key_of(kid, purpose, link.index)
        key = key or (b"" if why else given.get(kid, b""))
        if why or (key and not is_signed(link.sealed, key, plant, purpose)):
            raise ReceiptError(f"{link.place} signature", why or f"is not by key {kid.hex()}")
        link.signer = kid.hex() if key else ""


def _blob(link: Link, element: int, stored: bytes) -> None:
    named = link.items[element] if element in BLOBS.get(link.kind, ()) else None
    if named != sha256(stored).digest() or element in link.blobs:
        raise ReceiptError(
            f"{link.place} stored text", f"element {element} does not name these bytes"
        )
    link.blobs[element] = stored


def _columns(link: Link, raw: bytes) -> None:
    try:
        content: Any = None if link.content is None else decode(link.content)
        columns: Any = decode(raw)
    except CborError as error:
        raise ReceiptError(f"{link.place} columns", str(error)) from None
    fits = (
        type(content) is list and len(content) > 9 and type(columns) is list and len(columns) == 2
    )
    if not fits or content[9] != sha256(raw).digest() or link.columns is not None:
        raise ReceiptError(f"{link.place} columns", "are not those that the batch names")
    link.columns = columns
