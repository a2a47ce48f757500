"""A Finding: what one rule saw, in numbers and one sentence, with its ATT&CK for ICS technique."""

from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """How much a finding matters to the person on call."""

    INFO = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's statement about one subject.

    `subject` is a tag id, an edge, a principal, or the name of what the plant declares of several tags; `rows` how many cells are meant and `first_row` the
    first of them; `evidence` numbers by name, rounded to 6 significant digits before they are hashed.
    """

    rule: str
    subject: str
    severity: Severity
    sentence: str
    technique: str = ""  # ATT&CK for ICS, e.g. T0856
    evidence: tuple[tuple[str, float], ...] = ()
    rows: int = 0
    first_row: int = 0

    def __post_init__(self) -> None:
        rounded = tuple((name, float(f"{value:.6g}")) for name, value in self.evidence)
        object.__setattr__(self, "evidence", rounded)
