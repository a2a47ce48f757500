"""The unit files for systemd that come with twinvouch."""

import shutil
import sys
from importlib.resources import files
from pathlib import Path

from twinvouch.core.errors import UsageError

PLACE = "@PROGRAM@"
_UNSAFE = frozenset(" \t\n\"'\\$%;")  # what systemd would read as something else than a path


def text(name: str, program: str) -> str:
    """A unit file that runs `program`, which has to be an absolute path of plain characters."""
    if not program.startswith("/") or _UNSAFE & set(program):
        raise UsageError(
            f"`{program}` is no path that a unit can hold: expected an absolute one of plain characters"
        )
    unit = files("twinvouch.app").joinpath("systemd", name).read_text(encoding="utf-8")
    return unit.replace(PLACE, program)


def this_program() -> str:
    """The path of the `twinvouch` that runs now."""
    beside = Path(sys.executable).with_name("twinvouch")
    return str(beside) if beside.exists() else shutil.which("twinvouch") or "/usr/bin/twinvouch"
