"""The guard proxy: whatever a client says, and wherever it is cut, only reads in our own words go to the device.

First byte: the size of the pieces; second: the unit, the role and whether reads are limited.
"""

import asyncio
from typing import Any

from tests.fuzz.targets import modbus_stream
from twinvouch.adapters.modbus_front import Client, Door, Front
from twinvouch.app.bench.proxy_matrix import Pipe, requests
from twinvouch.wire.modbus import read_request, write_request
from twinvouch.wire.modbus_guard import ONE_BYTE, READS, WRITES, Guard, Readable, Write, refusal
from twinvouch.wire.modbus_roles import Grant
from twinvouch.wire.modbus_stream import write_frame

_ROLES = {"": (Grant(frozenset({3, 6, 23}), (0, 1), (0, 50)),)}
GUARDS = [
    Guard(frozenset({0, 1}), readable, roles)
    for readable in (None, (Readable(3, 1, 10, 11),))
    for roles in (None, _ROLES)
]
SEEDS = [
    b"\x05\x00" + b"".join(write_frame(n, 1, pdu) for n, pdu in enumerate(requests().values())),
    *(b"\x02\x03" + write_frame(9, 1, pdu) for pdu in requests().values()),
    *modbus_stream.SEEDS,
]


def one(raw: bytes) -> None:
    """Feed it to a client's connection; the device behind it answers at once, and every write is denied."""
    if len(raw) > 2:
        asyncio.run(_said(raw[0] % 32 + 1, GUARDS[raw[1] % len(GUARDS)], raw[2:]))


async def _said(size: int, guard: Guard, data: bytes) -> None:
    judged: list[Write] = []

    def ask(unit: int, pdu: bytes, done: Any) -> None:
        assert unit in guard.units
        assert pdu[0] in READS | ONE_BYTE | {43}
        assert len(pdu) == 1 or write_request(read_request(pdu)) == pdu
        done(refusal(pdu[0], 11))

    async def judge(unit: int, write: Write, who: str) -> bytes:
        assert unit != 0
        assert write.request.function in WRITES
        assert who == ""
        judged.append(write)
        return refusal(write.request.function, 3)

    pipe: Any = Pipe()
    client = Client(Front(Door("", 0), guard, ask, judge))
    client.connection_made(pipe)
    for at in range(0, len(data), size):
        piece = data[at : at + size]
        while piece and not pipe.is_closed:
            room = client.get_buffer(-1)
            if not len(room):
                await asyncio.sleep(0)  # it reads no further while a write is judged
                continue
            taken = min(len(room), len(piece))
            room[:taken] = piece[:taken]
            client.buffer_updated(taken)
            piece = piece[taken:]
    for _ in range(3 * len(data)):
        await asyncio.sleep(0)
    frames = modbus_stream.fed([data])[0]
    answers, fault = modbus_stream.fed([bytes(pipe.sent)])
    assert not fault
    assert [a.transaction for a in answers] == [f.transaction for f in frames]
    assert len(judged) <= len(frames)
    client.connection_lost(None)
