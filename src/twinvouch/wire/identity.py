"""A device's identification as a number: what travels as a reading, so that a change of it is seen.

The number is the first 48 bits of SHA-256 over the objects in the order of their ids, each as id, length (two
bytes) and text. 48 bits are exact in a double, and two devices of a plant share one by chance once in 10^14. Over
Modbus it lies in four words, the highest 0, as an u64 does.
"""

from collections.abc import Mapping
from hashlib import sha256

from twinvouch.wire.modbus_identity import NAMES

WORDS = 4


def fingerprint(objects: Mapping[int, bytes]) -> tuple[int, ...]:
    """The number of these objects as four words, high word first."""
    digest = sha256()
    for name, text in sorted(objects.items()):
        digest.update(bytes((name,)) + len(text).to_bytes(2, "big") + text)
    head = digest.digest()[:6]
    return (0, *(int.from_bytes(head[at : at + 2], "big") for at in (0, 2, 4)))


def shown(objects: Mapping[int, bytes]) -> str:
    """The objects as one line for people: a device may have put anything into its texts."""
    texts = {NAMES.get(n, f"object {n}"): t.decode("ascii", "replace") for n, t in objects.items()}
    return ", ".join(f"{name} {text!r:.60}" for name, text in list(texts.items())[:10])
