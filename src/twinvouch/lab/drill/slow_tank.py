"""A tank whose every run takes a moment, as a large model's does: what a drill kills in the middle of a question."""

import time
from collections.abc import Mapping, Sequence
from typing import Final

from twinvouch.core.lookahead import Trace
from twinvouch.twin.tank import Tank

PAUSE: Final = "pause_s"


class SlowTank:
    """Fits Lookahead as Tank does; `pause_s` of its numbers pass before a run begins."""

    columns = Tank.columns
    actuators = Tank.actuators
    laws = Tank.laws

    def __init__(self, data: bytes, numbers: Mapping[str, float]) -> None:
        self._pause_s = numbers[PAUSE]
        self._tank = Tank(data, {name: value for name, value in numbers.items() if name != PAUSE})

    def limits(self) -> Mapping[str, tuple[float, float]]:
        """As Tank.limits."""
        return self._tank.limits()

    def restore(self, start: Mapping[str, float]) -> None:
        """As Lookahead.restore, a moment later."""
        time.sleep(self._pause_s)
        self._tank.restore(start)

    def snapshot(self) -> Mapping[str, float]:
        """As Lookahead.snapshot."""
        return self._tank.snapshot()

    def law(self, name: str, state: Mapping[str, float]) -> Mapping[str, float]:
        """As Tank.law."""
        return self._tank.law(name, state)

    def step(
        self, settings: Mapping[str, float], seconds: float, *, is_sampled: bool = False
    ) -> tuple[Sequence[float], Sequence[float]]:
        """As Lookahead.step."""
        return self._tank.step(settings, seconds, is_sampled=is_sampled)

    def residual(self, start: Mapping[str, float], trace: Trace, step_s: float) -> float:
        """As Tank.residual."""
        return self._tank.residual(start, trace, step_s)
