"""The drills' plant as a process: a Modbus/TCP server with its own journal of every write request.

It prints `{"port": n}` when it listens and ends when its standard input does. The journal (JSON Lines, one
line a write, before it takes effect) is the truth about executions: nothing of twinvouch writes to it. A write takes effect
`write_s` after it came and is confirmed as long after that, as behind a slow controller: a drill can meet it on its way.
"""

import asyncio
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from twinvouch.core.errors import MalformedError
from twinvouch.lab.drill.local import ADDRESS, EVERY_S, WORDS, FloatSwitch
from twinvouch.lab.drill.site import HIGH, sensors, setpoints
from twinvouch.lab.drill.words import words_of
from twinvouch.lab.listener import Listener
from twinvouch.wire.modbus import (
    Function,
    Read,
    Refusal,
    Refused,
    Response,
    Values,
    WriteMany,
    WrittenMany,
    read_request,
    write_response,
)
from twinvouch.wire.modbus_stream import Stream, write_frame

_FAULT_S: Final = 1.0  # a faulty sensor stays out of its range so long
_WRITE: Final = bytes([Function.WRITE_REGISTERS])
_FAULTY: Final = max(sensors())  # of the last scan group: no command rests on it


class Registers:
    """Sensors that swing slowly, set-points that hold what was written. `told` gets each write first."""

    def __init__(
        self, clock: Callable[[], float], told: Callable[[int, Sequence[int]], None]
    ) -> None:
        self._clock = clock
        self._told = told
        self._places = {at: n for n, at in enumerate(sensors().values())}
        self._faulty = sensors()[_FAULTY]
        self._holding = dict.fromkeys(range(2 * len(setpoints())), 0)
        self.faulty_until = 0.0
        self.control = FloatSwitch()

    def answer(self, pdu: bytes) -> Response:
        """What the plant answers to one request."""
        asked = read_request(pdu)
        if isinstance(asked, Read) and asked.function is Function.READ_INPUT:
            return self._inputs(asked)
        if isinstance(asked, Read) and asked.function is Function.READ_HOLDING:
            span = range(asked.address, asked.address + asked.count)
            if all(a in self._holding for a in span):
                return Values(asked.function, tuple(self._holding[a] for a in span))
        if isinstance(asked, WriteMany) and asked.function is Function.WRITE_REGISTERS:
            return self._write(asked)
        return Refusal(int(asked.function), Refused.ADDRESS)

    def _inputs(self, asked: Read) -> Response:
        if (asked.address, asked.count) == (ADDRESS, WORDS):
            return Values(asked.function, self.control.words())
        words: list[int] = []
        for address in range(asked.address, asked.address + asked.count, 2):
            place = self._places.get(address)
            if place is None:
                return Refusal(int(asked.function), Refused.ADDRESS)
            words += words_of(self._value(address, place))
        return Values(asked.function, tuple(words[: asked.count]))

    def _value(self, address: int, place: int) -> float:
        if address == self._faulty and self._clock() < self.faulty_until:
            return 2 * HIGH
        return HIGH / 2 + HIGH / 4 * math.sin(self._clock() / 60 + place)

    def _write(self, asked: WriteMany) -> Response:
        self._told(asked.address, asked.values)
        span = range(asked.address, asked.address + len(asked.values))
        if not all(a in self._holding for a in span):
            return Refusal(int(asked.function), Refused.ADDRESS)
        self._holding.update(zip(span, asked.values, strict=True))
        return WrittenMany(asked.function, asked.address, len(asked.values))


async def _serve(
    registers: Registers,
    write_s: float,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    stream = Stream()
    with suppress(OSError, MalformedError):
        while chunk := await reader.read(4096):
            for frame in stream.feed(chunk):
                is_slow = write_s > 0 and frame.pdu[:1] == _WRITE
                if is_slow:
                    await asyncio.sleep(write_s)
                answer = write_response(registers.answer(frame.pdu))
                if is_slow:
                    await asyncio.sleep(write_s)
                writer.write(write_frame(frame.transaction, frame.unit, answer))
            await writer.drain()


async def _run(journal: IO[str], pace: "Pace") -> None:
    def told(address: int, words: Sequence[int]) -> None:
        line = {"t_ns": time.time_ns(), "address": address, "words": list(words)}
        journal.write(json.dumps(line, separators=(",", ":")) + "\n")

    loop = asyncio.get_running_loop()
    registers = Registers(loop.time, told)
    registers.faulty_until = loop.time() + pace.faulty_s
    listener = Listener("127.0.0.1", lambda r, w: _serve(registers, pace.write_s, r, w))
    await listener.open()
    print(json.dumps({"port": listener.port}), flush=True)
    tasks = [
        asyncio.create_task(
            _now_and_then(pace.fault_every_s, lambda: _break(registers, loop.time()))
        ),
        asyncio.create_task(_now_and_then(pace.drop_every_s, listener.drop)),
        asyncio.create_task(_control(registers.control, loop.time)),
    ]
    stdin = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    await stdin.read()
    for task in tasks:
        task.cancel()
    await listener.close()


async def _control(switch: FloatSwitch, clock: Callable[[], float]) -> None:
    before = clock()
    while True:
        await asyncio.sleep(EVERY_S)
        now = clock()
        switch.cycle(now - before)
        before = now


def _break(registers: Registers, now: float) -> None:
    registers.faulty_until = now + _FAULT_S


async def _now_and_then(every_s: float, act: Callable[[], None]) -> None:
    """`act` every so many seconds; never where that is 0."""
    while every_s:
        await asyncio.sleep(every_s)
        act()


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: a sensor is faulty at first, then now and then (0: never); connections are dropped; a write takes, twice."""

    faulty_s: float
    fault_every_s: float
    drop_every_s: float
    write_s: float


def main(path: Path, pace: Pace) -> None:
    """Run until standard input ends."""
    with path.open("a", buffering=1, encoding="utf-8") as journal, suppress(KeyboardInterrupt):
        asyncio.run(_run(journal, pace))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Pace(*map(float, sys.argv[2:])))
