"""Two persons who answer for a built-in plant: they are entered in its twin.yaml and sign it, by the commands a person uses."""

from pathlib import Path
from typing import Final

from twinvouch.lab.children import Children

SIGNERS: Final = ("signer-1", "signer-2")


async def enrol_and_sign(children: Children, config: Path) -> None:
    """Make both persons' keys beside the plant's, enter the persons, and let each sign."""
    to = ("--config", str(config))
    role = ("--kind", "person", "--role", "safety-signer")
    for person in SIGNERS:
        await children.run("signers", ("principals", "add", person, *role, *to))
    for person in SIGNERS:
        await children.run("signers", ("config", "sign", "--by", person, "--yes", *to))
