"""The byte examples of docs/reference/formats.md are what the code writes, and a stranger can check them."""

import re
from hashlib import sha256
from pathlib import Path

import cbor2
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.unit.wire.samples import (
    COMMAND,
    MANIFEST,
    OUTCOME,
    PERMIT,
    PLANT,
    STATEMENT,
    SeedSigner,
    group_of,
    header_of,
    times,
)
from twinvouch.core.event import Tick
from twinvouch.core.kind import Kind, Purpose
from twinvouch.wire import cbor, cose
from twinvouch.wire.batch import write_batch
from twinvouch.wire.command import write_command
from twinvouch.wire.eventlog import write_event
from twinvouch.wire.manifest import write_manifest
from twinvouch.wire.outcome import write_outcome
from twinvouch.wire.permit import write_permit
from twinvouch.wire.statement import write_statement

PAGE = Path(__file__).parents[3] / "docs/reference/formats.md"
GROUP = group_of("f8", "u2")
VALUES = np.array([[0.5, 1.0], [2.5, 0.0]])
QUALITY = np.array([[0, 0], [0, 3]], np.uint8)
OUTCOME_CONTENT = write_outcome(OUTCOME, PLANT)
SEALED = cose.seal(OUTCOME_CONTENT, signer=SeedSigner(), plant=PLANT, purpose=Purpose.OUTCOME)
WRITTEN = {
    "sealed outcome": SEALED,
    "to be signed": cose.to_be_signed(
        SEALED[4:21], sha256(OUTCOME_CONTENT).digest(), PLANT, Purpose.OUTCOME
    ),
    "batch": write_batch(header_of(GROUP), GROUP, times(2), VALUES, QUALITY),
    "columns that the digest is of": cbor.encode(
        [GROUP.name, [list(pair) for pair in zip(GROUP.ids, GROUP.dtypes, strict=True)]]
    ),
    "senml batch": write_batch(
        header_of(GROUP, Kind.BATCH_SENML), GROUP, times(2), VALUES, QUALITY
    ),
    "command": write_command(COMMAND, PLANT),
    "statement": write_statement(STATEMENT, PLANT),
    "permit": write_permit(PERMIT),
    "outcome": OUTCOME_CONTENT,
    "manifest": write_manifest(MANIFEST, PLANT),
    "event: tick": write_event(Tick(bytes(16)), 1_700_000_000_000_000_000),
}


def examples() -> dict[str, bytes]:
    found = re.findall(r"^```hex (.*)\n([^`]*)```", PAGE.read_text(), re.MULTILINE)
    return {name: bytes.fromhex(text) for name, text in found}


def test_the_page_has_these_examples_and_no_other() -> None:
    assert examples().keys() == WRITTEN.keys()


@pytest.mark.parametrize("name", WRITTEN)
def test_an_example_is_what_the_code_writes(name: str) -> None:
    assert examples()[name] == WRITTEN[name]


def test_another_library_checks_the_sealed_example() -> None:
    shown = examples()
    sign1, content = cbor2.loads(shown["sealed outcome"])
    protected, _, payload, signature = sign1.value
    assert payload == sha256(content).digest()
    aad = cbor2.dumps(["net3", "outcome"])
    signed = cbor2.dumps(["Signature1", protected, aad, payload])
    assert signed == shown["to be signed"]
    (key,) = re.findall(r"public key\s`([0-9a-f]{64})`", PAGE.read_text())
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, signed)
    assert cbor2.loads(protected)[4] == sha256(bytes.fromhex(key)).digest()[:8]


def test_the_page_names_every_kind_and_purpose() -> None:
    text = PAGE.read_text()
    for kind in Kind:
        if kind < Kind.ENTRY_START and kind is not Kind.BATCH_SENML:
            assert f"(kind {kind.value})" in text
    for name, purpose in vars(Purpose).items():
        if name.isupper():
            assert f"`{purpose}`" in text
