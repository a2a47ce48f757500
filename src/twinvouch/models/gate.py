"""The way through gate 2: a model comes in only with a manifest signed by a model signer, whole and in date.

Every rule that is broken is a finding: `model_signature`, `model_plant`, `model_role`, `model_files`,
`model_format`, `model_expired`. The formats themselves are checked where the bytes are
(adapters/model_files.py); here their answers count.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from twinvouch.core.errors import MalformedError, SignatureError
from twinvouch.core.event import ModelSubmitted
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import Principal
from twinvouch.core.keyring import KeyRefusedError, Keyring
from twinvouch.core.kind import Purpose
from twinvouch.core.ports import PolicyRequest
from twinvouch.core.site import Site
from twinvouch.wire.manifest import Manifest, read_manifest
from twinvouch.wire.signed import open_signed

NAMES = ("model_signature", "model_role", "model_files", "model_format", "model_expired")
PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")  # the files are kept under the model's name
SUPPLY_CHAIN = "T0862"  # ATT&CK for ICS: Supply Chain Compromise


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a model: `manifest` and `signer` are there only where the signature held."""

    admitted: bool
    manifest: Manifest | None
    signer: str
    digest: bytes  # of the signed content
    findings: tuple[Finding, ...]


def judge(
    submitted: ModelSubmitted, site: Site, now_ns: int, ring: Keyring | None = None
) -> Judgement:
    """Judge one submitted model; hostile bytes are a finding, never an exception."""
    try:
        sealed, signer = open_signed(submitted.raw, site.plant, Purpose.MODEL, ring, now_ns)
        manifest = read_manifest(sealed.content, site.plant.id)
    except (MalformedError, SignatureError) as error:
        rule = error.rule if isinstance(error, KeyRefusedError) else "model_signature"
        return Judgement(
            admitted=False,
            manifest=None,
            signer="",
            digest=b"",
            findings=(_finding(rule, submitted.peer or "unknown", str(error)),),
        )
    findings = (
        *_role(signer, manifest, site),
        *_files(submitted, manifest),
        *_dates(manifest, now_ns),
    )
    return Judgement(not findings, manifest, signer.id, sealed.digest, findings)


def _role(signer: Principal, manifest: Manifest, site: Site) -> Iterator[Finding]:
    asked = PolicyRequest(
        principal=signer.id,
        principal_kind=signer.kind.value,
        roles=frozenset(r.value for r in signer.roles),
        action="submitModel",
        resource_type="Model",
        resource=manifest.model,
        attributes={"plant": site.plant.id},
        context={"signed": True},
    )
    answer = site.policy.decide(asked)
    if not answer.allowed:
        sentence = f"`{signer.id}` may not sign models: {answer.why}"
        yield _finding("model_role", manifest.model, sentence)


def _files(submitted: ModelSubmitted, manifest: Manifest) -> Iterator[Finding]:
    if not PLAIN.fullmatch(manifest.model):
        sentence = "the model's name is not plain (letters, digits, `_`, `.`, `-`; at most 100)"
        yield _finding("model_files", manifest.model, sentence)
    came: dict[str, bytes] = {}
    for name, digest, refused in submitted.files:
        if name in came:
            yield _finding("model_files", manifest.model, f"file `{name}` came twice")
        came[name] = digest
        if refused:
            yield _finding("model_format", manifest.model, f"file `{name}`: {refused}")
    if not manifest.files:
        yield _finding("model_files", manifest.model, "the manifest names no file")
    for name, digest in sorted(manifest.files.items()):
        if name not in came:
            yield _finding(
                "model_files", manifest.model, f"file `{name}` is in the manifest and did not come"
            )
        elif came[name] != digest:
            yield _finding(
                "model_files", manifest.model, f"file `{name}` is not the one that was signed"
            )
    for name in sorted(came.keys() - manifest.files.keys()):
        yield _finding(
            "model_files", manifest.model, f"file `{name}` came and is not in the manifest"
        )


def _dates(manifest: Manifest, now_ns: int) -> Iterator[Finding]:
    if manifest.valid_until_ns <= now_ns:
        late = (now_ns - manifest.valid_until_ns) / 1e9
        yield _finding("model_expired", manifest.model, f"the manifest expired {late:.0f} s ago")


def outlived(model: str, until_ns: int) -> Finding:
    """A model that is at work has expired since it was admitted."""
    until = np.datetime64(until_ns // 1_000_000_000, "s")
    sentence = (
        f"model `{model}` is at work in gate 1 and expired on {until}Z; it goes on judging readings: learn again, or have it "
        "signed again for longer, and restart"
    )
    return Finding("model_expired", model, Severity.MEDIUM, sentence)


def _finding(rule: str, subject: str, sentence: str) -> Finding:
    return Finding(rule, subject, Severity.HIGH, sentence, SUPPLY_CHAIN)
