"""The append-only record: entries, the Merkle tree over them, tiles, proofs and checkpoints."""
