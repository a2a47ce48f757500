"""Putting an edited text in the place of a configuration file: whole or not at all, and only over what was read."""

import os
import tempfile
from pathlib import Path

from twinvouch.core.errors import UsageError


def replace_text(path: Path, was: str, text: str) -> None:
    """Put `text` in the place of the file at once, with the old file's mode; UsageError where it holds `was` no more."""
    if path.read_bytes().decode("utf-8-sig") != was:
        raise UsageError(f"{path} changed meanwhile: nothing was written; run this again")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    new = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            os.fchmod(file.fileno(), path.stat().st_mode & 0o7777)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
