"""Where in this ledger the entries are that signed content names by their place in another one.

A rewind enters other entries than the log that it rebuilds, so the same batches lie at other places. What services
signed names the old ones: inputs of commands and advice, what a model was trained on. They stay as they were signed
(approvals sign them, too), and are looked up here wherever an entry is meant. A core that is no rewind changes nothing.
"""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

from twinvouch.core.command import CORE, Command, Input

NOWHERE = -1


@dataclass(slots=True)
class Renumbered:
    """Entries below `first` are at their own places; `places` are those of the others, NOWHERE where there is none."""

    first: int
    places: "array[int]" = field(default_factory=lambda: array("q"))

    @staticmethod
    def unchanged() -> "Renumbered":
        """Every entry at its own place."""
        return Renumbered(-1)

    def put(self, entry: int, place: int) -> None:
        """What is `entry` of the other ledger is entry `place` here; entries come in rising order."""
        missing = entry - self.first - len(self.places)
        self.places.extend([NOWHERE] * missing)
        self.places.append(place)

    def of(self, entry: int) -> int:
        """The place of an entry; NOWHERE where it is none that is here."""
        if self.first < 0 or entry < self.first:
            return entry
        at = entry - self.first
        return self.places[at] if at < len(self.places) else NOWHERE

    def inputs(self, declared: tuple[Input, ...]) -> tuple[Input, ...]:
        """Declared inputs with the places of their entries."""
        if self.first < 0:
            return declared
        return tuple(Input(i.tag, self.of(i.entry)) for i in declared)

    def of_command(self, command: Command) -> tuple[Input, ...]:
        """Its declared inputs at their places; the core, which signs nothing, names places here already."""
        is_own = command.principal == CORE and not command.signed
        return command.inputs if is_own else self.inputs(command.inputs)

    def ident(self, named: str) -> str:
        """The place of an entry whose number is somebody's id, as such an id."""
        is_number = named.isascii() and named.isdecimal()
        return str(self.of(int(named))) if self.first >= 0 and is_number else named

    def entries(self, named: Iterable[int]) -> Iterable[int]:
        """The places of entries, without those that are nowhere."""
        if self.first < 0:
            return named
        return [place for entry in named if (place := self.of(entry)) != NOWHERE]
