"""The demo's outside world: a witness on its own, and a stranger who has nothing but keys and a receipt."""

import asyncio
import sys
from pathlib import Path
from typing import Any, Final

from twinvouch.adapters.keys import generate
from twinvouch.adapters.ledger_reader import WITNESSED, read
from twinvouch.core.errors import MalformedError
from twinvouch.lab.children import Children
from twinvouch.ledger import checkpoint
from twinvouch.ledger.cosignature import WitnessKey

NAME: Final = "witness"
KEY_FILE: Final = "witness.key"


def make_key(keys: Path) -> str:
    """Make the witness's private key; the line by which others know it."""
    return WitnessKey(NAME, generate(keys / KEY_FILE)).text()


def arguments(directory: Path, log_key: str, port: int) -> tuple[str, ...]:
    """How the witness is started."""
    key, state = str(directory / "keys" / KEY_FILE), str(directory / "witness")
    about = ("--name", NAME, "--key", key, "--state", state)
    return ("witness", "serve", *about, "--log", log_key, "--port", str(port))


def config(witness_key: str, port: int) -> dict[str, Any]:
    """What twin.yaml says of it."""
    return {"cosigners": [{"key": witness_key, "url": f"http://127.0.0.1:{port}"}]}


def witnessed(ledger: Path) -> int:
    """How many entries the witness stands for."""
    raw = read(ledger, WITNESSED)
    try:
        return 0 if raw is None else checkpoint.read_text(checkpoint.read_note(raw).text).size
    except MalformedError:
        return 0


async def receipt(children: Children, directory: Path, ident: str, principal: str) -> Path:
    """The receipt of a command, asked of the running core by the command line."""
    out = directory / "receipt.cbor"
    config_option = ("--config", str(directory / "twin.yaml"))
    asked = ("receipt", "make", ident, "--out", str(out), *config_option, "--as", principal)
    await children.run("receipt", asked)
    return out


async def verified(file: Path, log_key: str, witness_key: str) -> bool:
    """Whether the stand-alone verifier takes a receipt with these two keys."""
    program = (sys.executable, "-m", "twinvouch.verifier", "receipt", str(file))
    done = await asyncio.create_subprocess_exec(
        *program, "--key", log_key, "--witness", witness_key, stdout=asyncio.subprocess.DEVNULL
    )
    return await done.wait() == 0
