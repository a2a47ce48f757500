"""What the guard proxy understands: each function code by its number, nothing of a client's bytes, whatever the cuts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.app.bench.proxy_matrix import REQUESTS, UNKNOWN
from twinvouch.core.errors import MalformedError
from twinvouch.wire.modbus import read_request, write_request
from twinvouch.wire.modbus_guard import (
    NAMED,
    ONE_BYTE,
    READS,
    ROOM,
    WRITES,
    Guard,
    Intake,
    Own,
    Pass,
    Readable,
    Why,
    Write,
    answer_of_both,
    fits,
)
from twinvouch.wire.modbus_roles import Grant
from twinvouch.wire.modbus_stream import Frame, Stream, write_frame

GUARD = Guard(frozenset({0, 1}))
PDUS = st.binary(min_size=1, max_size=253)


def pdu(text: str) -> bytes:
    return bytes.fromhex(text)


@pytest.mark.parametrize("code", sorted(READS | ONE_BYTE | {43}))
def test_what_reads_passes_as_we_write_it(code: int) -> None:
    raw = pdu(REQUESTS[code])
    assert GUARD.sort(1, raw) == Pass(raw)


@pytest.mark.parametrize("code", sorted(WRITES))
def test_what_writes_is_judged(code: int) -> None:
    found = GUARD.sort(1, pdu(REQUESTS[code]))
    assert isinstance(found, Write)
    assert found.request == read_request(pdu(REQUESTS[code]))


@pytest.mark.parametrize("code", [20, 21, 24, *UNKNOWN, 0, 13, 22 | 0x80, 255])
def test_what_is_not_passed_is_an_illegal_function(code: int) -> None:
    raw = pdu(REQUESTS.get(code) or UNKNOWN.get(code) or f"{code:02x} 0014 0007")
    assert GUARD.sort(1, raw) == Own(bytes((code | 0x80, 1)), Why.FUNCTION)


def test_of_function_8_only_the_echo_is_answered_and_by_us() -> None:
    assert GUARD.sort(1, pdu("08 0000 a537")) == Own(pdu("08 0000 a537"), Why.ECHO)
    for subfunction in range(1, 22):  # 1 restarts, 4 makes the device deaf
        raw = pdu("08") + subfunction.to_bytes(2, "big") + b"\0\0"
        assert GUARD.sort(1, raw) == Own(b"\x88\x01", Why.FUNCTION)
    assert GUARD.sort(1, pdu("08 0000")) == Own(b"\x88\x03", Why.DATA)


def test_of_function_43_only_identification_passes() -> None:
    assert GUARD.sort(1, pdu("2b 0d 00")) == Own(b"\xab\x01", Why.FUNCTION)
    assert GUARD.sort(1, pdu("2b 0e 05 00")) == Own(b"\xab\x03", Why.DATA)


@pytest.mark.parametrize("code", sorted(NAMED - {20, 21, 24}))
def test_bytes_behind_a_request_are_refused(code: int) -> None:
    found = GUARD.sort(1, pdu(REQUESTS[code]) + b"\x06")
    assert found == Own(bytes((code | 0x80, 3)), Why.DATA)


@pytest.mark.parametrize("code", sorted(WRITES))
def test_unit_0_is_written_to_by_nobody(code: int) -> None:
    found = GUARD.sort(0, pdu(REQUESTS[code]))
    assert found == Own(bytes((code | 0x80, 10)), Why.BROADCAST)


def test_another_unit_has_no_path() -> None:
    assert GUARD.sort(9, pdu(REQUESTS[3])) == Own(b"\x83\x0a", Why.UNIT)


@pytest.mark.parametrize(
    ("raw", "is_in"),
    [("03 000a 0002", True), ("03 000a 0003", False), ("03 0009 0002", False), ("04 000a 0002", False)],
)  # fmt: skip
def test_with_a_list_only_what_it_names_is_read(raw: str, *, is_in: bool) -> None:
    guard = Guard(frozenset({1}), readable=(Readable(3, 1, 10, 11),))
    found = guard.sort(1, pdu(raw))
    assert isinstance(found, Pass) is is_in


def test_function_23_does_not_read_past_the_list() -> None:
    guard = Guard(frozenset({1}), readable=(Readable(3, 1, 10, 11),))
    assert guard.sort(1, pdu("17 0000 0001 0028 0001 02 0005")) == Own(b"\x97\x02", Why.RANGE)


def test_without_a_grant_a_role_asks_for_nothing() -> None:
    roles = {"reader": (Grant(frozenset({3, 17}), (1, 1), (0, 99)),)}
    guard = Guard(frozenset({1}), roles=roles)
    assert isinstance(guard.sort(1, pdu(REQUESTS[3]), "reader"), Pass)
    assert isinstance(guard.sort(1, pdu(REQUESTS[17]), "reader"), Pass)
    for code in (6, 7, 23):
        assert guard.sort(1, pdu(REQUESTS[code]), "reader") == Own(
            bytes((code | 0x80, 1)), Why.ROLE
        )
    assert guard.sort(1, pdu(REQUESTS[3]), "") == Own(b"\x83\x01", Why.ROLE)


@given(unit=st.sampled_from((0, 1)), raw=PDUS)
def test_whatever_passes_is_a_read_in_our_words(unit: int, raw: bytes) -> None:
    found = GUARD.sort(unit, raw)
    if isinstance(found, Pass):
        assert found.pdu[0] in READS | ONE_BYTE | {43}
        assert len(found.pdu) == 1 or write_request(read_request(found.pdu)) == found.pdu
    elif isinstance(found, Write):
        assert unit == 1
        assert found.request.function in WRITES
    else:
        assert found.pdu[0] == raw[0] | 0x80 or found.why is Why.ECHO


@given(raw=st.binary(max_size=1200), cuts=st.lists(st.integers(1, 40), max_size=60))
def test_wherever_a_stream_is_cut_the_frames_are_the_same(raw: bytes, cuts: list[int]) -> None:
    whole = write_frame(1, 1, b"\x03\0\0\0\1") + raw
    try:
        expected = Stream().feed(whole)
    except MalformedError:
        expected = []
    intake, found, at = Intake(), [], 0
    for size in [*cuts, *([ROOM] * 2)]:
        piece = whole[at : at + size]
        at += size
        intake.space()[: len(piece)] = piece
        intake.came(len(piece))
        while (frame := intake.next()) is not None:
            found.append(frame)
    assert found == expected


def test_an_intake_keeps_no_more_than_its_room() -> None:
    intake = Intake()
    frame = write_frame(1, 1, bytes(253))
    count = 0
    while len(intake.space()) >= len(frame):
        intake.space()[: len(frame)] = frame
        intake.came(len(frame))
        count += 1
    rest = len(intake.space())
    intake.came(rest)
    assert intake.is_full
    assert intake.next() == Frame(1, 1, bytes(253))
    assert count == ROOM // len(frame)
    assert len(intake.space()) == len(frame)


def test_a_lying_header_breaks_the_intake_for_good() -> None:
    for lie in (
        b"\0\1\0\1\0\6\1\3\0\0\0\1",
        b"\0\1\0\0\0\0\1\3",
        b"\0\1\0\0\0\1\1\3",
        b"\0\1\0\0\1\0\1\3",
    ):
        intake = Intake()
        intake.space()[: len(lie)] = lie
        intake.came(len(lie))
        assert intake.next() is None
        assert intake.fault
        good = write_frame(1, 1, b"\x07")
        intake.space()[: len(good)] = good
        intake.came(len(good))
        assert intake.next() is None


@pytest.mark.parametrize(
    ("asked", "answer", "is_so"),
    [
        ("03 0000 0001", "03 02 0007", True), ("03 0000 0001", "03 04 0007 0008", False),
        ("03 0000 0001", "04 02 0007", False), ("03 0000 0001", "83 02", True),
        ("03 0000 0001", "83 00", False), ("03 0000 0001", "83 02 00", False), ("03 0000 0001", "", False),
        ("01 0000 0009", "01 02 ffff", True), ("01 0000 0009", "01 01 ff", False),
        ("07", "07 6d", True), ("07", "07", False), ("0b", "0b ffff 0108", True), ("0b", "0b ff", False),
        ("11", "11 02 01 ff", True), ("11", "11 03 01 ff", False), ("0c", "0c 06 0000 0108 0121", True),
        ("2b 0e 01 00", "2b 0e 01 01 00 00 01 00 01 41", True), ("2b 0e 01 00", "2b 0e 02 01 00 00 00", False),
        ("2b 0e 01 00", "2b 0e", False),
    ],
)  # fmt: skip
def test_an_answer_is_what_was_asked_for_or_none(asked: str, answer: str, *, is_so: bool) -> None:
    assert fits(pdu(asked), pdu(answer)) is is_so


def test_the_read_half_of_23_answers_as_23() -> None:
    assert answer_of_both(pdu("03 02 0007")) == pdu("17 02 0007")
    assert answer_of_both(pdu("83 02")) == pdu("97 02")
