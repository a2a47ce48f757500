"""Models that do in a worker what a model must not: each is a tank but for one thing."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from twinvouch.twin.tank import Tank

Row = tuple[Sequence[float], Sequence[float]]


class Hangs(Tank):
    def restore(self, start: Mapping[str, float]) -> None:
        super().restore(start)
        time.sleep(60)


class Dies(Tank):
    def restore(self, start: Mapping[str, float]) -> None:
        os._exit(3)


class Raises(Tank):
    def step(self, *_: Any, **__: Any) -> Row:
        raise RuntimeError("no solution")


class Grows(Tank):
    def restore(self, start: Mapping[str, float]) -> None:
        kept = [bytearray(1 << 24) for _ in range(1000)]
        super().restore({**start, "level": float(len(kept))})


class Prints(Tank):
    def restore(self, start: Mapping[str, float]) -> None:
        super().restore(start)
        print("this is no answer")
        os.write(1, b"nor is this")


class NotANumber(Tank):
    def step(
        self, settings: Mapping[str, float], seconds: float, *, is_sampled: bool = False
    ) -> Row:
        row, sample = super().step(settings, seconds)
        return [*row[:5], float("nan"), row[6]], sample


class Optimist(Tank):
    """Tells of a level that stays where it is."""

    def step(
        self, settings: Mapping[str, float], seconds: float, *, is_sampled: bool = False
    ) -> Row:
        return super().step(settings, 0.0)


class Calls(Tank):
    """Tries to speak to somebody and to start a program; fails the run where either works."""

    def restore(self, start: Mapping[str, float]) -> None:
        super().restore(start)
        for forbidden in (_connects, _starts):
            try:
                forbidden()
            except PermissionError:
                continue
            raise RuntimeError("it worked")


def _connects() -> None:
    socket.create_connection(("127.0.0.1", 9), 0.1)


def _starts() -> None:
    subprocess.run([sys.executable, "-c", ""], check=True)
