"""A receipt: some entries of a ledger, the proof of each under one signed head, and what opens their commitments.

`[1, 15, plant, made_ns, what, id, note, disclosed, [[index, entry, [hash ...], [opening ...]] ...], digest]` in
deterministic CBOR; docs/reference/receipt-format.md says what each is and how a stranger verifies it. The digest is the
SHA-256 of all bytes before it: it protects nobody from a forger, but no bit of what was not verified can be flipped unseen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256

from twinvouch.core.errors import UsageError
from twinvouch.core.kind import VERSION, Kind
from twinvouch.wire.cbor import encode

LINKS_MAX = 1_000
BYTES_MAX = 64 << 20


class Opens(IntEnum):
    """What an opening is."""

    SEALED = 1  # salt, sealed thing: the entry commits to the salted digest of its content
    CONTENT = 2  # salt, content: the same of content that came without a signature, or of a permit
    BLOB = 3  # element of the entry, stored bytes: the element is their SHA-256
    SIGNED = 4  # sealed thing of an entry that commits to an encrypted record: its signature binds it alone
    COLUMNS = 5  # CBOR of a scan group's name and columns: a batch names its SHA-256


@dataclass(frozen=True, slots=True)
class Opening:
    """`how` an entry's commitment is opened, and the arguments in the order of the format."""

    how: Opens
    arguments: tuple[int | bytes, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """One entry: its index, its bytes, the inclusion proof, and its openings."""

    index: int
    entry: bytes
    proof: tuple[bytes, ...]
    openings: tuple[Opening, ...] = ()


@dataclass(frozen=True, slots=True)
class About:
    """What a receipt is about: `command` and its id, or `reading` and `tag@entry`."""

    plant: str
    made_ns: int
    what: str
    id: str


def disclosed(links: Sequence[Link]) -> list[list[int]]:
    """What a receipt discloses besides its entries: `[index, how]` for every opening, in order."""
    return [[link.index, int(o.how)] for link in links for o in link.openings]


def write_receipt(about: About, note: bytes, links: Sequence[Link]) -> bytes:
    """The file; UsageError where it would be larger than a verifier reads."""
    links = sorted(links, key=lambda link: link.index)
    body = [
        *(VERSION, Kind.RECEIPT, about.plant, about.made_ns, about.what, about.id, note),
        disclosed(links),
        [
            [x.index, x.entry, list(x.proof), [[int(o.how), *o.arguments] for o in x.openings]]
            for x in links
        ],
    ]
    head = encode([*body, bytes(32)])[:-32]
    if len(links) > LINKS_MAX or len(head) > BYTES_MAX:
        raise UsageError(
            f"a receipt has at most {LINKS_MAX} entries and {BYTES_MAX} bytes, got {len(links)} and {len(head)}: "
            "make it without readings"
        )
    return head + sha256(head).digest()
