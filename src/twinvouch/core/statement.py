"""Statement: a signed utterance of a principal (approve, reject, distrust, ...)."""

from dataclasses import dataclass
from enum import StrEnum


class Verb(StrEnum):
    """What a statement does. `distrust` and `restore` let a tag, edge, model or key count as nothing, and again (forward).

    `confirm` and `withdraw` are about a disavowal, `reject` about one or about a held command.

    `recalibration`, `maintenance` and `setpoint` are tickets: work on a tag, or on all tags of an asset, from when it
    is said until the statement expires. `break-glass` and `close-glass` are about an actuator or asset. The last five are the modes of an asset; `autonomous` lasts until it expires.
    """

    APPROVE = "approve"
    REJECT = "reject"
    DISTRUST = "distrust"
    RESTORE = "restore"
    CONFIRM = "confirm"
    WITHDRAW = "withdraw"
    RECALIBRATION = "recalibration"
    MAINTENANCE = "maintenance"
    SETPOINT = "setpoint"
    BREAK_GLASS = "break-glass"
    CLOSE_GLASS = "close-glass"
    AUTONOMOUS = "autonomous"
    SUPERVISED = "supervised"
    ADVISORY = "advisory"
    READ_ONLY = "read-only"
    ISOLATED = "isolated"


@dataclass(frozen=True, slots=True)
class Statement:
    """`subject` is the id of a command or of a disavowal, a tag or (in a ticket, of a mode) an asset, or what is distrusted.

    `shown` is the digest of what the person was shown.

    `nonce` (16 bytes) makes it single-use, `made_ns` and `expires_ns` are the signer's wall clock.
    """

    principal: str
    verb: Verb
    subject: str
    reason: str
    shown: bytes
    nonce: bytes
    made_ns: int
    expires_ns: int


@dataclass(frozen=True, slots=True)
class ConfigStatement:
    """A person signs the safety part (`digest`) of a configuration in its place: `number` comes after the last."""

    principal: str
    number: int
    digest: bytes
    made_ns: int
    expires_ns: int
