"""The key ring: whom a key belongs to, for what, from when and until when, under one plant root.

It is made of root-signed statements only. Each has a serial of its own; for a key the trust statement of the
highest serial counts, and a revocation counts for ever, whatever comes after. So the order in which the statements
of one root arrive does not matter for who is trusted; the ledger positions they arrive at do differ. A rotation
of the root ends what the old root can say. Without a root there is no ring, and the keys of twin.yaml count.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import TypeAlias

from twinvouch.core.errors import SignatureError
from twinvouch.core.inventory import Plant, Principal, key_id
from twinvouch.core.kind import Purpose

UNKNOWN = -1  # a ledger position: there is none
REVOKED, EXPIRED, MISUSED = "revoked_key", "expired_key", "key_purpose"
NAMES = (REVOKED, EXPIRED, MISUSED)
LIMIT = 10_000  # keys and serials of one ring


class KeyPurpose(StrEnum):
    """What a key may sign; a key has one."""

    EDGE = "edge"
    LOG = "log"
    PERMIT = "permit"
    PERSON = "person"
    SERVICE = "service"
    MODEL_SIGNER = "model-signer"
    SAFETY_SIGNER = "safety-signer"
    WITNESS = "witness"
    ACTUATOR = "actuator"


class KeyVerb(StrEnum):
    """What a key statement does."""

    TRUST = "trust"
    REVOKE = "revoke"


USES: Mapping[str, frozenset[KeyPurpose]] = {  # of a signature -> whose keys may make it
    Purpose.READINGS: frozenset({KeyPurpose.EDGE}),
    Purpose.COMMAND: frozenset({KeyPurpose.SERVICE, KeyPurpose.PERSON}),
    Purpose.ADVICE: frozenset({KeyPurpose.SERVICE, KeyPurpose.PERSON}),
    Purpose.STATEMENT: frozenset({KeyPurpose.PERSON}),
    Purpose.OUTCOME: frozenset({KeyPurpose.ACTUATOR}),
    Purpose.MODEL: frozenset({KeyPurpose.MODEL_SIGNER}),
    Purpose.PERMIT: frozenset({KeyPurpose.PERMIT}),
    Purpose.CONFIG: frozenset({KeyPurpose.SAFETY_SIGNER}),
}


class KeyRefusedError(SignatureError):
    """The signature holds, the key does not count: `rule` says why."""

    def __init__(self, rule: str, sentence: str) -> None:
        super().__init__(sentence)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class KeyStatement:
    """One word of the root about one key. `since_ns` is when a revoked key may first have been in other hands.

    `principal` is an id of twin.yaml; for log, permit and witness keys any name.
    """

    serial: int
    verb: KeyVerb
    purpose: KeyPurpose
    principal: str
    key: bytes
    not_before_ns: int
    not_after_ns: int
    reason: str = ""
    since_ns: int = 0


@dataclass(frozen=True, slots=True)
class RootStatement:
    """The root hands over: from now on only `new` speaks. Signed by both."""

    serial: int
    old: bytes
    new: bytes


Said: TypeAlias = KeyStatement | RootStatement


@dataclass(frozen=True, slots=True)
class Known:
    """What the ring holds of one key: the newest trust, the revocation, and the entries that made them known.

    `said` has verb REVOKE where only a revocation came so far. `entry` and `revoked_entry` are ledger indices.
    """

    said: KeyStatement
    entry: int = UNKNOWN
    revoked: KeyStatement | None = None
    revoked_entry: int = UNKNOWN


class Keyring:
    """Statements of one root, put together; raises nothing for what they say."""

    def __init__(self, plant: Plant, root: bytes) -> None:
        self.plant = plant
        self.roots: tuple[bytes, ...] = (root,)  # the pinned one first, the one that speaks last
        self.serials: dict[int, tuple[bytes, int]] = {}  # -> digest of the statement, its entry
        self.keys: dict[bytes, Known] = {}  # by key id
        self._holders: dict[bytes, Principal] = {}

    @property
    def root(self) -> bytes:
        """The public key that speaks now."""
        return self.roots[-1]

    @property
    def missing(self) -> list[int]:
        """Serials that must exist and never came: perhaps a revocation that somebody keeps back."""
        absent = (n for n in range(1, max(self.serials, default=0)) if n not in self.serials)
        return list(islice(absent, 100))  # a serial may be any number

    def known_entry(self, said: Said, digest: bytes) -> int | None:
        """The entry that brought exactly this statement, or all that it says; None where it is new."""
        held, entry = self.serials.get(said.serial, (b"", UNKNOWN))
        if held == digest:
            return entry
        if held and isinstance(said, KeyStatement) and said.verb is KeyVerb.REVOKE:
            known = self.keys.get(key_id(said.key))
            if known and known.revoked and known.revoked.since_ns <= said.since_ns:
                return known.revoked_entry
        return None

    def objection(self, said: Said) -> str:
        """Why a statement whose signature holds is not taken; empty where it is. No revocation is refused for its serial."""
        if isinstance(said, RootStatement):
            if said.old != self.root or said.new in self.roots:
                return "the rotation does not lead from the root that speaks now to a new one"
        elif said.verb is KeyVerb.REVOKE:
            return ""
        if said.serial in self.serials:
            return f"serial {said.serial} is taken by another statement of this root: sign it with the next one"
        if len(self.serials) >= LIMIT:
            return f"the ring holds {LIMIT} statements: open a new root"
        return ""

    def take(self, said: Said, digest: bytes, entry: int = UNKNOWN) -> None:
        """Take a statement that nothing objects to; `entry` is the ledger index that makes it known."""
        self.serials.setdefault(said.serial, (digest, entry))
        self._holders.clear()
        if isinstance(said, RootStatement):
            self.roots = (*self.roots, said.new)
            return
        kid = key_id(said.key)
        known = self.keys.get(kid)
        if said.verb is KeyVerb.REVOKE:
            self.keys[kid] = _revoked(known, said, entry)
        elif known is None or known.said.verb is KeyVerb.REVOKE:
            self.keys[kid] = replace(known or Known(said), said=said, entry=entry)
        elif said.serial > known.said.serial:
            self.keys[kid] = replace(known, said=said)

    def holder(self, kid: bytes) -> Principal | None:
        """The principal of twin.yaml that the ring gives this key to, with the key in it."""
        holder = self._holders.get(kid)
        if holder is None:
            known = self.keys.get(kid)
            principal = self.plant.principals.get(known.said.principal) if known else None
            if known is None or principal is None:
                return None
            holder = self._holders[kid] = replace(principal, key=known.said.key)
        return holder

    def public_key(self, kid: bytes) -> bytes | None:
        """The key of an id, whoever holds it."""
        known = self.keys.get(kid)
        return None if known is None else known.said.key

    def expect(self, kid: bytes, purpose: str, now_ns: int, position: int | None = None) -> None:
        """Raise KeyRefusedError unless the key may sign for `purpose` at this time and ledger position.

        `position`: the number of entries there were then; None is now.
        """
        known = self.keys.get(kid)
        if known is None or (position is not None and known.entry >= position):
            raise KeyRefusedError(MISUSED, f"key {kid.hex()} is not known yet")
        if known.revoked and (position is None or known.revoked_entry < position):
            when = f" at entry {known.revoked_entry}" if known.revoked_entry >= 0 else ""
            raise KeyRefusedError(
                REVOKED,
                f"key {kid.hex()} of `{known.said.principal}` is revoked{when}: {known.revoked.reason}",
            )
        said = known.said
        if said.purpose not in USES.get(purpose, ()):
            raise KeyRefusedError(
                MISUSED,
                f"key {kid.hex()} of `{said.principal}` is for {said.purpose}, not to sign for {purpose}",
            )
        if not said.not_before_ns <= now_ns <= said.not_after_ns:
            raise KeyRefusedError(EXPIRED, _off_time(kid, said, now_ns))


def _revoked(known: Known | None, said: KeyStatement, entry: int) -> Known:
    """The first entry that revoked stays, and the earliest time since when: what is doubted never shrinks."""
    if known is None:
        return Known(said, UNKNOWN, said, entry)
    if known.revoked is None:
        return replace(known, revoked=said, revoked_entry=entry)
    earlier = min(known.revoked, said, key=lambda s: (s.since_ns, s.serial))
    return replace(known, revoked=earlier)


def _off_time(kid: bytes, said: KeyStatement, now_ns: int) -> str:
    if now_ns < said.not_before_ns:
        return f"key {kid.hex()} of `{said.principal}` counts only in {(said.not_before_ns - now_ns) / 1e9:.0f} s"
    days = (now_ns - said.not_after_ns) / 86_400e9
    return f"key {kid.hex()} of `{said.principal}` expired {days:.2f} days ago: sign a new one with the root"
