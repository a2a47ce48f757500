"""What a verification found, as values, as plain data for JSON, and as text for people."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

SHOWN = 20  # faults and uncovered files that are listed by name
NAMES_MAX = 1000  # kinds and plants that are counted apart; a ledger could hold any number


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that does not fit: `place` is an entry, a tile, or a checkpoint line."""

    place: str
    why: str


@dataclass(frozen=True, slots=True)
class Epoch:
    """Entry `entry` continues the log `origin`, whose first `size` entries, with this root, are here too."""

    entry: int
    origin: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Witnessed:
    """Enough witnesses stand for the first `size` entries: names, and when each cosigned (POSIX seconds)."""

    size: int
    by: tuple[tuple[str, int], ...]


@dataclass(slots=True)
class Contents:
    """What the entries say about themselves, counted."""

    kinds: dict[str, int] = field(default_factory=dict)
    plants: dict[str, int] = field(default_factory=dict)
    first_ns: int | None = None
    last_ns: int | None = None

    def count(self, kind: str, plant: str | None, now_ns: int | None) -> None:
        """Add one entry; None where it does not say."""
        _count(self.kinds, kind)
        if plant is not None:
            _count(self.plants, plant)
        if now_ns is not None:
            self.first_ns = now_ns if self.first_ns is None else min(self.first_ns, now_ns)
            self.last_ns = now_ns if self.last_ns is None else max(self.last_ns, now_ns)


@dataclass(frozen=True, slots=True)
class Report:
    """The result for one ledger directory: `faults` is empty where everything fits.

    The first fault is the first bad place. `beyond` names files that the checkpoint does not cover:
    an interrupted publish leaves such, they are neither verified nor wrong.
    """

    directory: str
    origin: str
    size: int
    root: bytes
    files: int
    contents: Contents
    faults: tuple[Fault, ...]
    beyond: tuple[str, ...]
    log_keys: tuple[str, ...] = ()
    epochs: tuple[Epoch, ...] = ()
    witnessed: Witnessed | None = None

    @property
    def ok(self) -> bool:
        """Whether every entry, tile and checkpoint line fits."""
        return not self.faults


def as_plain(report: Report) -> Mapping[str, Any]:
    """The report as one JSON object; its keys are stable."""
    return {
        "ok": report.ok,
        "directory": report.directory,
        "origin": report.origin,
        "size": report.size,
        "root": report.root.hex(),
        "files": report.files,
        "kinds": dict(sorted(report.contents.kinds.items())),
        "plants": dict(sorted(report.contents.plants.items())),
        "first_ns": report.contents.first_ns,
        "last_ns": report.contents.last_ns,
        "faults": [{"place": fault.place, "why": fault.why} for fault in report.faults],
        "beyond": list(report.beyond),
        "log_keys": list(report.log_keys),
        "epochs": [
            {"entry": e.entry, "origin": e.origin, "size": e.size, "root": e.root.hex()}
            for e in report.epochs
        ],
        "witnessed": None
        if report.witnessed is None
        else {
            "size": report.witnessed.size,
            "by": [{"witness": name, "at_s": at} for name, at in report.witnessed.by],
        },
    }


def as_text(report: Report) -> str:
    """The report for a terminal; text out of the ledger cannot control the terminal."""
    contents = report.contents
    kinds = ", ".join(f"{name} {count}" for name, count in sorted(contents.kinds.items()))
    lines = [
        f"ledger {report.origin or report.directory}",
        f"{report.size} entries, root {report.root.hex() or 'unknown'}",
        f"entries: {kinds or 'none read'}",
        f"plants: {', '.join(sorted(contents.plants)) or 'none'}",
        f"from {_time(contents.first_ns)} to {_time(contents.last_ns)}",
    ]
    lines += [f"by the root: {told}" for told in report.log_keys]
    lines += [
        f"entry {e.entry} continues {e.origin}: {e.size} entries, root {e.root.hex()}"
        for e in report.epochs
    ]
    if report.witnessed is not None:
        seen = ", ".join(f"{n} at {_time(at * 1_000_000_000)}" for n, at in report.witnessed.by)
        lines.append(f"witnessed: {report.witnessed.size} of {report.size} entries, by {seen}")
    if report.beyond:
        lines.append(f"not covered by the checkpoint: {', '.join(report.beyond)}")
    if report.ok:
        lines.append(f"VERIFIED: {report.files} files, every entry, tile and checkpoint line fits")
    else:
        lines += [f"BAD {fault.place}: {fault.why}" for fault in report.faults]
        lines.append("NOT VERIFIED: the first bad place is named first")
    return "\n".join(printable(line) for line in lines)


def printable(text: str) -> str:
    """Text with everything that a terminal might obey written as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _count(counts: dict[str, int], name: str) -> None:
    if name not in counts and len(counts) >= NAMES_MAX:
        name = "others"
    counts[name] = counts.get(name, 0) + 1


def _time(at_ns: int | None) -> str:
    if at_ns is None:
        return "unknown"
    try:
        moment = datetime.fromtimestamp(at_ns // 1_000_000_000, tz=UTC)
    except (OverflowError, ValueError, OSError):
        return f"{at_ns} ns"
    return moment.isoformat().replace("+00:00", "Z")
