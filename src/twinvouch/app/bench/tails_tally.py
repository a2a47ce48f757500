"""What came of each damage: one row a store and kind, and the loop that tries a file's damages one by one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from twinvouch.app.bench.tails_store import damages

COLUMNS: Final = (
    *("store", "damage", "tried", "refused", "repaired", "found_later", "unharmed", "unsaid"),
    "expected",
)
LIMIT: Final = "limit: "  # begins what is expected where not everything can be found, and why
Judge = Callable[[], str]  # one of the columns between `tried` and `expected`


@dataclass(slots=True)
class Tally:
    """One store under one kind of damage. `unsaid` must be 0: something acknowledged is gone or another, and nothing said so."""

    store: str
    damage: str
    expected: str
    tried: int = 0
    refused: int = 0
    repaired: int = 0
    found_later: int = 0
    unharmed: int = 0
    unsaid: int = 0
    first_unsaid: list[str] = field(default_factory=list)


def tried(
    path: Path,
    about: tuple[str, str],
    judge: Judge,
    span: tuple[int, int] = (0, 1),
    tallies: dict[str, Tally] | None = None,
) -> dict[str, Tally]:
    """Put each damaged form of a file in its place, judge it, and put the whole one back; `span` is start and step."""
    raw = path.read_bytes()
    found = {} if tallies is None else tallies
    for kind, at, damaged in damages(raw, *span):
        path.write_bytes(damaged)
        tally = found.setdefault(kind, Tally(about[0], kind, about[1]))
        tally.tried += 1
        came = judge()
        setattr(tally, came, getattr(tally, came) + 1)
        if came == "unsaid" and len(tally.first_unsaid) < 2:
            tally.first_unsaid.append(f"`{path.name}` offset {at}")
    path.write_bytes(raw)
    return found
