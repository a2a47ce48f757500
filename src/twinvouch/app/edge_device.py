"""One device as the edge reads it: one scan group at a time, said once when it goes silent and once when it is back.

Who the device says it is (function 43/14) is asked at the start, after each silence and every hour, and stands in
for a block of the table `identity` in between. A block over gaps that the device refuses is read in its pieces
from then on.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from twinvouch.adapters.modbus_tcp import ModbusExceptionError
from twinvouch.app.edge_scan import Block, joined
from twinvouch.core.errors import TwinvouchError, UnavailableError, UsageError
from twinvouch.core.inventory import Table
from twinvouch.core.ports import Device, Identified, Pipelined
from twinvouch.wire.identity import fingerprint, shown

IDENTIFY_NS: Final = 3_600_000_000_000
_NOT_THERE: Final = frozenset(
    {2, 3}
)  # Modbus exceptions: some address, or so many, it does not have
_log = logging.getLogger("twinvouch.edge")

Answers: TypeAlias = dict[Block, Sequence[int]]
Place: TypeAlias = tuple[int, str, int, int]  # unit, table, address, count


class DeviceReader:
    """Reads one device for all scan groups; `monotonic_ns` says when an hour is over."""

    def __init__(self, name: str, device: Device, monotonic_ns: Callable[[], int]) -> None:
        self._name = name
        self._device = device
        self._monotonic_ns = monotonic_ns
        self._turn = asyncio.Lock()
        self._is_silent = False
        self._refused: set[Block] = set()
        self._in_pieces: set[Block] = set()
        self._ahead: dict[Place, Sequence[int] | TwinvouchError] = {}
        self._known: dict[int, tuple[int, tuple[int, ...]]] = {}  # unit -> asked at, words

    async def read(self, blocks: Sequence[Block]) -> Answers:
        """The answers that came; a device that does not answer once is not asked for the rest."""
        answers: Answers = {}
        async with self._turn:
            await self._read_ahead(blocks)
            for block in sorted(blocks, key=self._has_come):
                try:
                    answers[block] = await self._answer(block)
                except UnavailableError as error:
                    self._say_silent(error)
                    break
                except TwinvouchError as error:  # it refused these addresses, or answered nonsense
                    self._say_refused(block, error)
                else:
                    self._say_back(block)
        return answers

    async def _answer(self, block: Block) -> Sequence[int]:
        if block.table is Table.IDENTITY:
            return await self._identity(block.unit)
        if block in self._in_pieces:
            return await self._pieces(block)
        try:
            return await self._words(block.unit, block.table, block.address, block.count)
        except ModbusExceptionError as error:
            if not block.pieces or error.code not in _NOT_THERE:
                raise
            _log.warning(
                "device `%s` has gaps that cannot be read, %d requests instead of one from now on: %s",
                self._name, len(block.pieces), error,
            )  # fmt: skip
        self._in_pieces.add(block)
        return await self._pieces(block)

    async def _read_ahead(self, blocks: Sequence[Block]) -> None:
        """Ask for all that will be asked for, where the device may have several requests on the way."""
        self._ahead = {}
        if not isinstance(self._device, Pipelined):
            return
        places = [place for block in blocks for place in self._places(block)]
        if len(places) > 1:
            found = await self._device.read_many(places)
            self._ahead = dict(zip(places, found, strict=True))

    def _places(self, block: Block) -> list[Place]:
        if block.table is Table.IDENTITY:
            return []
        parts = block.pieces if block in self._in_pieces else ((block.address, block.count),)
        return [(block.unit, block.table, address, count) for address, count in parts]

    def _has_come(self, block: Block) -> int:
        """What came first: where the device went silent in between, what it has answered still counts."""
        found = [self._ahead.get(place) for place in self._places(block)]
        if not found or None in found:
            return 2
        return int(any(isinstance(each, UnavailableError) for each in found))

    async def _words(self, *place: *Place) -> Sequence[int]:
        """The items of one request, which may have been asked for ahead."""
        found = self._ahead.pop(place, None)
        if found is None:
            found = await self._device.read(*place)
        if isinstance(found, TwinvouchError):
            raise found
        return found

    async def _pieces(self, block: Block) -> Sequence[int]:
        """A block piece by piece; a piece that is refused is left out, all of them is an error."""
        answers: dict[int, Sequence[int]] = {}
        refusal: ModbusExceptionError | None = None
        for address, count in block.pieces:
            try:
                answers[address] = await self._words(block.unit, block.table, address, count)
            except ModbusExceptionError as error:
                refusal = error
                piece = Block(block.device, block.unit, block.table, address, count)
                self._say_refused(piece, error)
        if refusal is not None and not answers:
            raise refusal
        return joined(block, answers)

    async def _identity(self, unit: int) -> tuple[int, ...]:
        now = self._monotonic_ns()
        asked_ns, words = self._known.get(unit, (0, ()))
        if words and not self._is_silent and now - asked_ns < IDENTIFY_NS:
            return words
        if not isinstance(self._device, Identified):
            raise UsageError(f"device `{self._name}` cannot be asked who it is")
        objects = await self._device.identify(unit)
        found = fingerprint(objects)
        if found != words:
            level = logging.WARNING if words else logging.INFO
            _log.log(level, "device `%s`, unit %d, is %s", self._name, unit, shown(objects))
        self._known[unit] = now, found
        return found

    def _say_silent(self, error: UnavailableError) -> None:
        if not self._is_silent:
            _log.warning(
                "device `%s` does not answer, its points are missing: %s", self._name, error
            )
        self._is_silent = True

    def _say_refused(self, block: Block, error: TwinvouchError) -> None:
        if block not in self._refused:
            _log.error("device `%s`: %s is missing: %s", self._name, block, error)
        self._refused.add(block)

    def _say_back(self, block: Block) -> None:
        if self._is_silent:
            _log.warning("device `%s` answers again", self._name)
            for unit, (_, words) in self._known.items():
                self._known[unit] = -IDENTIFY_NS, words  # who answers now is to be asked
        self._is_silent = False
        self._refused.discard(block)
