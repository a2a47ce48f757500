"""Files that are written whole: beside their place first, then renamed into it, so that nobody ever sees half of one."""

import os
from pathlib import Path

from twinvouch.adapters.disk import Disk


def beside(target: Path) -> Path:
    """Where the new content of a file stands until it is renamed."""
    return target.with_name(f"{target.name}.tmp")


def write_beside(disk: Disk, target: Path, content: bytes, mode: int) -> None:
    """Write and sync the temporary file that is renamed to `target` later; OSError."""
    descriptor = disk.open(beside(target), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        view = memoryview(content)
        while view:
            view = view[disk.write(descriptor, view) :]
        disk.fsync(descriptor)
    finally:
        disk.close(descriptor)


def replace_file(disk: Disk, target: Path, content: bytes, mode: int) -> None:
    """Put a file in the place of another, durably when it returns; OSError."""
    write_beside(disk, target, content, mode)
    disk.rename(beside(target), target)
    disk.sync_directory(target.parent)
