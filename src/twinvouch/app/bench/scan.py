"""Requests and CPU of one scan: one request a tag, blocks, blocks over gaps; and pymodbus reading the same blocks.

The tags lie as in many controllers: pairs and single registers with gaps of one to six between them, a larger gap
every twenty tags. Reading is from a server in a process of its own over loopback; CPU is that of the client.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from importlib.util import find_spec
from typing import Any

from twinvouch.adapters.modbus_tcp import ModbusDevice
from twinvouch.app.edge_scan import Block, Reach, plan
from twinvouch.core.errors import UsageError
from twinvouch.core.inventory import Encoding, Point, ScanGroup, Table, Tag
from twinvouch.wire.words import word_count

TAGS = 200
MAX_GAP = 8
ROUNDS = 7
SCANS = 5
Scan = Callable[[], Awaitable[None]]
_SERVER = """
import asyncio
from twinvouch.wire.modbus import Values, read_request, write_response
from twinvouch.wire.modbus_stream import Stream, write_frame
async def serve(reader, writer):
    stream = Stream()
    while chunk := await reader.read(4096):
        for frame in stream.feed(chunk):
            asked = read_request(frame.pdu)
            answer = write_response(Values(asked.function, (7,) * asked.count))
            writer.write(write_frame(frame.transaction, frame.unit, answer))
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


def run() -> dict[str, float | int]:
    """`modbus_requests_*` a scan of 200 tags, and `modbus_scan_cpu_vs_*` of blocks over gaps."""
    if find_spec("pymodbus") is None:
        raise UsageError("the baseline is missing: pip install 'twinvouch[lab]'")
    group = _group()
    single = [_alone(t.point) for t in group.tags if t.point is not None]
    blocks = plan(group).blocks["plc"]
    joined = plan(group, {"plc": Reach(max_gap=MAX_GAP)}).blocks["plc"]
    server = subprocess.Popen([sys.executable, "-c", _SERVER], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        ours, each, theirs = asyncio.run(_measured(port, joined, single))
    finally:
        server.kill()
        server.wait()
    return {
        "modbus_requests_one_per_tag": len(single),
        "modbus_requests_blocks": len(blocks),
        "modbus_requests_gaps": len(joined),
        "modbus_scan_us": ours,
        "modbus_scan_cpu_vs_one_per_tag": ours / each,
        "modbus_scan_cpu_vs_pymodbus": ours / theirs,
    }


async def _measured(
    port: int, joined: Sequence[Block], single: Sequence[Block]
) -> tuple[float, float, float]:
    """CPU in us of a scan: ours over gaps, ours one a tag, pymodbus over the same gaps."""
    from pymodbus.client import AsyncModbusTcpClient

    device = ModbusDevice("127.0.0.1", port)
    client: Any = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()

    async def ours(blocks: Sequence[Block]) -> None:
        for b in blocks:
            assert len(await device.read(b.unit, b.table, b.address, b.count)) == b.count

    async def theirs() -> None:
        for b in joined:
            answer = await client.read_holding_registers(b.address, count=b.count, device_id=b.unit)
            assert len(answer.registers) == b.count

    scans: tuple[Scan, ...] = (lambda: ours(joined), lambda: ours(single), theirs)
    spent: list[list[float]] = [[], [], []]
    for scan in scans:
        await scan()  # connects and warms up
    for _ in range(ROUNDS):
        for scan, times in zip(scans, spent, strict=True):
            began = time.process_time_ns()
            for _ in range(SCANS):
                await scan()
            times.append((time.process_time_ns() - began) / 1e3 / SCANS)
    await device.close()
    client.close()
    one, two, three = map(statistics.median, spent)
    return one, two, three


def _group() -> ScanGroup:
    tags, address = [], 0
    for n in range(TAGS):
        encoding = Encoding.F32 if n % 3 else Encoding.U16
        point = Point("plc", 1, Table.HOLDING, address, encoding)
        tags.append(Tag(f"a/t{n:03}", "", group="g", point=point))
        address += word_count(encoding) + (40 if n % 20 == 19 else n * 7 % 13 // 2)
    return ScanGroup("g", "e", tuple(tags), ("f8",) * TAGS, bytes(32), 10**9, 5 * 10**9)


def _alone(point: Point) -> Block:
    return Block(point.device, point.unit, point.table, point.address, word_count(point.encoding))
