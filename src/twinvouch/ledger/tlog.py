"""The Merkle tree of RFC 6962 over entry bytes: streaming growth, inclusion and consistency proofs.

A tree of any size is known by its *peaks*: the roots of the complete subtrees that its size splits
into, one per set bit, widest first. Growing needs the peaks only. Making a proof needs inner nodes,
which the caller hands in as `hash_at(level, index)`: the hash of the complete subtree over leaves
`index * 2**level` up to `(index + 1) * 2**level`. Checking a proof needs nothing but the proof.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import TypeAlias

from twinvouch.core.errors import UsageError

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()

HashAt: TypeAlias = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """Hash of a leaf, SHA-256(0x00 || entry): 32 bytes (RFC 6962 section 2.1)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node, SHA-256(0x01 || left || right): 32 bytes (RFC 6962 section 2.1)."""
    return sha256(b"\x01" + left + right).digest()


def fold(peaks: Sequence[bytes]) -> bytes:
    """The root of the tree with these peaks (widest first); without peaks that of the empty tree."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


class Tree:
    """A growing tree, known by its size and peaks only: memory is 32 bytes a set bit of the size."""

    __slots__ = ("_peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self._peaks = list(peaks)
        if len(self._peaks) != size.bit_count():
            raise UsageError(
                f"a tree of {size} leaves has {size.bit_count()} peaks, got {len(self._peaks)}"
            )

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """Roots of the complete subtrees, widest first: what `Tree(size, peaks)` restores from."""
        return tuple(self._peaks)

    def append(self, leaf: bytes) -> None:
        """Add a leaf by its hash; one inner hash on average."""
        peaks, index = self._peaks, self.size
        while index & 1:
            leaf = sha256(b"\x01" + peaks.pop() + leaf).digest()
            index >>= 1
        peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The Merkle tree hash of all leaves so far."""
        return fold(self._peaks)


def root_at(hash_at: HashAt, size: int) -> bytes:
    """The root over the first `size` leaves; of no leaves that of the empty tree."""
    return _range_root(hash_at, 0, size)


def inclusion_proof(hash_at: HashAt, index: int, size: int) -> list[bytes]:
    """Proof that leaf `index` is in the tree of `size` leaves (RFC 6962 section 2.1.1), leaf upwards."""
    if not 0 <= index < size:
        raise UsageError(f"leaf {index} is not in a tree of {size} leaves: ask below the size")
    return _path(hash_at, 0, index, size)


def consistency_proof(hash_at: HashAt, old: int, new: int) -> list[bytes]:
    """Proof that the tree of `new` leaves extends that of `old` leaves (RFC 6962 section 2.1.2)."""
    if not 0 < old <= new:
        raise UsageError(f"no consistency proof from {old} to {new} leaves: need 0 < old <= new")
    if old == new:
        return []
    level, node = _last_complete(old)
    first = [] if node == 0 else [hash_at(level, node)]
    return first + _path(hash_at, level, node, new)


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Whether `proof` shows that leaf hash `leaf` is number `index` under `root` (RFC 9162, 2.1.3.2)."""
    if len(leaf) != HASH_BYTES or not 0 <= index < size:
        return False
    last = size - 1
    for sibling in proof:
        if last == 0 or len(sibling) != HASH_BYTES:
            return False
        if index & 1 or index == last:
            leaf = sha256(b"\x01" + sibling + leaf).digest()
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            leaf = sha256(b"\x01" + leaf + sibling).digest()
        index, last = index >> 1, last >> 1
    return last == 0 and leaf == root


def verify_consistency(
    old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> bool:
    """Whether `proof` shows that the tree `new` extends the tree `old` (RFC 9162 section 2.1.4.2).

    Nothing can be said from an empty tree: `old` = 0 is False.
    """
    return old > 0 and verify_subtree_consistency((0, old), new, proof, old_root, new_root)


def shown_root(old: int, new: int, proof: Sequence[bytes], root: bytes) -> bytes | None:
    """The root of the first `old` leaves that a consistency proof shows under `root`; None where it shows none.

    With the root that was signed for `old` leaves it is either the same, or evidence of another history.
    """
    if not 0 < old <= new:
        return None
    if old == new:
        return root if not proof else None
    hashes = list(proof)
    first, last, tree_last = _enter(0, old - 1, new - 1)
    if (
        first == last
    ):  # the old tree is a node of the new one: its root is not in the proof, it is the seed
        return None
    found = _climb((first, last, tree_last), hashes[0], hashes[1:]) if hashes else None
    return found[0] if found is not None and found[1] == root else None


def verify_subtree_inclusion(
    leaf: bytes, index: int, span: tuple[int, int], proof: Sequence[bytes], root: bytes
) -> bool:
    """Whether leaf `index` is in the subtree over leaves `span[0]` up to `span[1]` with root `root`.

    Subtrees as in draft-ietf-plants-merkle-tree-certs, section 4: a proof for a run of entries.
    """
    start, end = span
    return _is_subtree(start, end) and verify_inclusion(
        leaf, index - start, end - start, proof, root
    )


def verify_subtree_consistency(
    span: tuple[int, int], size: int, proof: Sequence[bytes], part: bytes, root: bytes
) -> bool:
    """Whether the subtree over `span` with root `part` belongs to the tree of `size` leaves.

    draft-ietf-plants-merkle-tree-certs, section 4; an empty span has the empty root and no proof.
    """
    start, end = span
    if start == end:
        return 0 <= start <= size and not proof and part == EMPTY_ROOT
    if not _is_subtree(start, end) or end > size:
        return False
    first, last, tree_last = _enter(start, end - 1, size - 1)
    hashes = list(proof)
    if first != last and not hashes:
        return False
    seed = part if first == last else hashes.pop(0)
    found = _climb((first, last, tree_last), seed, hashes)
    return found == (part, root)


def _is_subtree(start: int, end: int) -> bool:
    """Whether the tree has a node over exactly these leaves: aligned to the next power of two."""
    return 0 <= start < end and start % (1 << (end - start - 1).bit_length()) == 0


def _enter(first: int, last: int, tree_last: int) -> tuple[int, int, int]:
    """Climb to the level where the proof begins: the widest complete node that ends the subtree."""
    at_end = last == tree_last
    while first != last and (at_end or last & 1):
        first, last, tree_last = first >> 1, last >> 1, tree_last >> 1
    return first, last, tree_last


def _climb(
    at: tuple[int, int, int], seed: bytes, proof: Sequence[bytes]
) -> tuple[bytes, bytes] | None:
    """Roots of subtree and tree that the proof leads to; None where it has too many or too few hashes."""
    first, last, tree_last = at
    part = root = seed
    for sibling in proof:
        if tree_last == 0 or len(sibling) != HASH_BYTES:
            return None
        if last & 1 or last == tree_last:
            if first < last:
                part = node_hash(sibling, part)
            root = node_hash(sibling, root)
            while not last & 1 and last:
                first, last, tree_last = first >> 1, last >> 1, tree_last >> 1
        else:
            root = node_hash(root, sibling)
        first, last, tree_last = first >> 1, last >> 1, tree_last >> 1
    return (part, root) if tree_last == 0 else None


def _last_complete(size: int) -> tuple[int, int]:
    """Level and index of the widest complete node that ends at leaf `size`."""
    level = (size & -size).bit_length() - 1
    return level, (size >> level) - 1


def _path(hash_at: HashAt, level: int, index: int, size: int) -> list[bytes]:
    """Siblings from the node up to the root; the one at the right edge may be an incomplete subtree."""
    proof: list[bytes] = []
    while (last := (size - 1) >> level) > 0:
        sibling = index ^ 1
        if (sibling + 1) << level <= size:
            proof.append(hash_at(level, sibling))
        elif sibling <= last:
            proof.append(_range_root(hash_at, sibling << level, size))
        level, index = level + 1, index >> 1
    return proof


def _range_root(hash_at: HashAt, start: int, end: int) -> bytes:
    """Root of the subtree over leaves start..end, where start is aligned as the tree's nodes are."""
    peaks = []
    for level in reversed(range((end - start).bit_length())):
        if (end - start) >> level:
            peaks.append(hash_at(level, start >> level))
            start += 1 << level
    return fold(peaks)
