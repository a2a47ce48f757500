"""Advice: a recommendation to people. It is judged as a command is, shown or withheld, and never executed."""

from dataclasses import dataclass
from enum import StrEnum

from twinvouch.core.command import Input


class Standing(StrEnum):
    """How a piece of advice is shown: as it is, with a label that says what it lacks, not at all, or no more."""

    SHOWN = "shown"
    LABELLED = "labelled"
    WITHHELD = "withheld"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Advice:
    """What `principal` recommends about `subject`, a tag or an asset: a work order, a set-point, a KPI.

    `id` is the hex of the 16-byte nonce; `says` one sentence; `value` in `unit` is a set-point or KPI (None: there is
    none); it stands until `until_ns`. `signed` is False where only an API token vouches for it.
    """

    id: str
    principal: str
    subject: str
    says: str
    value: float | None
    unit: str
    made_ns: int
    until_ns: int
    inputs: tuple[Input, ...] = ()
    signed: bool = True
