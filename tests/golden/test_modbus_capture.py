"""Real captures decoded by the codec: as many messages of every function as tshark 4.0.17 counts.

The counts are from `tshark -r FILE -Y modbus -T fields -e tcp.dstport -e modbus.func_code`.
"""

from ast import literal_eval
from collections import Counter
from pathlib import Path

import pytest

from tests.golden.pcap import Flow, streams
from twinvouch.core.errors import MalformedError
from twinvouch.wire.modbus import Function, Refusal, read_request, read_response
from twinvouch.wire.modbus_stream import Stream

PORT = 502
EXAMPLE = {
    code: {1: 2, 2: 2, 3: 3, 4: 2, 22: 2, 23: 2}.get(code, 1)
    for code in (1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 17, 20, 21, 22, 23, 24, 43)
}
CAPTURES = {
    "cisagov+icsnpp-modbus/testing/traces/modbus_example.pcap": {
        "requests": EXAMPLE,
        "responses": EXAMPLE,
        "exceptions": 1,
    },
    "ITI+ICS-Security-Tools/pcaps/ModbusTCP/ModbusTCP.pcap": {
        "requests": {1: 1519, 2: 1574, 4: 2768, 15: 2115, 16: 14},
        "responses": {1: 1519, 2: 1572, 4: 2768, 15: 2113, 16: 14},
        "exceptions": 0,
    },
    "ITI+ICS-Security-Tools/pcaps/ModbusTCP/Modbus/modbus_test.pcap": {
        "requests": {4: 1079, 6: 63},
        "responses": {4: 1053, 6: 63},
        "exceptions": 0,
    },
}


@pytest.mark.parametrize("capture", CAPTURES)
def test_a_capture_has_as_many_messages_as_tshark_counts(shared_data: Path, capture: str) -> None:
    counts: dict[str, Counter[int]] = {"requests": Counter(), "responses": Counter()}
    exceptions = 0
    decoders: dict[Flow, Stream] = {}
    for flow, began, data in streams(shared_data / "pcap" / capture, PORT):
        if began or flow not in decoders:
            decoders[flow] = Stream()
        is_request = flow[3] == PORT
        for frame in decoders[flow].feed(data):
            counts["requests" if is_request else "responses"][frame.function] += 1
            if frame.function in set(Function):
                message = (read_request if is_request else read_response)(frame.pdu)
                assert message.function == frame.function
                exceptions += isinstance(message, Refusal)
    assert {**counts, "exceptions": exceptions} == CAPTURES[capture]


ZEEK = "zeek+zeek/testing/btest/Traces/modbus"
ITI = "ITI+ICS-Security-Tools/pcaps/ModbusTCP"
# every capture: frames, and how many of them are of a function spoken here and still no message of it
EVERY = {
    f"{ITI}/Modbus/modbus_test.pcap": (2258, 0),
    f"{ITI}/Modbus/modbus_test_2.pcap": (3975, 0),
    f"{ITI}/ModbusTCP.pcap": (15976, 0),
    f"{ITI}/mb2.pcap": (3585, 0),
    # two 43/14 with a byte too many, ten exceptions of three bytes; a lying length ends one stream, a protocol number another
    f"{ITI}/modbus_test_data_part1.pcap": (45, 12),
    # a scan of all functions with a PDU of zeros that fits few of them
    f"{ITI}/modbus_test_data_part2.pcap": (281, 10),
    "OISF+suricata-verify/tests/modbus/modbus.pcap": (39, 7),  # part of modbus_test_data_part1
    "cisagov+icsnpp-modbus/testing/traces/modbus_example.pcap": (48, 0),
    "fkie-cad+ipal_transcriber/misc/pcaps/modbus.pcap": (10, 0),
    f"{ZEEK}/4SICS-GeekLounge-151022-min.pcap": (2, 1),  # function 23 that reads nothing
    f"{ZEEK}/fuzz-1011.pcap": (2, 1),  # function 4 for 147 registers
    f"{ZEEK}/fuzz-72.pcap": (1, 0),
    f"{ZEEK}/modbus-and-non-modbus-p502.pcap": (12, 0),
    f"{ZEEK}/modbus-eit.pcap": (4, 1),  # 43/14 with conformity level 0
    f"{ZEEK}/modbusBig.pcap": (5549, 0),
    f"{ZEEK}/modbusSmall.pcap": (32, 0),
}
# where tshark 4.0.17 counts otherwise
TSHARK = {
    f"{ITI}/mb2.pcap": 3578,  # whole frames too: 2 answer what was asked before the capture began, 5 are not explained
    f"{ZEEK}/modbusBig.pcap": 5548,  # an answer to what was asked before the capture began
    f"{ZEEK}/fuzz-1011.pcap": 4,  # segments behind bytes that never came
    f"{ZEEK}/fuzz-72.pcap": 17,  # the same
}


def decoded(path: Path) -> tuple[Counter[int], int]:
    """Frames by function, and how many of a function spoken here are no message of it."""
    counts: Counter[int] = Counter()
    malformed = 0
    decoders: dict[Flow, Stream] = {}
    for flow, began, data in streams(path, PORT):
        if began or flow not in decoders:
            decoders[flow] = Stream()
        try:
            frames = decoders[flow].feed(data)
        except (
            MalformedError
        ):  # another protocol on this port, or a header that lies: it stays broken
            assert decoders[flow].fault
            continue
        for frame in frames:
            counts[frame.function] += 1
            try:
                (read_request if flow[3] == PORT else read_response)(frame.pdu)
            except MalformedError:
                malformed += frame.function in set(Function)
    return counts, malformed


@pytest.mark.parametrize("capture", EVERY)
def test_every_capture_decodes_in_both_directions(shared_data: Path, capture: str) -> None:
    counts, malformed = decoded(shared_data / "pcap" / capture)
    assert (counts.total(), malformed) == EVERY[capture]


def test_the_totals_are_those_of_tshark_or_the_difference_is_explained(shared_data: Path) -> None:
    told = {}
    for line in (shared_data / "pcap" / "PROTOCOL_COUNTS.txt").read_text("utf-8").splitlines():
        if "modbus:" in line:
            name, _, counts = line.split("|")
            told[name.removeprefix("./")] = dict(c.split(":") for c in counts.split())["modbus"]
    assert {n: TSHARK.get(n, frames) for n, (frames, _) in EVERY.items()} == {
        name: int(count) for name, count in told.items()
    }


def test_the_functions_are_those_of_tshark(shared_data: Path) -> None:
    lines = (shared_data / "pcap" / "FUNCTION_CODES.txt").read_text("utf-8").splitlines()
    named = [line.partition(" {") for line in lines if line.partition(" {")[0] in EVERY]
    assert len(named) == 7
    for name, _, counts in named:
        told = {int(code): n for code, n in literal_eval("{" + counts).items()}
        found = dict(decoded(shared_data / "pcap" / name)[0])
        if name not in TSHARK:
            assert found == told, name
        else:
            assert found.keys() == told.keys()
            assert sum(found.values()) - sum(told.values()) == EVERY[name][0] - TSHARK[name]
