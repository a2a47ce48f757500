"""What a run of the demo found, as the stable JSON object and as a table for people."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from textwrap import shorten
from typing import Any, Final

from twinvouch.lab import doubted, spoofed
from twinvouch.lab.doubted import Doubt
from twinvouch.lab.scenario import Attack, Observation
from twinvouch.lab.spoofed import Spoofed

_COLUMNS: Final = (
    (20, "attack"),
    (31, "how"),
    (9, "expected"),
    (9, "outcome"),
    (6, "s"),
    (7, "entry"),
)
_MOST_TEXT: Final = 110


@dataclass(frozen=True, slots=True)
class Row:
    """One attack: `ok` where the outcome is the expected one; `entry` the ledger entry that tells it."""

    name: str
    expected: str
    observed: str
    ok: bool
    seconds: float
    entry: int | None
    what: str


@dataclass(frozen=True, slots=True)
class Report:
    """The whole run. Memory and set-up are None where they were not measured, witness, receipt, doubt and spoof where there is none."""

    attacks: tuple[Row, ...]
    commands_executed: int
    unsafe_commands_executed: int
    unpermitted_writes_seen: int
    acknowledged_batches: int
    lost_acknowledged_batches: int
    ledger_verified: bool
    ledger_entries: int
    ledger_head: str
    witnessed_entries: int | None
    receipt_verified: bool | None
    doubt: Doubt | None
    spoof: Spoofed | None
    core_pss_mb: float | None
    total_pss_mb: float | None
    setup_s: float | None
    seconds: float
    directory: str

    @property
    def ok(self) -> bool:
        """Everything came as expected, nothing unsafe was carried out, nothing acknowledged was lost."""
        return (
            all(row.ok for row in self.attacks)
            and self.commands_executed > 0
            and not self.unsafe_commands_executed
            and not self.lost_acknowledged_batches
            and self.ledger_verified
            and self.witnessed_entries != 0
            and self.receipt_verified is not False
            and (self.doubt is None or self.doubt.ok)
            and (self.spoof is None or self.spoof.ok)
        )

    def as_plain(self) -> dict[str, Any]:
        """The JSON object; names are stable."""
        return asdict(self)


def row(attack: Attack, seen: Observation) -> Row:
    """An attack and what became of it."""
    ok = seen.observed == attack.expected
    seconds = round(seen.seconds, 3)
    return Row(attack.name, attack.expected, seen.observed, ok, seconds, seen.entry, seen.what)


def heading() -> str:
    """The first line of the table."""
    return "  ".join(name.ljust(width) for width, name in _COLUMNS)


def line(attack: Attack, seen: Row) -> str:
    """One attack as two lines: the columns, and below what happened in words."""
    entry = "" if seen.entry is None else str(seen.entry)
    outcome = seen.observed if seen.ok else f"{seen.observed} !"
    texts = (seen.name, attack.title, seen.expected, outcome, f"{seen.seconds:.2f}", entry)
    cells = [text.ljust(width) for text, (width, _) in zip(texts, _COLUMNS, strict=True)]
    what = shorten("".join(c if c.isprintable() else "?" for c in seen.what), _MOST_TEXT)
    return f"{'  '.join(cells).rstrip()}\n    {what}"


def summary(report: Report) -> Sequence[str]:
    """What is said below the table."""
    executed, unsafe = report.commands_executed, report.unsafe_commands_executed
    kept, lost = report.acknowledged_batches, report.lost_acknowledged_batches
    verified = "verified" if report.ledger_verified else "NOT VERIFIED"
    return (
        *(() if report.doubt is None else doubted.lines(report.doubt)),
        *(() if report.spoof is None else spoofed.lines(report.spoof)),
        f"commands executed: {executed}, of these unsafe by the true state of the plant: {unsafe}",
        f"writes past twinvouch that it saw: {report.unpermitted_writes_seen}",
        f"batches acknowledged: {kept}, of these lost: {lost}",
        f"ledger: {verified}, {report.ledger_entries} entries, head {report.ledger_head}",
        *_outside(report),
        f"memory: {_memory(report)}; {_times(report)}",
        f"kept in {report.directory}",
    )


def _outside(report: Report) -> Sequence[str]:
    """What a witness and a stranger say, where they were asked."""
    if report.witnessed_entries is None or report.receipt_verified is None:
        return ()
    taken = "verifies" if report.receipt_verified else "DOES NOT VERIFY"
    seen = f"a witness stands for {report.witnessed_entries} of {report.ledger_entries} entries"
    whose = "" if report.doubt is None else f" {report.doubt.receipt_of[:8]}"
    return (f"{seen}; the receipt of executed command{whose} {taken} with its key and the log's",)


def _memory(report: Report) -> str:
    core, total = report.core_pss_mb, report.total_pss_mb
    if core is None or total is None:
        return "not measured"
    return f"core {core:.0f} MB, with edges and actuator {total:.0f} MB (PSS; plant excluded)"


def _times(report: Report) -> str:
    setup = "" if report.setup_s is None else f", set-up before it {report.setup_s:.0f} s"
    return f"took {report.seconds:.0f} s{setup}"
