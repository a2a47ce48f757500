"""What the actuator process remembers over a crash: permits spent, mode epochs, outcomes not yet delivered.

One file of lines, `CRC-32 in hex, space, JSON`, each synced before `append` returns; a permit is spent here
before its first byte goes to a device. Only the last line can be torn. A torn one is cut and said; since
what it recorded is lost, every permit that may have been issued by then is refused (`horizon_ns`). Damage
anywhere else stops the process: what it hides may have been a permit that was used.
"""

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from twinvouch.adapters.disk import OS, Disk
from twinvouch.core.errors import CorruptError, UnavailableError

FILE: Final = "actuator.journal"
_VERSION = 1
_LONGEST = 1 << 16  # no line of ours is as long
_COMPACT_BYTES = 16 * 1024 * 1024
_KEEP = 1000  # nonces of permits that are over; twice as many are too many
_FORGET_NS = (
    60_000_000_000  # nonces of permits that expired a minute ago may leave; see `horizon_ns`
)


@dataclass(frozen=True, slots=True)
class Spending:
    """A permit that is being used: enough to ask the device after a crash what became of it."""

    nonce: bytes
    command: str
    tag: str
    words: tuple[int, ...]
    mode_epoch: int
    expires_ns: int
    at_ns: int


class ActuatorJournal:
    """The journal in `directory` (made where missing) of one actuator of `plant`; one process at a time.

    `repaired` says what was cut at the start, empty for nothing. Any failure to write is an
    UnavailableError, and from then on every call is: nothing may be done that cannot be remembered.
    """

    def __init__(
        self, directory: Path, plant: str, now_ns: int, max_ttl_ns: int, disk: Disk = OS
    ) -> None:
        disk.make_directory(directory)
        self._disk = disk
        self.repaired = ""
        self.horizon_ns = 0
        self._path = directory / FILE
        self._plant = plant
        self._spent: dict[bytes, int] = {}  # nonce -> expiry
        self._open: dict[bytes, Spending] = {}
        self._outbox: dict[bytes, bytes] = {}
        self._epochs: dict[str, int] = {}
        self._latest_ns = 0
        self._compact_at = _COMPACT_BYTES
        self._compact_over = 2 * _KEEP  # nonces
        self._file = -1
        self._lock = disk.hold(directory / "lock")
        try:
            self._restore(now_ns + max_ttl_ns)
        except BaseException:
            self.close()
            raise

    @property
    def unresolved(self) -> tuple[Spending, ...]:
        """Permits that were spent and have no outcome yet."""
        return tuple(self._open.values())

    @property
    def outbox(self) -> tuple[tuple[bytes, bytes], ...]:
        """Nonce and sealed outcome of what the core has not acknowledged, oldest first."""
        return tuple(self._outbox.items())

    def is_spent(self, nonce: bytes) -> bool:
        """True for a nonce that was spent or refused."""
        return nonce in self._spent

    def mode_epoch(self, asset: str) -> int:
        """The highest mode epoch seen for an asset."""
        return self._epochs.get(asset, 0)

    def spend(self, spending: Spending) -> None:
        """Durably: this permit is used, whatever happens next."""
        self._add({"spent": _plain(spending)})

    def refuse(self, spending: Spending, sealed: bytes) -> None:
        """Durably: this permit is never to be used, and `sealed` tells the core so."""
        self._add({"spent": _plain(spending), "outcome": base64.b64encode(sealed).decode()})

    def finish(self, nonce: bytes, sealed: bytes) -> None:
        """Durably: what became of a spent permit."""
        self._add({"of": nonce.hex(), "outcome": base64.b64encode(sealed).decode()})

    def begin_epoch(self, asset: str, epoch: int) -> None:
        """Durably: permits for this asset of an older mode epoch are refused from now on."""
        if epoch > self.mode_epoch(asset):
            self._add({"horizon_ns": 0, "epochs": {asset: epoch}})

    def delivered(self, nonce: bytes) -> None:
        """Durably: the core has the outcome."""
        self._add({"delivered": nonce.hex()})
        is_full = len(self._spent) > self._compact_over
        if is_full or self._disk.size(self._file) > self._compact_at:
            self._compact()

    def close(self) -> None:
        """Release file and lock."""
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                self._disk.close(descriptor)
        self._file = self._lock = -1

    def _restore(self, after_ns: int) -> None:
        """Read what is there; after a torn line permits that expire by `after_ns` count as used."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        self._file = self._disk.open(self._path, flags, 0o600)
        self._disk.sync_directory(self._path.parent)
        raw = self._disk.read(self._path)
        end = self._replay(raw)
        again = raw[:end]
        if end < len(raw):
            self.repaired = (
                f"`{self._path}`: the last line was torn at byte {end} and {len(raw) - end} bytes were cut; "
                "permits from before this start are refused"
            )
            horizon = {"horizon_ns": after_ns, "epochs": {}}
            self._apply(horizon)
            again = (again or self._first_line()) + _line(horizon)
        # lines of a process that was killed before its sync, or whose sync failed, read well and may never
        # reach the disk; a later sync would not tell (Linux takes such pages for clean)
        self._exchange(again or self._first_line())

    def _first_line(self) -> bytes:
        return _line({"journal": _VERSION, "plant": self._plant})

    def _replay(self, raw: bytes) -> int:
        """Apply all lines; returns where the whole ones end."""
        at = 0
        while at < len(raw):
            end = raw.find(b"\n", at) + 1
            record = _record(raw[at : end - 1]) if end else None
            if record is None and (end not in {0, len(raw)} or _is_two_lines(raw[at:])):
                raise CorruptError(f"`{self._path}`: byte {at}: a line before the last is damaged")
            if record is None:
                break
            if at == 0 and record != {"journal": _VERSION, "plant": self._plant}:
                raise CorruptError(
                    f"`{self._path}`: expected a journal of version {_VERSION} of plant `{self._plant}`, got "
                    f"{record!r:.100}; another plant needs a `data` directory of its own"
                )
            try:
                self._apply(record)
            except (KeyError, TypeError, ValueError) as error:
                raise CorruptError(f"`{self._path}`: byte {at}: {error!r:.100}") from None
            at = end
        return at

    def _add(self, record: Mapping[str, Any]) -> None:
        """Write one line, sync it, and only then know it."""
        if self._file < 0:
            raise UnavailableError(f"`{self._path}` is closed: an earlier write failed")
        try:
            _write(self._disk, self._file, _line(record))
        except OSError as error:
            self._disk.close(self._file)
            self._file = -1
            raise UnavailableError(
                f"`{self._path}` cannot be written: {error.strerror}; nothing is done any more"
            ) from None
        self._apply(record)

    def _apply(self, record: Mapping[str, Any]) -> None:
        if "spent" in record:
            spending = _spending(record["spent"])
            self._spent[spending.nonce] = spending.expires_ns
            self._latest_ns = max(self._latest_ns, spending.at_ns)
            asset = spending.tag.rpartition("/")[0]
            self._epochs[asset] = max(self.mode_epoch(asset), spending.mode_epoch)
            if "outcome" in record:
                self._outbox[spending.nonce] = base64.b64decode(record["outcome"], validate=True)
            else:
                self._open[spending.nonce] = spending
        elif "of" in record:
            nonce = bytes.fromhex(record["of"])
            self._open.pop(nonce, None)
            self._outbox[nonce] = base64.b64decode(record["outcome"], validate=True)
        elif "delivered" in record:
            self._outbox.pop(bytes.fromhex(record["delivered"]), None)
        elif "used" in record:
            self._spent[bytes.fromhex(record["used"])] = int(record["expires_ns"])
        elif "horizon_ns" in record:
            self.horizon_ns = max(self.horizon_ns, int(record["horizon_ns"]))
            self._epochs |= {str(k): int(v) for k, v in record["epochs"].items()}
        elif "journal" not in record:
            raise ValueError("a kind of line that this version does not know")

    def _compact(self) -> None:
        """Write a new file of what still matters; nonces that are forgotten raise the horizon."""
        kept = {*self._open, *self._outbox}
        oldest = self._latest_ns - _FORGET_NS
        past = sorted((e, n) for n, e in self._spent.items() if e <= oldest and n not in kept)
        gone = {n: e for e, n in past[: max(0, len(past) - _KEEP)]}
        horizon = max(gone.values(), default=0)
        lines: list[Mapping[str, Any]] = [
            {"journal": _VERSION, "plant": self._plant},
            {"horizon_ns": max(self.horizon_ns, horizon), "epochs": self._epochs},
        ]
        for nonce, expires_ns in self._spent.items():
            if nonce in self._open:
                lines.append({"spent": _plain(self._open[nonce])})
            elif nonce not in gone:
                lines.append({"used": nonce.hex(), "expires_ns": expires_ns})
        for nonce, sealed in self._outbox.items():
            lines.append({"of": nonce.hex(), "outcome": base64.b64encode(sealed).decode()})
        self._exchange(b"".join(map(_line, lines)))
        for nonce in gone:
            del self._spent[nonce]
        self.horizon_ns = max(self.horizon_ns, horizon)
        self._compact_over = len(self._spent) + _KEEP

    def _exchange(self, content: bytes) -> None:
        """Put a new file in the place of the journal, durably."""
        new = self._path.with_suffix(".new")
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        old, self._file = self._file, -1
        try:
            descriptor = self._disk.open(new, flags, 0o600)
            _write(self._disk, descriptor, content)
            self._disk.rename(new, self._path)
            self._disk.sync_directory(self._path.parent)
        except OSError as error:
            raise UnavailableError(f"`{new}` cannot be written: {error.strerror}") from None
        finally:
            self._disk.close(old)
        self._file = descriptor
        self._compact_at = max(_COMPACT_BYTES, 2 * len(content))


def _write(disk: Disk, descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[disk.write(descriptor, rest) :]
    disk.fsync(descriptor)


def _line(record: Mapping[str, Any]) -> bytes:
    text = json.dumps(record, separators=(",", ":")).encode()
    return b"%08x %s\n" % (crc32(text), text)


def _record(line: bytes) -> dict[str, Any] | None:
    """The record of a whole line, None for a damaged one."""
    text = line[9:]
    if line[:9] != b"%08x " % crc32(text):
        return None
    try:
        record = json.loads(text)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _is_two_lines(tail: bytes) -> bool:
    """True where a whole line begins `tail` and more follows: then its end was damaged, not torn."""
    braces = [at for at, byte in enumerate(tail[:_LONGEST]) if byte == 0x7D]
    return any(_record(tail[: at + 1]) is not None and at + 2 < len(tail) for at in braces)


def _plain(spending: Spending) -> dict[str, Any]:
    return {**asdict(spending), "nonce": spending.nonce.hex()}


def _spending(plain: Mapping[str, Any]) -> Spending:
    found = {**plain, "nonce": bytes.fromhex(plain["nonce"]), "words": tuple(plain["words"])}
    return Spending(**found)
