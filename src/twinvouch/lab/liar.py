"""A liar between a controller and whoever reads it: rewrites chosen values in Modbus answers.

The lie is made with the injectors of core/inject.py on the value that came, in engineering units, and
goes out as words again. Used by the TCP proxy and, in the simulated demo, around a device in memory.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from twinvouch.core import inject
from twinvouch.core.errors import UsageError
from twinvouch.core.inventory import Encoding, Point, Table
from twinvouch.core.ports import Device
from twinvouch.lab.tower import BY_TAG
from twinvouch.wire.words import from_words, to_words, word_count

Lie = Callable[[float, float], float]  # true value, seconds since it began -> what is said
_LIMITS = {Encoding.I16: (-(2**15), 2**15 - 1), Encoding.U16: (0, 2**16 - 1)}


def offset(size: float) -> Lie:
    """A constant is added."""
    return lambda value, _: float(inject.offset(np.array([value]), size)[0])


def ramp(slope: float) -> Lie:
    """A drift in units per second."""

    def lie(value: float, elapsed_s: float) -> float:
        return float(inject.ramp(np.array([value, value]), np.array([0.0, elapsed_s]), slope)[1])

    return lie


@dataclass(slots=True)
class Listener:
    """Tells the truth, and remembers it."""

    said: list[float] = field(default_factory=list)

    def __call__(self, value: float, _elapsed_s: float) -> float:
        """As Lie."""
        self.said.append(value)
        return value


def again(said: Sequence[float], every_s: float) -> Lie:
    """What was said before, in the same rhythm; after its end the last of it."""
    return lambda _, elapsed_s: said[min(int(elapsed_s / every_s), len(said) - 1)]


@dataclass(slots=True)
class _Running:
    point: Point
    lie: Lie
    since_s: float


class Liar:
    """Who lies about which tags; `clock` gives seconds. Without lies every answer passes untouched."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._running: dict[str, _Running] = {}

    def lie(self, tag: str, lie: Lie) -> None:
        """Begin to lie about a tag."""
        self._running[tag] = _Running(BY_TAG[tag].point, lie, self._clock())

    def stop(self) -> None:
        """Say the truth again."""
        self._running.clear()

    def rewrite(self, table: Table, address: int, words: Sequence[int]) -> list[int]:
        """What is said instead of `words`, which were read from `address` on."""
        said = list(words)
        for running in self._running.values():
            point = running.point
            at, count = point.address - address, word_count(point.encoding)
            if point.table is table and at >= 0 and at + count <= len(said):
                value = from_words(said[at : at + count], point)
                lied = running.lie(value, self._clock() - running.since_s)
                said[at : at + count] = _fitting(lied, point)
        return said


class LyingDevice:
    """A device whose reads pass through a Liar; writes do not. Fits ports.Device."""

    def __init__(self, device: Device, liar: Liar) -> None:
        self._device = device
        self._liar = liar

    async def read(self, unit: int, table: str, address: int, count: int) -> Sequence[int]:
        """Read, and lie about it."""
        words = await self._device.read(unit, table, address, count)
        return self._liar.rewrite(Table(table), address, words)

    async def write(self, unit: int, table: str, address: int, words: Sequence[int]) -> None:
        """Write as asked."""
        await self._device.write(unit, table, address, words)

    async def mask(self, unit: int, address: int, keep: int, put: int) -> None:
        """Write as asked."""
        await self._device.mask(unit, address, keep, put)


def _fitting(value: float, point: Point) -> tuple[int, ...]:
    """The words of `value`, or of the nearest one that the registers can hold."""
    low, high = _LIMITS.get(point.encoding, (-np.inf, np.inf))
    raw = min(max((value - point.offset) / point.scale, low), high)
    try:
        return to_words(raw * point.scale + point.offset, point)
    except UsageError as error:
        raise UsageError(f"a lie of {value} cannot be told: {error}") from None
