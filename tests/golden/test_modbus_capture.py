"""Real captures decoded by the codec: as many messages of every function as tshark 4.0.17 counts.

The counts are from `tshark -r FILE -Y modbus -T fields -e tcp.dstport -e modbus.func_code`.
"""

from collections import Counter
from pathlib import Path

import pytest

from tests.golden.pcap import Flow, streams
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
