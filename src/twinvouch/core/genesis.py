"""Genesis: a person's signed word that an edge begins a new chain, and what is known of a chain's beginning."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Genesis:
    """A person vouches for a new chain of `edge`, one that may begin without naming the batch before it.

    `epoch` is its boot epoch, `last` the digest that the core knows the old chain ended with, empty where it knows none.
    `nonce` (16 bytes) makes it single-use, `made_ns` and `expires_ns` are the signer's wall clock.
    """

    principal: str
    edge: str
    epoch: int
    last: bytes
    reason: str
    nonce: bytes
    made_ns: int
    expires_ns: int


class Beginning(NamedTuple):
    """How an edge's chain last began anew: `last` is the digest the one before ended with.

    `is_founded`: a genesis allows `epoch`. Else `epoch` came without naming `last`, and nobody has vouched for it.
    """

    epoch: int
    last: bytes
    is_founded: bool
