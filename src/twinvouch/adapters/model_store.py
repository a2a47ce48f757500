"""Files of admitted models on disk: one directory a model, replaced as a whole."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from twinvouch.adapters.lock_file import sync_directory


def keep(directory: Path, files: Mapping[str, bytes]) -> None:
    """Write the files beside each other and put them in the place of what was there before.

    Names were checked by `model_files.examine`; a crash leaves the old model or the new one.
    """
    draft = directory.with_name(f".{directory.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700, parents=True)
    for name, content in files.items():
        path = draft / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    sync_directory(draft)
    shutil.rmtree(directory, ignore_errors=True)
    draft.rename(directory)
    sync_directory(directory.parent)
