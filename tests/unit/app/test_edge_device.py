"""One device as the edge reads it: gaps that it refuses, who it says it is, and that it holds up nobody else."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

import pytest

from tests.unit.app.edge_plant import MemoryDevice, group, point
from twinvouch.adapters.modbus_tcp import ModbusExceptionError
from twinvouch.app.edge_device import IDENTIFY_NS, DeviceReader
from twinvouch.app.edge_scan import Block, Reach, ScanPlan, decode, plan
from twinvouch.core.batch import Quality
from twinvouch.core.errors import TwinvouchError, UnavailableError
from twinvouch.core.inventory import Encoding, Table
from twinvouch.wire.identity import fingerprint

GAPS = {"plc-1": Reach(max_gap=5)}


class Holes(MemoryDevice):
    """Refuses every request that touches an address it does not have."""

    def __init__(self, *holes: int) -> None:
        super().__init__()
        self.holes = set(holes)
        self.who: Mapping[int, bytes] = {0: b"Smith"}
        self.identified = 0
        self.now = 0

    async def read(self, unit: int, table: str, address: int, count: int) -> Sequence[int]:
        words = await super().read(unit, table, address, count)
        if self.holes & set(range(address, address + count)):
            raise ModbusExceptionError("exception 2 (illegal data address)", 2)
        return words

    async def identify(self, unit: int) -> Mapping[int, bytes]:
        self.identified += 1
        if self.error is not None:
            raise self.error
        return self.who

    def reader(self) -> DeviceReader:
        return DeviceReader("plc-1", self, lambda: self.now)


def scan(reader: DeviceReader, planned: ScanPlan) -> list[float | None]:
    """One scan; None where a cell is missing."""
    answers = asyncio.run(reader.read(planned.blocks["plc-1"]))
    row = decode(planned, answers, 0)
    return [
        None if q == Quality.MISSING else v
        for v, q in zip(row.values.tolist(), row.quality.tolist(), strict=True)
    ]


def test_points_over_a_small_gap_are_one_request() -> None:
    device = Holes()
    planned = plan(group([point(0), point(3), point(8, Encoding.U32)]), GAPS)
    assert planned.blocks["plc-1"] == (
        Block("plc-1", 1, Table.HOLDING, 0, 10, ((0, 1), (3, 1), (8, 2))),
    )
    assert scan(device.reader(), planned) == [0, 3, 8 * 65536 + 9]
    assert len(device.requests) == 1


def test_a_gap_that_the_device_refuses_is_left_out_from_then_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    device = Holes(2)
    reader = device.reader()
    planned = plan(group([point(0), point(3), point(4)]), GAPS)
    with caplog.at_level(logging.WARNING):
        assert scan(reader, planned) == [0, 3, 4]
        assert scan(reader, planned) == [0, 3, 4]
    asked = [(address, count) for _, _, address, count in device.requests]
    assert asked == [(0, 5), (0, 1), (3, 2), (0, 1), (3, 2)]
    assert [r.getMessage() for r in caplog.records if "gaps" in r.getMessage()] == [
        "device `plc-1` has gaps that cannot be read, 2 requests instead of one from now on: exception 2 (illegal data address)"
    ]


def test_a_wanted_address_that_the_device_refuses_takes_only_its_own_piece() -> None:
    device = Holes(3)
    assert scan(device.reader(), plan(group([point(0), point(3), point(6)]), GAPS)) == [0, None, 6]


def test_a_block_without_gaps_that_is_refused_is_missing_as_before() -> None:
    device = Holes(3)
    reader = device.reader()
    planned = plan(group([point(3), point(4)]))
    assert scan(reader, planned) == [None, None]
    assert len(device.requests) == 1


def test_no_request_is_longer_than_the_device_allows() -> None:
    reach = {"plc-1": Reach(max_registers=8, max_gap=2)}
    planned = plan(group([point(a) for a in range(0, 30, 2)]), reach)
    assert all(b.count <= 8 for b in planned.blocks["plc-1"])
    assert scan(Holes().reader(), planned) == list(range(0, 30, 2))


def test_who_it_is_is_asked_at_the_start_every_hour_and_after_a_silence() -> None:
    device = Holes()
    reader = device.reader()
    planned = plan(group([point(0, Encoding.U64, table=Table.IDENTITY), point(0)]))
    known = fingerprint(device.who)
    number = float(known[1] << 32 | known[2] << 16 | known[3])
    assert [scan(reader, planned)[0] for _ in range(3)] == [number] * 3
    assert device.identified == 1
    device.now += IDENTIFY_NS
    assert scan(reader, planned)[0] == number
    assert device.identified == 2
    device.error = UnavailableError("no route")
    assert scan(reader, planned) == [None, None]
    device.error, device.who = None, {0: b"Mallory"}
    scan(reader, planned)
    assert scan(reader, planned)[0] not in {number, None}
    assert device.identified == 3


def test_a_device_that_cannot_say_who_it_is_has_no_identity() -> None:
    device = Holes()
    planned = plan(group([point(0, Encoding.U64, table=Table.IDENTITY), point(0)]))
    device.error = ModbusExceptionError("exception 1 (illegal function)", 1)
    answers = asyncio.run(device.reader().read(planned.blocks["plc-1"][:1]))
    assert answers == {}


@pytest.mark.parametrize("order", [0, 1])
def test_units_behind_one_gateway_are_asked_for_themselves(order: int) -> None:
    device = Holes()
    points = [point(0, unit=1), point(0, unit=2)][:: 1 - 2 * order]
    scan(device.reader(), plan(group(points), GAPS))
    assert [unit for unit, *_ in device.requests] == [1, 2]


class Many(Holes):
    """May have several requests on the way; what is asked at a `silent` address gets no answer."""

    def __init__(self, *holes: int, silent: tuple[int, ...] = ()) -> None:
        super().__init__(*holes)
        self.silent = silent
        self.together: list[list[int]] = []

    async def read_many(
        self, places: Sequence[tuple[int, str, int, int]]
    ) -> list[Sequence[int] | TwinvouchError]:
        self.together.append([address for _, _, address, _ in places])
        got: list[Sequence[int] | TwinvouchError] = []
        for place in places:
            try:
                if place[2] in self.silent:
                    raise UnavailableError("no answer")
                got.append(await self.read(*place))
            except TwinvouchError as error:
                got.append(error)
        return got


def test_the_blocks_of_a_scan_are_asked_for_together() -> None:
    device = Many()
    planned = plan(group([point(0), point(20), point(40)]), GAPS)
    reader = device.reader()
    assert scan(reader, planned) == scan(reader, planned) == [0, 20, 40]
    assert device.together == [[0, 20, 40]] * 2
    assert len(device.requests) == 6, "each once"


def test_what_came_before_a_device_went_silent_counts_and_the_rest_is_not_asked_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    device = Many(silent=(20,))
    planned = plan(group([point(0), point(20), point(40)]), GAPS)
    with caplog.at_level(logging.WARNING):
        assert scan(device.reader(), planned) == [0, None, 40]
    assert [address for _, _, address, _ in device.requests] == [0, 40]
    assert len([r for r in caplog.records if "does not answer" in r.getMessage()]) == 1


def test_a_refused_gap_is_asked_for_in_pieces_that_go_together_from_then_on() -> None:
    device = Many(2)
    planned = plan(group([point(0), point(3), point(30)]), GAPS)
    reader = device.reader()
    assert scan(reader, planned) == [0, 3, 30]
    assert scan(reader, planned) == [0, 3, 30]
    assert device.together == [[0, 30], [0, 3, 30]]


def test_a_refused_block_is_missing_and_the_others_are_not() -> None:
    device = Many(20)
    planned = plan(group([point(0), point(20), point(40)]), GAPS)
    assert scan(device.reader(), planned) == [0, None, 40]
