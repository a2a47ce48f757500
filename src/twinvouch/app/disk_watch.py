"""Is there room: readings are refused and commands denied before the last of it is gone.

Below `reserve_percent` of the file system the disk counts as full. Where other programs take even that, a write fails,
the reserve file is given up and the write is made once more: nothing that was acknowledged is lost, and what people
say and what is refused is still recorded. Both come back by themselves.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from twinvouch.adapters.reserve import Room
from twinvouch.core.errors import FullError
from twinvouch.core.event import BatchReceived, DiskChanged, Event, ModelSubmitted

AGAIN_NS: Final = 60_000_000_000
RETRY_S: Final = 10
_BACK: Final = 1.1  # so many times the reserve must be free before it counts as room again


class Spare(Protocol):
    """What adapters.reserve.Reserve does."""

    @property
    def is_there(self) -> bool:
        """Whether it is allocated, or none is wanted."""
        ...

    def room(self) -> Room:
        """What is free now."""
        ...

    def make(self) -> bool:
        """Allocate it; False where there is no room."""
        ...

    def release(self) -> bool:
        """Give it up; False where there was none."""
        ...


@dataclass(slots=True)
class DiskWatch:
    """Watches one reserve; `look` once a second, `admit` before every event, `release` when a write found no room."""

    reserve: Spare
    percent: float
    is_full: bool = False
    refused: int = 0  # batches since it was said last
    _said_full: bool = False
    _said_ns: int = 0

    def begin(self, *, was_full: bool) -> None:
        """Once, at the start: `was_full` is what the log said last."""
        self._said_full = self.is_full = was_full

    @property
    def is_spent(self) -> bool:
        """True once the reserve file was given up: what is free now is for the log and the state."""
        return self.is_full and not self.reserve.is_there

    def admit(self, event: Event) -> None:
        """Raise FullError for what there is no room for: readings and models."""
        if self.is_full and isinstance(event, BatchReceived | ModelSubmitted):
            self.refused += isinstance(event, BatchReceived)
            raise FullError(
                f"the disk of the core is full: readings and models are refused; try again in {RETRY_S} s"
            )

    def release(self) -> bool:
        """Give the reserve file up, at once full; False where it is gone already."""
        self.is_full = True
        return self.reserve.release()

    def look(self, now_ns: int, salt: bytes) -> DiskChanged | None:
        """What is to be said now: a change, and while full what was refused, once a minute. `now_ns` is monotonic."""
        try:
            room = self.reserve.room()
            wanted = room.total * self.percent / 100 * (_BACK if self.is_full else 1)
            self.is_full = room.free < wanted or not self.reserve.make()
        except OSError:  # a disk that does not even say so counts as full
            room, self.is_full = Room(0, 0), True
        is_due = self.refused and now_ns - self._said_ns >= AGAIN_NS
        if self.is_full == self._said_full and not is_due:
            return None
        refused, self.refused = self.refused, 0
        self._said_full, self._said_ns = self.is_full, now_ns
        return DiskChanged(salt, int(self.is_full), room.free, room.total, refused)

    def put_back(self, said: DiskChanged) -> None:
        """What could not be handed over is to be said again."""
        self._said_full = not said.full
        self.refused += said.refused
