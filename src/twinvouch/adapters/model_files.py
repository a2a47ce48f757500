"""Files of a model: which formats come in. Default deny; nothing of a file is ever executed or unpickled.

Accepted are JSON (`.json`: limited size and depth, finite numbers, no key twice) and numpy archives
(`.npz`: a plain zip of `.npy` members, stored or deflated, whose arrays are numbers, finite and exactly as
long as their header says). Deny-list scanners missed 7 and 17 of 25 malicious files (measured), so there is
no list of bad things here. Members are read in chunks: a zip bomb costs time up to the limit, no memory.
"""

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from math import isfinite, prod
from os import fsync
from pathlib import Path
from shutil import rmtree
from typing import IO, Any, NoReturn
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np

from twinvouch.adapters.lock_file import make_directory, sync_directory
from twinvouch.core.errors import UsageError

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}){0,3}")
PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
MEMBER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\.npy")
HEADER = re.compile(
    r"\{'descr': '([<>|])([biuf])([1248])', 'fortran_order': (?:True|False), "
    r"'shape': \(((?:[0-9]{1,12}(?:, [0-9]{1,12}){0,7},?)?)\), \} *\n"
)
NPY_MAGIC = b"\x93NUMPY"
CHUNK = 1 << 16
INTEGER = range(-(2**63), 2**64)
UNREADABLE = (BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, LookupError)


@dataclass(frozen=True, slots=True)
class FileLimits:
    """Sizes in bytes; beyond them a file is refused."""

    files: int = 64
    json_bytes: int = 2 << 20
    json_depth: int = 32
    npz_bytes: int = 64 << 20
    members: int = 1000
    unpacked_bytes: int = 128 << 20  # of one archive


class RefusedError(Exception):
    """Why a file is refused, in one sentence."""


def examine(
    files: Mapping[str, bytes], limits: FileLimits | None = None
) -> tuple[tuple[str, bytes, str], ...]:
    """Name, SHA-256 and reason of refusal (empty: accepted) of every file, sorted by name."""
    limits = limits or FileLimits()
    too_many = f"{len(files)} files, limit is {limits.files}" if len(files) > limits.files else ""
    return tuple(
        (name, sha256(files[name]).digest(), too_many or refusal(name, files[name], limits))
        for name in sorted(files)
    )


def refusal(name: str, raw: bytes, limits: FileLimits | None = None) -> str:
    """Why a file is refused; empty where it is accepted. Never raises on hostile content."""
    try:
        _check(name, raw, limits or FileLimits())
    except RefusedError as why:
        return str(why)
    return ""


def folder(model: str, version: str) -> str:
    """The name of the folder that the files of one version of a model lie in: `NAME@VERSION`.

    Both are any printable text that a signer chose. What is not plain (a path, a dot at the front, other letters)
    stands as its digest, so that no name leads out of the directory or to the folder of another model.
    """
    return f"{_plain(model)}@{_plain(version)}"


def _plain(text: str) -> str:
    return text if PLAIN.fullmatch(text) else "~" + sha256(text.encode()).hexdigest()[:32]


def keep(directory: Path, files: Mapping[str, bytes]) -> None:
    """Make `directory` hold exactly these files, durably; what was there before is replaced as a whole.

    Raises UsageError for a file that `examine` would refuse by its name. Files are 0600.
    """
    for name in files:
        if not NAME.fullmatch(name):
            raise UsageError(
                f"model file `{name[:80]}` is not a plain relative path; nothing was kept"
            )
    fresh, old = (directory.with_name(f".{directory.name}.{end}") for end in ("new", "old"))
    for left in (fresh, old):
        rmtree(left, ignore_errors=True)
    make_directory(directory.parent)
    fresh.mkdir(mode=0o700)
    for name, raw in files.items():
        path = fresh / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("xb") as out:
            path.chmod(0o600)
            out.write(raw)
            out.flush()
            fsync(out.fileno())
    for made in (fresh, *(p for p in fresh.rglob("*") if p.is_dir())):
        sync_directory(made)
    if directory.exists():
        directory.rename(old)
    fresh.rename(directory)
    sync_directory(directory.parent)
    rmtree(old, ignore_errors=True)


def _check(name: str, raw: bytes, limits: FileLimits) -> None:
    if not NAME.fullmatch(name):
        raise RefusedError("name is not a plain relative path of letters, digits, `_`, `.` and `-`")
    if name.endswith(".json"):
        _check_json(raw, limits)
    elif name.endswith(".npz"):
        _check_npz(raw, limits)
    else:
        raise RefusedError("format is not accepted, expected .json or .npz")


def _check_json(raw: bytes, limits: FileLimits) -> None:
    if len(raw) > limits.json_bytes:
        raise RefusedError(f"JSON of {len(raw)} bytes, limit is {limits.json_bytes}")
    try:
        document = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_whole,
        )
    except RecursionError:
        raise RefusedError(f"JSON is nested deeper than {limits.json_depth}") from None
    except ValueError as error:
        raise RefusedError(f"JSON does not parse: {error}") from error
    level = _containers([document])
    for _ in range(limits.json_depth):
        level = _containers([child for node in level for child in _children(node)])
    if level:
        raise RefusedError(f"JSON is nested deeper than {limits.json_depth}")


def _containers(nodes: list[Any]) -> list[Any]:
    return [n for n in nodes if isinstance(n, (dict, list))]


def _children(node: Any) -> list[Any]:
    return list(node.values()) if isinstance(node, dict) else node


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise RefusedError("JSON has a key twice in one object")
    return found


def _refuse_constant(text: str) -> NoReturn:
    raise RefusedError(f"JSON holds {text}, which is not a finite number")


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise RefusedError(f"JSON holds {text[:40]}, which is not a finite number")
    return value


def _whole(text: str) -> int:
    value = int(text) if len(text) <= 20 else None
    if value is None or value not in INTEGER:
        raise RefusedError("JSON holds an integer of more than 64 bits")
    return value


def _check_npz(raw: bytes, limits: FileLimits) -> None:
    if len(raw) > limits.npz_bytes:
        raise RefusedError(f"archive of {len(raw)} bytes, limit is {limits.npz_bytes}")
    if not raw.startswith(b"PK\x03\x04"):
        raise RefusedError("not a zip archive from its first byte on")
    if raw[-22:-18] != b"PK\x05\x06":
        raise RefusedError("not a zip archive up to its last byte, or one with a comment")
    try:
        with ZipFile(BytesIO(raw)) as archive:
            members = archive.infolist()
            _check_directory(members, raw, limits)
            for member in members:
                with archive.open(member) as stream:
                    _check_npy(stream, member)
    except UNREADABLE as error:
        raise RefusedError(
            f"archive cannot be read: {str(error) or type(error).__name__}"
        ) from error


def _check_directory(members: list[ZipInfo], raw: bytes, limits: FileLimits) -> None:
    """Everything that the archive's directory tells, before a single byte is unpacked."""
    if not members or len(members) > limits.members:
        raise RefusedError(f"archive of {len(members)} members, expected 1 to {limits.members}")
    unpacked = sum(m.file_size for m in members)
    if unpacked > limits.unpacked_bytes:
        raise RefusedError(f"archive unpacks to {unpacked} bytes, limit is {limits.unpacked_bytes}")
    if len({m.filename for m in members}) != len(members):
        raise RefusedError("archive has a member twice")
    end = 0
    for member in sorted(members, key=lambda m: m.header_offset):
        _check_member(member)
        if member.header_offset < end:
            raise RefusedError(f"member `{member.filename}` overlaps another")
        end = member.header_offset + 30 + len(member.orig_filename) + member.compress_size
    if end > len(raw):
        raise RefusedError("archive is shorter than its members")


def _check_member(member: ZipInfo) -> None:
    if not MEMBER.fullmatch(member.orig_filename) or member.is_dir():
        raise RefusedError(f"member `{member.orig_filename[:80]}` is no plain .npy name")
    if member.compress_type not in {ZIP_STORED, ZIP_DEFLATED} or member.flag_bits & 0x1:
        raise RefusedError(f"member `{member.filename}` is neither stored nor deflated")


def _check_npy(stream: IO[bytes], member: ZipInfo) -> None:
    """One array: a strict header, numbers only, exactly as many bytes as announced, all finite.

    Format: NEP 1. Object arrays, which hold pickles, have no place in the accepted header.
    """
    prefix = stream.read(8)
    if prefix[:6] != NPY_MAGIC or prefix[6:] not in {b"\x01\x00", b"\x02\x00"}:
        raise RefusedError(f"member `{member.filename}` is no .npy of version 1 or 2")
    wide = 2 if prefix[6] == 1 else 4
    length = int.from_bytes(stream.read(wide), "little")
    if length > CHUNK:
        raise RefusedError(f"member `{member.filename}` has a header of {length} bytes")
    header = HEADER.fullmatch(stream.read(length).decode("latin-1"))
    if header is None:
        raise RefusedError(f"member `{member.filename}` is not a plain array of numbers")
    order, kind, size, shape = header.groups()
    try:
        dtype = np.dtype(f"{order}{kind}{size}")
    except TypeError as error:
        raise RefusedError(f"member `{member.filename}` has numbers of an unknown type") from error
    sides = [int(side) for side in shape.replace(",", " ").split()]
    announced = prod(sides) * dtype.itemsize
    if announced != member.file_size - 8 - wide - length:
        raise RefusedError(f"member `{member.filename}` is not as long as its header says")
    _check_numbers(stream, dtype, member)


def _check_numbers(stream: IO[bytes], dtype: "np.dtype[Any]", member: ZipInfo) -> None:
    """Reads to the end, so that the CRC is checked too; CHUNK is a multiple of every item size."""
    left = True
    while left:
        chunk = stream.read(CHUNK)
        left = len(chunk) == CHUNK
        whole = chunk[: len(chunk) - len(chunk) % dtype.itemsize]
        if dtype.kind == "f" and not np.isfinite(np.frombuffer(whole, dtype)).all():
            raise RefusedError(f"member `{member.filename}` holds numbers that are not finite")
