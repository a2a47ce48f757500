"""A model as it is submitted: CBOR `[sealed manifest, {file name: bytes}]`, examined before the gate is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from twinvouch.adapters.model_files import examine, folder, keep
from twinvouch.core.errors import MalformedError
from twinvouch.wire.cbor import decode, encode

ITEMS = 1024  # values of a submission: anybody may send one, and nobody is known before it is taken apart


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one submission, still unjudged."""

    contents: Mapping[str, bytes]

    def check(self) -> tuple[tuple[str, bytes, str], ...]:
        """Name, SHA-256 and reason of refusal of each file; slow for large files, so not on the event loop."""
        return examine(self.contents)

    def store(self, directory: Path, name: str, version: str) -> None:
        """Keep the files of an admitted model, each version by itself."""
        keep(directory / folder(name, version), self.contents)


def pack(manifest: bytes, contents: Mapping[str, bytes]) -> bytes:
    """The body of POST /api/v1/models."""
    return encode([manifest, dict(contents)])


def files_of(body: bytes) -> tuple[bytes, Files]:
    """The sealed manifest and the files; raises MalformedError where it is not a submission."""
    content = decode(body, items=ITEMS)
    if not isinstance(content, list) or len(content) != 2:
        raise MalformedError("a model is submitted as CBOR [sealed manifest, {file name: bytes}]")
    manifest, contents = content
    if not isinstance(manifest, bytes) or not isinstance(contents, dict):
        raise MalformedError("a model is submitted as CBOR [sealed manifest, {file name: bytes}]")
    files: dict[str, bytes] = {}
    for name, raw in contents.items():
        if not isinstance(name, str) or not isinstance(raw, bytes):
            raise MalformedError(f"file {str(name)[:100]!r}: expected a text name and bytes")
        files[name] = raw
    return manifest, Files(files)
