"""Which tags a Modbus write means, and which words of each: all of it, or a refusal.

Pure. A write counts only as what it says in full: every coil or register that it touches belongs to a tag that may be
written through the proxy, and every such tag is written as a whole. Several tags in one write are several targets.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Final, TypeAlias

from twinvouch.app.actuator_check import OwnPoint
from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.core.inventory import Table
from twinvouch.wire.modbus_guard import Code
from twinvouch.wire.modbus_message import Function, Mask, ReadWrite, WriteMany, WriteOne
from twinvouch.wire.words import from_words, is_exact, to_words, word_count

MOST_TARGETS: Final = 16  # tags in one write
Request: TypeAlias = WriteOne | WriteMany | Mask | ReadWrite
_COILS = frozenset({Function.WRITE_COIL, Function.WRITE_COILS})


@dataclass(frozen=True, slots=True)
class Target:
    """One tag that is to hold these words, which mean this value (engineering units)."""

    own: OwnPoint
    words: tuple[int, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a write means nothing that may be asked for, and the exception that says so."""

    code: Code
    sentence: str


class Places:
    """The points of one device that clients of the proxy may write."""

    def __init__(self, points: Iterable[OwnPoint]) -> None:
        self._whole: dict[tuple[int, Table, int], OwnPoint] = {}  # first item of a tag
        self._inside: dict[tuple[int, Table, int], OwnPoint] = {}  # every other one
        self._bits: dict[tuple[int, int, int], OwnPoint] = {}
        for own in points:
            self._place(own)

    def targets(self, unit: int, request: Request) -> tuple[Target, ...] | Unfit:
        """The tags of a write in the order of their addresses; Unfit for anything that is not wholly tags."""
        if isinstance(request, Mask):
            return self._masked(unit, request)
        table = Table.COIL if request.function in _COILS else Table.HOLDING
        values = (request.value,) if isinstance(request, WriteOne) else request.values
        found: list[Target] = []
        at, end = request.address, request.address + len(values)
        while at < end:
            own = self._whole.get((unit, table, at))
            if own is None:
                return self._unknown(unit, table, at)
            size = word_count(own.point.encoding)
            if at + size > end:
                return Unfit(
                    Code.ADDRESS, f"`{own.tag}` would be written in part: it has {size} registers"
                )
            start = at - request.address
            target = _target(own, values[start : start + size])
            if isinstance(target, Unfit):
                return target
            found.append(target)
            at += size
        return _few(found)

    def _place(self, own: OwnPoint) -> None:
        point = own.point
        if point.bit is not None:
            self._bits[point.unit, point.address, point.bit] = own
            return
        self._whole[point.unit, point.table, point.address] = own
        for step in range(1, word_count(point.encoding)):
            self._inside[point.unit, point.table, point.address + step] = own

    def _unknown(self, unit: int, table: Table, at: int) -> Unfit:
        inside = self._inside.get((unit, table, at))
        if inside is not None:
            return Unfit(Code.ADDRESS, f"`{inside.tag}` would be written in part")
        if table is Table.HOLDING and any((unit, at, bit) in self._bits for bit in range(16)):
            why = f"register {at} has bits that are tags: function 22 writes one of them"
            return Unfit(Code.ADDRESS, why)
        return Unfit(
            Code.ADDRESS, f"{table.value} {at} of unit {unit} is no tag that may be written"
        )

    def _masked(self, unit: int, request: Mask) -> tuple[Target, ...] | Unfit:
        """A masked write as the bits that it changes, or as a whole register where it leaves no bit."""
        changed = ~request.keep & 0xFFFF
        own = self._whole.get((unit, Table.HOLDING, request.address))
        if own is not None and word_count(own.point.encoding) == 1:
            if changed != 0xFFFF:
                why = f"`{own.tag}` would become what depends on what it is: expected a mask of 0"
                return Unfit(Code.VALUE, why)
            target = _target(own, (request.put,))
            return target if isinstance(target, Unfit) else (target,)
        if not changed:
            return Unfit(Code.VALUE, "the mask leaves every bit as it is")
        found: list[Target] = []
        for bit in (n for n in range(16) if changed >> n & 1):
            mine = self._bits.get((unit, request.address, bit))
            if mine is None:
                return Unfit(
                    Code.ADDRESS,
                    f"bit {bit} of register {request.address} is no tag that may be written",
                )
            put = request.put >> bit & 1
            found.append(Target(mine, (put << bit,), put * mine.point.scale + mine.point.offset))
        return _few(found)


def _few(found: list[Target]) -> tuple[Target, ...] | Unfit:
    if len(found) > MOST_TARGETS:
        return Unfit(Code.VALUE, f"{len(found)} tags in one write, limit is {MOST_TARGETS}")
    return tuple(found)


def _target(own: OwnPoint, words: tuple[int, ...]) -> Target | Unfit:
    """The value that these words say, where saying it again gives these words: a permit is for a value."""
    point = own.point
    try:
        value = from_words(words, point)
        is_same = isfinite(value) and is_exact(words, point) and to_words(value, point) == words
    except (MalformedError, UsageError) as error:
        return Unfit(Code.VALUE, f"`{own.tag}`: {error}")
    if not is_same:
        return Unfit(Code.VALUE, f"`{own.tag}`: words {list(words)} are no value of it")
    if not own.low <= value <= own.high:
        why = f"{value:.9g} for `{own.tag}` is outside {own.low:g}..{own.high:g}"
        return Unfit(Code.VALUE, why)
    return Target(own, words, value)


def by_device(points: Mapping[str, OwnPoint], tags: Iterable[str]) -> dict[str, list[OwnPoint]]:
    """The points of these tags, by device."""
    found: dict[str, list[OwnPoint]] = {}
    for tag in tags:
        own = points[tag]
        found.setdefault(own.point.device, []).append(own)
    return found
