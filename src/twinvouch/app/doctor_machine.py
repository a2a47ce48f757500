"""What the doctor looks at on the machine: Python, libraries, clock, data directory, units of systemd."""

import ctypes
import os
import re
import ssl
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from shutil import disk_usage
from typing import Final

from twinvouch import __version__
from twinvouch.app.doctor import Found, Patient, fail, ok, warn

OLDEST_PYTHON: Final = (3, 11)
TOO_LITTLE: Final = 256 * 1024 * 1024  # bytes free
LITTLE: Final = 2 * 1024 * 1024 * 1024
SLOW_S: Final = 0.05
UNITS: Final = Path("/etc/systemd/system")
SANDBOX: Final = ("NoNewPrivileges=yes", "ProtectSystem=strict", "MemoryDenyWriteExecute=yes")
_UNSYNCHRONISED = 0x40  # STA_UNSYNC of adjtimex(2)
_TIMEX = 256  # bytes, more than a struct timex has
_STATUS_AT = 40  # of its field `status` on 64-bit machines


def python(_: Patient, running: tuple[int, ...] = tuple(sys.version_info[:3])) -> Iterator[Found]:
    """Python, twinvouch itself and every library that the processes need."""
    said = f"twinvouch {__version__}, Python {'.'.join(map(str, running))}"
    if running[:2] < OLDEST_PYTHON:
        yield fail("python", said, "install Python 3.11 or newer")
    else:
        yield ok("python", said)


def libraries(_: Patient, wanted: Sequence[str] | None = None) -> Iterator[Found]:
    """Libraries that twinvouch demands, and OpenSSL."""
    found, missing = [], []
    for name in demanded() if wanted is None else wanted:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        yield fail("libraries", f"missing: {', '.join(missing)}", "install twinvouch again")
    else:
        yield ok("libraries", ", ".join([*found, ssl.OPENSSL_VERSION]))


def demanded() -> list[str]:
    """The names of the libraries that twinvouch always needs; those of extras are not among them."""
    wanted = [r for r in requires("twinvouch") or [] if "extra ==" not in r]
    return sorted(re.split(r"[^A-Za-z0-9_.-]", r)[0] for r in wanted)


def clock(_: Patient, status: int | None = -1) -> Iterator[Found]:
    """Whether the kernel counts its clock as synchronised (adjtimex)."""
    status = _clock_status() if status == -1 else status
    if status is None:
        yield warn(
            "clock", "unknown: the kernel does not say", "see that NTP or PTP sets this clock"
        )
    elif status & _UNSYNCHRONISED:
        do = "run chrony, systemd-timesyncd or PTP: readings and permits are judged by their age"
        yield warn("clock", "the kernel counts it as not synchronised", do)
    else:
        yield ok("clock", "synchronised")


def _clock_status() -> int | None:
    """The status bits of adjtimex(2), which reads only; None where it does not answer."""
    buffer = ctypes.create_string_buffer(_TIMEX)
    try:
        answer = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    except (OSError, AttributeError):
        return None
    if answer < 0 or struct.calcsize("P") != 8:
        return None
    status: int = struct.unpack_from("i", buffer, _STATUS_AT)[0]
    return status


def data(patient: Patient) -> Iterator[Found]:
    """The data directories: there, ours, with room, and quick enough at making things durable."""
    if patient.config is not None:
        yield from _directory("data", patient.config.data_dir)
    if patient.actuator is not None:
        directory = patient.actuator_path.parent / patient.actuator.data
        yield from _directory("journal", directory)


def _directory(check: str, directory: Path) -> Iterator[Found]:
    there = next(p for p in (directory, *directory.absolute().parents) if p.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        do = f"give `{there}` to the user that runs this process, or run the doctor as that user"
        yield fail(check, f"`{directory}` cannot be written by this user", do)
        return
    free = disk_usage(there).free
    room = f"{free / 2**30:.1f} GiB free"
    if free < TOO_LITTLE:
        yield fail(
            check, f"`{directory}`: {room}", "make room: nothing can be taken in on a full disk"
        )
    elif free < LITTLE:
        yield warn(check, f"`{directory}`: {room}", "make room, or keep less (`retention`)")
    sync_s = sync_seconds(there)
    said = f"`{directory}`: {room}, a flush takes {sync_s * 1e3:.2f} ms"
    if sync_s > SLOW_S:
        yield warn(check, said, "use a quicker disk: every answer waits for a flush")
    elif free >= LITTLE:
        yield ok(check, said)


def sync_seconds(directory: Path, rounds: int = 9) -> float:
    """The median time of an fdatasync after 4 KiB, in a file that is removed again."""
    took = []
    with tempfile.NamedTemporaryFile(dir=directory, prefix=".doctor-") as file:
        for _ in range(rounds):
            file.write(bytes(4096))
            file.flush()
            began = time.monotonic()
            os.fdatasync(file.fileno())
            took.append(time.monotonic() - began)
    return statistics.median(took)


def units(_: Patient, directory: Path = UNITS) -> Iterator[Found]:
    """Unit files of ours, if there are any, and whether their sandbox is still there."""
    files = sorted(directory.glob("twinvouch-*.service")) if directory.is_dir() else []
    if not files:
        yield ok("systemd", "no unit of twinvouch is installed on this machine")
    for file in files:
        lines = {line.strip() for line in file.read_text("utf-8", "replace").splitlines()}
        missing = [line for line in SANDBOX if line not in lines]
        if missing:
            do = f"compare it with `twinvouch systemd print`, then `systemd-analyze security {file.name}`"
            yield warn("systemd", f"`{file}` has no {', '.join(missing)}", do)
        else:
            yield ok("systemd", f"`{file}` has its sandbox")
