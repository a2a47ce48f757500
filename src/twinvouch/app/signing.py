"""Signing a configuration on a person's own machine, and the file the signatures travel in.

`twin.signed.json` beside twin.yaml holds the sealed statements and, for `config show`, the safety parts that were
signed. It needs no protection: a changed statement fits no signature, a part is shown only under its own digest, and who
signs is shown what changed since the last one that his own key has signed.
"""

import base64
import json
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinvouch.adapters.keys import FileSigner
from twinvouch.app import build, key_files, safety
from twinvouch.app.config_model import Config
from twinvouch.core.errors import ConfigError, MalformedError, SignatureError, UsageError
from twinvouch.core.keyring import KeyPurpose
from twinvouch.core.kind import Purpose
from twinvouch.core.ports import Signer
from twinvouch.core.statement import ConfigStatement
from twinvouch.engine.withholding import SIGNATURES
from twinvouch.wire.config import read_config, write_config
from twinvouch.wire.cose import check, seal, unseal

LIFE_NS = 7 * 86_400_000_000_000  # within this the second person signs, and the core starts


@dataclass(frozen=True, slots=True)
class Signed:
    """The file as it stands: sealed statements in order, and safety parts by digest in hex."""

    statements: tuple[bytes, ...]
    parts: dict[str, Any]


def path_of(config: Config) -> Path:
    """Where the signatures of a configuration lie."""
    return config.path.with_suffix(".signed.json")


def load(config: Config) -> Signed:
    """The signatures so far, none where there is no file; ConfigError where it is no such file."""
    path = path_of(config)
    if not path.exists():
        return Signed((), {})
    try:
        content = json.loads(path.read_text("utf-8"))
        raws = tuple(base64.b64decode(s, validate=True) for s in content["statements"])
        return Signed(raws, dict(content["parts"]))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"`{path}` is no file of signatures: {error}") from None


def part_of(config: Config) -> dict[str, Any]:
    """The safety part that is to be signed."""
    return safety.content(config, build.policy(config).digest)


def last_signed(config: Config, own: bytes = b"") -> tuple[int, dict[str, Any] | None]:
    """Number and safety part of the newest configuration that enough persons signed, by the file; 0 and None for none.

    With `own`, the public key of who looks, only what that key has signed too: whoever writes the file cannot hide a
    change behind what he says was signed before.
    """
    found = load(config)
    said = _said(config, found)
    if own:
        by_own = [_is_by(raw, own, config.plant.id) for raw in found.statements]
        mine = {
            (s.number, s.digest) for s, is_own in zip(said, by_own, strict=True) if s and is_own
        }
        said = [s for s in said if s and (s.number, s.digest) in mine]
    number, digest = _complete(said, found.parts)
    return number, _part(found.parts, digest)


def signer_of(config: Config, person: str, key_file: Path | None = None) -> Signer:
    """The person's own key for this; ConfigError where it is not here."""
    own = key_file or key_files.own_file(config, KeyPurpose.SAFETY_SIGNER, person)
    return FileSigner(own if own.exists() else config.keys_dir / f"{person}.key")


def sign(
    config: Config, by: tuple[str, Signer], part: dict[str, Any], number: int | None = None
) -> tuple[ConfigStatement, bytes]:
    """Sign `part`, which is what was shown, by a person's key and keep it in the file; gives the statement and its sealed form.

    Whether the person may is the core's to say: it asks the configuration that was signed last.
    """
    person, signer = by
    found = load(config)
    digest, now = safety.digest(part), time.time_ns()
    place = number if number is not None else _next(config, found, digest)
    said = ConfigStatement(person, place, digest, now, now + LIFE_NS)
    plant = config.plant.id
    raw = seal(write_config(said, plant), signer=signer, plant=plant, purpose=Purpose.CONFIG)
    _write(path_of(config), Signed((*found.statements, raw), {**found.parts, digest.hex(): part}))
    return said, raw


def to_tell(config: Config, after: int, digest: bytes) -> list[bytes]:
    """The statements of the file for this safety part in a later place: those a core that starts has use for."""
    found = load(config)
    said = zip(found.statements, _said(config, found), strict=True)
    return [raw for raw, s in said if s and s.number > after and s.digest == digest]


def _said(config: Config, found: Signed) -> list[ConfigStatement | None]:
    """What the statements say, nothing verified: the core does that."""
    said: list[ConfigStatement | None] = []
    for raw in found.statements:
        try:
            said.append(read_config(unseal(raw).content, config.plant.id))
        except MalformedError:
            said.append(None)
    return said


def _is_by(raw: bytes, key: bytes, plant: str) -> bool:
    try:
        check(unseal(raw), key, plant=plant, purpose=Purpose.CONFIG)
    except (MalformedError, SignatureError):
        return False
    return True


def _complete(said: list[ConfigStatement | None], parts: Mapping[str, Any]) -> tuple[int, bytes]:
    """The newest place that enough persons signed alike, of those whom the place before it lets sign."""
    persons: dict[tuple[int, bytes], set[str]] = {}
    for s in said:
        if s is not None:
            persons.setdefault((s.number, s.digest), set()).add(s.principal)
    last = (0, b"")
    for place, who in sorted(persons.items()):
        may = _part(parts, last[1] if last[0] else place[1])
        if len(who if may is None else who & safety.signers(may)) >= SIGNATURES:
            last = place
    return last


def _part(parts: Mapping[str, Any], digest: bytes) -> dict[str, Any] | None:
    """The safety part of this digest; None where the file has none, or another one in its place."""
    part = parts.get(digest.hex())
    return part if part is not None and safety.digest(part) == digest else None


def _next(config: Config, found: Signed, digest: bytes) -> int:
    number, last = _complete(_said(config, found), found.parts)
    if digest == last:
        raise UsageError(f"this configuration is signed already, as number {number}: nothing to do")
    return number + 1


def _write(path: Path, signed: Signed) -> None:
    content = {
        "statements": [base64.b64encode(raw).decode() for raw in signed.statements],
        "parts": signed.parts,
    }
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o644)
        json.dump(content, file, indent=1, ensure_ascii=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)
