"""Work with the plant root: statements made where the root key is, and the key list they are added to.

The root's private key is read here, in the person's own command, and never by a program that runs the plant.
"""

import base64
import time
from dataclasses import dataclass
from pathlib import Path

from twinvouch.adapters.keys import FileSigner, KeyAlgorithm, generate
from twinvouch.app import inventory, key_list
from twinvouch.app.config_model import Config
from twinvouch.core.errors import UsageError
from twinvouch.core.inventory import key_id
from twinvouch.core.keyring import KeyPurpose, Keyring, KeyStatement, KeyVerb, Known
from twinvouch.core.kind import Purpose
from twinvouch.core.ports import Signer
from twinvouch.wire.cose import seal
from twinvouch.wire.keys import seal_rotation, write_key
from twinvouch.wire.signature import is_public_key

DAY_NS = 86_400_000_000_000
OWN = {KeyPurpose.LOG: "log", KeyPurpose.PERMIT: "permit"}  # keys of the core itself, by file name


@dataclass(frozen=True, slots=True)
class Root:
    """The list with the root key at hand."""

    config: Config
    path: Path
    ring: Keyring
    signer: Signer

    @property
    def next_serial(self) -> int:
        """One more than any serial of the list."""
        return max(self.ring.serials, default=0) + 1

    def add(self, said: KeyStatement) -> None:
        """Sign a statement and add it to the list."""
        plant = self.config.plant.id
        raw = seal(write_key(said, plant), signer=self.signer, plant=plant, purpose=Purpose.KEY)
        key_list.append(self.path, [raw])


def make_root(path: Path, config_path: Path, algorithm: KeyAlgorithm) -> bytes:
    """Make the root key at a place of its own; UsageError where that is inside the plant's directories."""
    if config_path.is_file():
        from twinvouch.app.config import load

        config = load(config_path)
        for directory in (config.data_dir, config.keys_dir):
            if path.resolve().is_relative_to(directory.resolve()):
                raise UsageError(
                    f"`{path}` lies in `{directory}`: whoever gets the core must not get the root; "
                    "name a place that is not mounted here, such as a stick in a safe"
                )
    return generate(path, algorithm)


def open_root(config: Config, root_file: Path) -> Root:
    """The list of a configuration with its root key; a list that is not there begins empty."""
    signer = FileSigner(root_file)
    path = key_list.path_of(config)
    pinned = key_list.root_of(config)
    plant = inventory.plant(config)
    ring = key_list.ring(path, plant, pinned) if path.exists() else Keyring(plant, pinned)
    if signer.public_key != ring.root:
        raise UsageError(
            f"`{root_file}` is key {key_id(signer.public_key).hex()}, the root of `{path}` is "
            f"{key_id(ring.root).hex()}"
        )
    return Root(config, path, ring, signer)


def trust(root: Root, purpose: KeyPurpose, principal: str, key: bytes, days: int) -> KeyStatement:
    """Sign that a key is a principal's, from now on; UsageError where that contradicts the configuration or list."""
    if not is_public_key(key):
        raise UsageError("expected a public key of Ed25519 or P-256 in base64")
    if purpose not in {*OWN, KeyPurpose.WITNESS} and principal not in root.ring.plant.principals:
        raise UsageError(f"`{principal}` is not one of `principals:` in `{root.config.path}`")
    known = root.ring.keys.get(key_id(key))
    if known is not None and known.revoked is not None:
        raise UsageError(f"key {key_id(key).hex()} is revoked for ever: make a new one")
    if known is not None and (known.said.purpose, known.said.principal) != (purpose, principal):
        raise UsageError(
            f"key {key_id(key).hex()} is for {known.said.purpose} of `{known.said.principal}`"
        )
    now = time.time_ns()
    said = KeyStatement(
        root.next_serial, KeyVerb.TRUST, purpose, principal, key, now, now + days * DAY_NS
    )
    root.add(said)
    return said


def revoke(root: Root, kid: str, reason: str, since_ns: int) -> KeyStatement:
    """Sign that a key counts no longer, and since when it may have been in other hands."""
    known = find(root.ring, kid).said
    said = KeyStatement(
        *(root.next_serial, KeyVerb.REVOKE, known.purpose, known.principal, known.key),
        *(known.not_before_ns, known.not_after_ns, reason, since_ns),
    )
    root.add(said)
    return said


def rotate(root: Root, purpose: KeyPurpose, principal: str, days: int) -> tuple[KeyStatement, Path]:
    """Make a new key in the place of the old one, which is kept beside it, and sign it. The old one counts until revoked."""
    path = own_file(root.config, purpose, principal)
    algorithm = KeyAlgorithm.ED25519
    if path.exists():
        old = FileSigner(path)
        if len(old.public_key) != 32:
            algorithm = KeyAlgorithm.ES256
        path.rename(path.with_name(f"{path.stem}-{key_id(old.public_key).hex()}.key"))
    public = generate(path, algorithm)
    return trust(root, purpose, OWN.get(purpose, principal), public, days), path


def rotate_root(root: Root, new_file: Path) -> bytes:
    """Hand over to another root; signed by both. Gives the new public key, to be pinned everywhere."""
    new = FileSigner(new_file)
    raw = seal_rotation(root.next_serial, root.config.plant.id, old=root.signer, new=new)
    key_list.append(root.path, [raw])
    return new.public_key


def own_file(config: Config, purpose: KeyPurpose, principal: str) -> Path:
    """The key file of a purpose: `keys/ID.PURPOSE.key` for signers, else `keys/ID.key`."""
    name = OWN.get(purpose, principal)
    if purpose in {KeyPurpose.MODEL_SIGNER, KeyPurpose.SAFETY_SIGNER}:
        name = f"{name}.{purpose}"
    return config.keys_dir / f"{name}.key"


def find(ring: Keyring, kid: str) -> Known:
    """A key of the ring by its id in hex; UsageError where there is none."""
    for known_id, known in ring.keys.items():
        if known_id.hex() == kid.lower():
            return known
    raise UsageError(f"key `{kid[:40]}` is not in the list: `twinvouch keys list` shows the ids")


def public_key(text: str, file: Path | None) -> bytes:
    """A public key given in base64, or that of a private key file."""
    if (file is None) == (not text):
        raise UsageError("give --key BASE64 or --key-file FILE")
    if file is not None:
        return FileSigner(file).public_key
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise UsageError("--key: expected a public key in base64") from None
