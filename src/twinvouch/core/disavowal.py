"""Disavowal: a person's signed word that a source was bad for a past time (retroactive distrust)."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Disavowal:
    """What `subject` (a tag, an edge, a model or a key id in hex) said from `since_ns` to `until_ns` counts as nothing.

    Both moments are included, ns since 1970 by the times of the ledger. `shown` is the digest of the preview that the
    person was shown. `nonce` (16 bytes) makes it single-use, `made_ns` and `expires_ns` are the signer's wall clock:
    the word is to reach the core between them. It does not end by time.
    """

    principal: str
    subject: str
    since_ns: int
    until_ns: int
    reason: str
    shown: bytes
    nonce: bytes
    made_ns: int
    expires_ns: int


class Stage(StrEnum):
    """How far a disavowal has come. Only one that is in effect says anything of the past."""

    TRACING = "tracing"  # what it touches is being worked out
    WAITING = "waiting"  # for a second person
    IN_EFFECT = "in_effect"
    REJECTED = "rejected"
    EXPIRED = "expired"  # no second person confirmed it in time, or it could not be traced
    WITHDRAWN = "withdrawn"
