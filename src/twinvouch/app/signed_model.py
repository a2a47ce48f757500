"""A manifest over model files, signed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from twinvouch.adapters.keys import FileSigner
from twinvouch.app.config_model import Config
from twinvouch.core.kind import Purpose
from twinvouch.core.ports import Signer
from twinvouch.wire.cose import seal
from twinvouch.wire.manifest import Manifest, write_manifest

DAY_NS = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class About:
    """What the manifest says beside the files; valid for `days` from `made_ns`."""

    name: str
    version: str
    made_ns: int
    days: int
    inputs: Sequence[str] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)


def sign(files: Mapping[str, bytes], about: About, plant: str, signer: Signer) -> bytes:
    """The sealed manifest."""
    manifest = Manifest(
        model=about.name,
        version=about.version,
        files={name: sha256(raw).digest() for name, raw in files.items()},
        inputs=tuple(about.inputs),
        lineage=(),
        metrics=about.metrics,
        made_ns=about.made_ns,
        valid_until_ns=about.made_ns + about.days * DAY_NS,
    )
    content = write_manifest(manifest, plant)
    return seal(content, signer=signer, plant=plant, purpose=Purpose.MODEL)


def signer_of(config: Config, principal: str) -> FileSigner:
    """The key of a principal as model-signer, else its only one."""
    own = config.keys_dir / f"{principal}.model-signer.key"
    return FileSigner(own if own.exists() else config.keys_dir / f"{principal}.key")
