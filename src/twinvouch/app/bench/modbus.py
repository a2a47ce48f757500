"""CPU per decoded register against pymodbus: the same frames, framing included.

Both sides get the bytes of answers to 125-register reads, one frame a chunk as a poller gets them, and give
the register values. Rounds alternate and CPU time of the process counts; the ratio of medians is the figure.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec

from twinvouch.core.errors import UsageError
from twinvouch.wire.modbus import Function, Read, Values, answer_to, read_response, write_response
from twinvouch.wire.modbus_stream import Stream, write_frame

REGISTERS = 125
FRAMES = 400
ROUNDS = 15
Decode = Callable[[Sequence[bytes]], int]


def run() -> dict[str, float | int]:
    """`modbus_cpu_vs_pymodbus` and both sides in ns of CPU a register."""
    if find_spec("pymodbus") is None:
        raise UsageError("the baseline is missing: pip install 'twinvouch[lab]'")
    frames = _frames()
    sides: tuple[Decode, Decode] = (_ours, _pymodbus)
    spent: tuple[list[float], list[float]] = ([], [])
    for decode in sides:
        assert decode(frames) == REGISTERS * FRAMES  # also warms up
    for _ in range(ROUNDS):
        for decode, times in zip(sides, spent, strict=True):
            began = time.process_time_ns()
            decode(frames)
            times.append((time.process_time_ns() - began) / (REGISTERS * FRAMES))
    ours, theirs = statistics.median(spent[0]), statistics.median(spent[1])
    return {
        "modbus_cpu_vs_pymodbus": ours / theirs,
        "modbus_ns_per_register": ours,
        "modbus_pymodbus_ns_per_register": theirs,
    }


def _frames() -> list[bytes]:
    """Answers to 125-register reads, with values that vary."""
    frames = []
    for n in range(FRAMES):
        values = tuple((n * 7919 + k * 104729) & 0xFFFF for k in range(REGISTERS))
        pdu = write_response(Values(Function.READ_HOLDING, values))
        frames.append(write_frame(n & 0xFFFF, 1, pdu))
    return frames


def _ours(frames: Sequence[bytes]) -> int:
    """Registers decoded as the device adapter does it, the check against the request included."""
    asked = Read(Function.READ_HOLDING, 0, REGISTERS)
    stream = Stream()
    decoded = 0
    for raw in frames:
        for frame in stream.feed(raw):
            answer = answer_to(asked, read_response(frame.pdu))
            assert isinstance(answer, tuple)
            decoded += len(answer)
    return decoded


def _pymodbus(frames: Sequence[bytes]) -> int:
    """Registers decoded by pymodbus' client framer for TCP and its PDU decoder."""
    from pymodbus.framer import FramerSocket
    from pymodbus.pdu import DecodePDU

    framer = FramerSocket(DecodePDU(False))  # noqa: FBT003 - is_server
    decoded = 0
    for raw in frames:
        _, pdu = framer.handleFrame(raw, 0, 0)
        assert pdu is not None
        decoded += len(pdu.registers)
    return decoded
