"""The clock of a process, as an argument: tests and the simulated demo bring their own."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Two readings of time, and waiting."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970: what readings are stamped with; it may jump."""
        ...

    def monotonic_ns(self) -> int:
        """Nanoseconds since some moment: what periods and deadlines are counted in."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait so long; zero or less lets others run and returns."""
        ...


class SystemClock:
    """The clock of this machine."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Nanoseconds since some moment, never going back."""
        return time.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        """Wait so long."""
        await asyncio.sleep(max(0.0, seconds))
