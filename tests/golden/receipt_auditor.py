"""python receipt_auditor.py FILE KEY: verifies a receipt, from docs/reference/receipt-format.md alone."""

import pathlib
import sys
from base64 import b64decode
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def read(raw: bytes, at: int):  # one CBOR value, and where it ends
    major, n, at = raw[at] >> 5, raw[at] & 31, at + 1
    if n > 23:
        n, at = int.from_bytes(raw[at : at + (1 << n - 24)], "big"), at + (1 << n - 24)
    if major in {2, 3}:
        assert at + n <= len(raw), "cut"
        return (raw[at : at + n] if major == 2 else raw[at : at + n].decode()), at + n
    if major == 4:
        items = []
        for _ in range(n):
            value, at = read(raw, at)
            items.append(value)
        return items, at
    return read(raw, at) if major == 6 else (n if major != 1 else -1 - n, at)


def root(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    if size == 1:
        assert not proof, "too long a proof"
        return leaf
    left, other = 1 << (size - 1).bit_length() - 1, proof[-1]
    if index < left:
        return sha256(b"\1" + root(leaf, index, left, proof[:-1]) + other).digest()
    return sha256(b"\1" + other + root(leaf, index - left, size - left, proof[:-1])).digest()


raw, (name, key_id, key) = pathlib.Path(sys.argv[1]).read_bytes(), sys.argv[2].split("+", 2)
(version, kind, plant, _, what, ident, note, told, links, digest), end = read(raw, 0)
assert (version, kind, end, digest) == (1, 15, len(raw), sha256(raw[:-32]).digest()), "no receipt"
text, signatures = note.decode().split("\n\n")
origin, size, signed_root = text.split("\n")
signed = next(b64decode(s.split(" ")[2]) for s in signatures.split("\n") if s.split(" ")[1] == name)
assert (origin, signed[:4].hex()) == (name, key_id), "the head of another log"
Ed25519PublicKey.from_public_bytes(b64decode(key)[1:]).verify(signed[4:], f"{text}\n".encode())
for index, entry, proof, openings in links:
    leaf = sha256(b"\0" + entry).digest()
    assert root(leaf, index, int(size), proof) == b64decode(signed_root), f"entry {index}"
    items, _ = read(entry, 0)
    for how, *of in openings:
        if how in {1, 2}:  # a salt, and a sealed thing or content
            content = read(of[1], 122)[0] if how == 1 else of[1]
            assert sha256(of[0] + sha256(content).digest()).digest() == items[4], f"entry {index}"
        if how == 3:  # an element, and the bytes it names
            assert sha256(of[1]).digest() == items[of[0]], f"entry {index}"
    if 67 <= items[1] <= 70:  # command, decision, permit, outcome
        assert items[5] == ident, f"entry {index}"
        parents = (
            items[-1] if items[0] == 1 else [p[0] if type(p) is list else p for p in items[-1][0]]
        )
        assert set(parents) <= {x[0] for x in links}, f"a parent of entry {index}"
print(f"verified: {what} {ident} of {plant}, {len(links)} entries under {size} of {origin}")
