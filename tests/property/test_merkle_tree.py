from hypothesis import given
from hypothesis import strategies as st

from twinvouch.ledger import tiles, tlog


def naive_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not leaves:
        return tlog.EMPTY_ROOT
    if len(leaves) == 1:
        return tlog.leaf_hash(leaves[0])
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return tlog.node_hash(naive_root(leaves[:k]), naive_root(leaves[k:]))


def naive_at(leaves: list[bytes], level: int, index: int) -> bytes:
    nodes = leaves[index << level : (index + 1) << level]
    assert len(nodes) == 1 << level, "a proof asked for an incomplete subtree"
    return naive_root(nodes)


def some(count: int) -> list[bytes]:
    return [n.to_bytes(2, "big") * (n % 5) for n in range(count)]


@given(st.lists(st.binary(max_size=40), max_size=200))
def test_streaming_root_is_the_naive_root(leaves: list[bytes]) -> None:
    tree = tlog.Tree()
    for leaf in leaves:
        tree.append(tlog.leaf_hash(leaf))
    assert tree.root() == naive_root(leaves)
    assert tiles.grow(tiles.Edge(), leaves)[0].root() == naive_root(leaves)


@given(st.lists(st.integers(0, 300), max_size=6))
def test_any_steps_give_one_edge(steps: list[int]) -> None:
    leaves, edge = some(sum(steps)), tiles.Edge()
    disk: dict[str, bytes] = {}
    for step in steps:
        edge, files = tiles.grow(edge, leaves[edge.size : edge.size + step])
        disk |= files
    assert edge == tiles.grow(tiles.Edge(), leaves)[0]
    assert tiles.restore(edge.size, disk.get).root() == naive_root(leaves)


@given(st.integers(1, 300), st.data())
def test_inclusion_proofs_hold_and_altered_ones_fail(size: int, data: st.DataObject) -> None:
    leaves = some(size)
    index = data.draw(st.integers(0, size - 1))
    proof = tlog.inclusion_proof(lambda a, b: naive_at(leaves, a, b), index, size)
    leaf, root = tlog.leaf_hash(leaves[index]), naive_root(leaves)
    assert tlog.verify_inclusion(leaf, index, size, proof, root)
    assert not tlog.verify_inclusion(flip(leaf), index, size, proof, root)
    assert not tlog.verify_inclusion(leaf, index, size, proof, flip(root))
    assert not tlog.verify_inclusion(leaf, index, size, [*proof, root], root)
    for other in altered(proof, data):
        assert not tlog.verify_inclusion(leaf, index, size, other, root)
    shifted = data.draw(st.integers(0, size - 1).filter(lambda n: n != index)) if size > 1 else 1
    assert not tlog.verify_inclusion(leaf, shifted, size, proof, root)


@given(st.integers(1, 300), st.data())
def test_consistency_proofs_hold_and_altered_ones_fail(new: int, data: st.DataObject) -> None:
    leaves = some(new)
    old = data.draw(st.integers(1, new))
    proof = tlog.consistency_proof(lambda a, b: naive_at(leaves, a, b), old, new)
    before, after = naive_root(leaves[:old]), naive_root(leaves)
    assert tlog.verify_consistency(old, new, proof, before, after)
    assert not tlog.verify_consistency(old, new, proof, flip(before), after)
    assert not tlog.verify_consistency(old, new, proof, before, flip(after))
    assert not tlog.verify_consistency(old, new, [*proof, after], before, after)
    for other in altered(proof, data):
        assert not tlog.verify_consistency(old, new, other, before, after)


@given(
    st.lists(st.binary(max_size=40), max_size=8),
    st.binary(max_size=33),
    st.integers(-2, 2**65),
    st.integers(-2, 2**65),
)
def test_hostile_proofs_are_false_and_nothing_else(
    proof: list[bytes], root: bytes, a: int, b: int
) -> None:
    assert not tlog.verify_inclusion(root, a, b, proof, bytes(32))
    assert not tlog.verify_consistency(a, b, proof, bytes(32), root + b"x")
    assert not tlog.verify_subtree_inclusion(root, a, (a, b), proof, bytes(32))
    assert not tlog.verify_subtree_consistency((b, a), b, proof, bytes(32), root + b"x")


def flip(value: bytes) -> bytes:
    return value[:-1] + bytes([value[-1] ^ 1])


def altered(proof: list[bytes], data: st.DataObject) -> list[list[bytes]]:
    """Each of: a flipped bit in one hash, one hash fewer, two swapped."""
    if not proof:
        return []
    at = data.draw(st.integers(0, len(proof) - 1))
    flipped = [*proof[:at], flip(proof[at]), *proof[at + 1 :]]
    shorter = proof[:at] + proof[at + 1 :]
    swapped = proof[::-1]
    return [other for other in (flipped, shorter, swapped) if other != proof]
