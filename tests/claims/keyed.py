"""The toy plant under a plant root: a hand for the root, and everybody's key signed for one purpose."""

from dataclasses import dataclass, field, replace
from typing import Any

from tests.claims.site import NAMES, PLANT, START, Toy, make_site, reply, signer
from twinvouch.adapters.keys import SeededSigner
from twinvouch.core.event import KeyStated, Reply
from twinvouch.core.keyring import KeyPurpose, KeyStatement, KeyVerb
from twinvouch.core.kind import Purpose
from twinvouch.core.ports import Signer
from twinvouch.core.site import SECOND
from twinvouch.wire.cose import seal
from twinvouch.wire.keys import seal_rotation, write_key

DAY = 86_400 * SECOND
ROOT = SeededSigner(b"\xaa" * 32)
PURPOSES = {
    "edge-1": KeyPurpose.EDGE,
    "edge-2": KeyPurpose.EDGE,
    "ann": KeyPurpose.PERSON,
    "bob": KeyPurpose.PERSON,
    "cid": KeyPurpose.PERSON,
    "twin": KeyPurpose.SERVICE,
    "visitor": KeyPurpose.SERVICE,
    "actuator-1": KeyPurpose.ACTUATOR,
    "modeller": KeyPurpose.MODEL_SIGNER,
    "log": KeyPurpose.LOG,
    "permit": KeyPurpose.PERMIT,
}


def key(name: str) -> SeededSigner:
    """The key of a name that the root signed first."""
    return signer(name)


@dataclass
class Root:
    """The offline root: makes statements, knows the last serial."""

    signer: Signer = ROOT
    serial: int = 0

    def say(self, **about: Any) -> bytes:
        self.serial += 1
        said = KeyStatement(
            about.get("serial", self.serial),
            about.get("verb", KeyVerb.TRUST),
            about["purpose"],
            about["principal"],
            about["key"],
            about.get("not_before_ns", START - DAY),
            about.get("not_after_ns", START + 365 * DAY),
            about.get("reason", ""),
            about.get("since_ns", 0),
        )
        return seal(write_key(said, PLANT), signer=self.signer, plant=PLANT, purpose=Purpose.KEY)

    def trust(self, name: str, of: Signer | None = None, **but: Any) -> bytes:
        public = (of or key(name)).public_key
        return self.say(purpose=PURPOSES[name], principal=name, key=public, **but)

    def revoke(
        self, name: str, since_ns: int = START, of: Signer | None = None, **but: Any
    ) -> bytes:
        return self.trust(name, of, verb=KeyVerb.REVOKE, since_ns=since_ns, reason="stolen", **but)

    def hand_over(self, new: Signer) -> bytes:
        self.serial += 1
        raw = seal_rotation(self.serial, PLANT, old=self.signer, new=new)
        self.signer = new
        return raw


@dataclass
class Keyed(Toy):
    """A toy whose keys count by the root's word only."""

    root: Root = field(default_factory=Root)

    def __post_init__(self) -> None:
        self.site = replace(make_site(), root=ROOT.public_key, permit_key=key("permit").public_key)
        super().__post_init__()
        for name in NAMES:
            assert self.tell(self.root.trust(name)).code == 200

    def tell(self, raw: bytes) -> Reply:
        return reply(self.core.feed(KeyStated(self.salt(), "10.0.0.5", raw), self.now))
