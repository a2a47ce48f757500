"""python auditor.py DIR KEY: verifies a ledger, from docs/reference/ledger-format.md alone."""

import pathlib
import sys
from base64 import b64decode, b64encode
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def tree(leaves: list[bytes]) -> bytes:
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"").digest()
    left = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1" + tree(leaves[:left]) + tree(leaves[left:])).digest()


folder, (name, key_id, key) = pathlib.Path(sys.argv[1]), sys.argv[2].split("+", 2)
text, signature = (folder / "checkpoint").read_text("utf-8").split("\n\n")
origin, size, root = text.split("\n")
signed = b64decode(signature.split(" ")[2])
assert (origin, signed[:4].hex()) == (name, key_id), "the checkpoint of another log"
Ed25519PublicKey.from_public_bytes(b64decode(key)[1:]).verify(signed[4:], f"{text}\n".encode())
leaves: list[bytes] = []
while len(leaves) < int(size):
    *upper, last = f"{len(leaves) // 256:,}".split(",")
    full = folder / "tile/entries" / "".join(f"x{each:0>3}/" for each in upper) / f"{last:0>3}"
    partial = full.with_name(f"{full.name}.p") / str(int(size) - len(leaves))
    raw = (partial if partial.exists() else full).read_bytes()
    for _ in range(min(256, int(size) - len(leaves))):
        end = 2 + int.from_bytes(raw[:2], "big")
        assert end <= len(raw), f"entry {len(leaves)} is cut"
        leaves.append(sha256(b"\0" + raw[2:end]).digest())
        raw = raw[end:]
assert b64encode(tree(leaves)).decode() == root, "the entries give another root"
print(f"verified: {size} entries of {origin}")
