"""A tank whose every run takes a moment, as a large model's does: what a drill kills in the middle of a question."""

import time
from collections.abc import Mapping
from typing import Final

from twinvouch.twin.tank import Tank

PAUSE: Final = "pause_s"


class SlowTank(Tank):
    """`pause_s` of its numbers pass before a run begins."""

    def __init__(self, data: bytes, numbers: Mapping[str, float]) -> None:
        super().__init__(data, {name: value for name, value in numbers.items() if name != PAUSE})
        self._pause_s = numbers[PAUSE]

    def restore(self, start: Mapping[str, float]) -> None:
        """As Lookahead.restore, a moment later."""
        time.sleep(self._pause_s)
        super().restore(start)
