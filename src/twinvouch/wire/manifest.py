"""The content of a manifest, the signed statement of a model.

`[1, 7, plant, model, version, {file: sha256}, [input tags], [lineage], {metric: value}, made_ns, valid_until_ns]`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from twinvouch.core.kind import VERSION, Kind
from twinvouch.wire.cbor import encode
from twinvouch.wire.fields import DIGEST, expect_plant, fields_of, written

FILES = 100
INPUTS = 10_000
LINEAGE = 10_000
METRICS = 100


@dataclass(frozen=True, slots=True)
class Manifest:
    """What its signer says of a model: every file by digest, what it reads, what it was made from.

    `lineage` are ledger indices of the batches it was trained on; valid for `made_ns..valid_until_ns`.
    """

    model: str
    version: str
    files: Mapping[str, bytes]  # name -> SHA-256
    inputs: tuple[str, ...]
    lineage: tuple[int, ...]
    metrics: Mapping[str, float]
    made_ns: int
    valid_until_ns: int


def write_manifest(manifest: Manifest, plant: str) -> bytes:
    """The content to sign; UsageError where a field does not fit the format."""
    m = manifest
    content = encode(
        [
            *(VERSION, Kind.MANIFEST, plant, m.model, m.version, dict(m.files), m.inputs),
            *(m.lineage, {name: float(value) for name, value in m.metrics.items()}),
            *(m.made_ns, m.valid_until_ns),
        ]
    )
    return written(content, partial(read_manifest, plant=plant))


def read_manifest(content: bytes, plant: str) -> Manifest:
    """The manifest for `plant`; MalformedError for anything else."""
    fields = fields_of(content, Kind.MANIFEST, 11)
    expect_plant(fields, plant)
    return Manifest(
        model=fields.id("model"),
        version=fields.id("version"),
        files=fields.table("files", FILES, lambda value: value.octets("digest", DIGEST)),
        inputs=fields.each("inputs", INPUTS, lambda value: value.id("tag")),
        lineage=fields.each("lineage", LINEAGE, lambda value: value.integer("entry")),
        metrics=fields.table("metrics", METRICS, lambda value: value.number("metric")),
        made_ns=fields.integer("made_ns"),
        valid_until_ns=fields.integer("valid_until_ns"),
    )


def files_digest(files: Mapping[str, bytes]) -> bytes:
    """SHA-256 over the files of a model: of each its name and its own SHA-256, sorted by name."""
    return digests_digest({name: sha256(raw).digest() for name, raw in files.items()})


def digests_digest(files: Mapping[str, bytes]) -> bytes:
    """As `files_digest`, from the SHA-256 of each file."""
    return sha256(encode([[name, files[name]] for name in sorted(files)])).digest()
