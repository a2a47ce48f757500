"""Two persons who answer for the built-in plant: they are entered in its twin.yaml and sign it, as `config sign` does."""

from pathlib import Path
from typing import Final

from twinvouch.adapters.keys import generate
from twinvouch.app import build, principals, signing
from twinvouch.core.inventory import PrincipalKind, Role

SIGNERS: Final = ("signer-1", "signer-2")


def enrol_and_sign(config_path: Path) -> None:
    """Make both persons' keys beside the plant's, enter the persons, and let each sign."""
    for person in SIGNERS:
        wanted = principals.Wanted(person, PrincipalKind.PERSON, (Role.SAFETY_SIGNER,))
        principals.add(config_path, wanted, generate)
    config = build.load(config_path)
    for person in SIGNERS:
        signing.sign(config, person)
