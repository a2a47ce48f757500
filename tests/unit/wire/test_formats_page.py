"""The byte examples of docs/reference/formats.md are what the code writes, and a stranger can check them."""

import re
from hashlib import sha256
from pathlib import Path

import cbor2
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.unit.wire.samples import (
    ADVICE,
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
from twinvouch.core.report import Report, Told
from twinvouch.wire import cbor, cose
from twinvouch.wire.advice import write_advice
from twinvouch.wire.batch import write_batch, write_changed, write_report
from twinvouch.wire.changes import Changes
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
REPORTS = (Report(Told.REPLAY, "hall/pump", 1_700_000_000_000_000_000, 3, (("seq", 7.0),)),)
CHANGES = Changes(
    times(2), np.array([0, 1], np.uint16), np.array([0.5, 1.0]), np.array([0, 1], np.uint8)
)
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
    "source report": write_report(header_of(GROUP, Kind.SOURCE_REPORT), GROUP, REPORTS),
    "changes": write_changed(header_of(GROUP, Kind.BATCH_CHANGES), GROUP, CHANGES),
    "command": write_command(COMMAND, PLANT),
    "advice": write_advice(ADVICE, PLANT),
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


def test_another_library_reads_reports_and_changes() -> None:
    """The header is that of kind 1; typed arrays are little-endian (RFC 8746)."""
    report, changes = (cbor2.loads(examples()[n]) for n in ("source report", "changes"))
    assert (report[1], changes[1]) == (12, 13)
    assert report[2:10] == changes[2:10]
    assert report[10] == [[3, "hall/pump", 1_700_000_000_000_000_000, 3, [["seq", 7.0]]]]
    kinds = {79: "<i8", 69: "<u2", 86: "<f8", 64: "u1"}
    arrays = [np.frombuffer(item.value, kinds[item.tag]).tolist() for item in changes[10:]]
    assert arrays == [times(2).tolist(), [0, 1], [0.5, 1.0], [0, 1]]


def test_the_page_names_every_kind_and_purpose() -> None:
    text = PAGE.read_text()
    for kind in Kind:
        if kind < Kind.ENTRY_START and kind is not Kind.BATCH_SENML:
            assert f"(kind {kind.value})" in text
    for name, purpose in vars(Purpose).items():
        if name.isupper():
            assert f"`{purpose}`" in text
