"""The room on a simulated disk, and its reserve: fits disk_watch.Spare."""

from dataclasses import dataclass
from typing import Final

from twinvouch.adapters.reserve import Room
from twinvouch.app.simulation.disk import SimulatedDisk

_TOTAL: Final = 1_000_000
_CALLS: Final = 60  # that the reserve is good for


@dataclass(frozen=True, slots=True)
class SimulatedReserve:
    """The reserve file of the machine of the core; like every file it outlives processes."""

    disk: SimulatedDisk

    @property
    def is_there(self) -> bool:
        """Whether it is allocated."""
        return self.disk.has_reserve

    def room(self) -> Room:
        """Little while the disk is low, none while it is full."""
        if self.disk.is_full:
            return Room(0, _TOTAL)
        return Room(_TOTAL // (100 if self.disk.is_low else 2), _TOTAL)

    def make(self) -> bool:
        """Allocate it where there is room."""
        if not self.disk.is_full:
            self.disk.has_reserve, self.disk.spare = True, 0
        return self.disk.has_reserve

    def release(self) -> bool:
        """So many calls more do not fail."""
        if not self.disk.has_reserve:
            return False
        self.disk.has_reserve, self.disk.spare = False, _CALLS
        return True
