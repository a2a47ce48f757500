"""Modbus messages: the examples of the specification, the limits, and what is refused."""

import pytest

from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.core.inventory import Table
from twinvouch.wire.modbus import (
    Function,
    Read,
    Refusal,
    Refused,
    RefusedRequestError,
    Values,
    WriteMany,
    WriteOne,
    WrittenMany,
    answer_to,
    mask_of,
    read_of,
    read_request,
    read_response,
    write_of,
    write_request,
    write_response,
)
from twinvouch.wire.modbus_message import Detail, Identification, Identify, Mask, ReadWrite

F = Function

WHO = ((0, b"Company identification"), (1, b"Product code XX"), (2, b"V2.11"))
WHO_RAW = "".join(f"{n:02x}{len(t):02x}{t.hex()}" for n, t in WHO)
# the worked examples of MODBUS Application Protocol Specification V1.1b3, sections 6.1 to 6.21
REQUESTS = [
    ("01 0013 0013", Read(F.READ_COILS, 0x13, 19)),
    ("02 00c4 0016", Read(F.READ_DISCRETE, 0xC4, 22)),
    ("03 006b 0003", Read(F.READ_HOLDING, 0x6B, 3)),
    ("04 0008 0001", Read(F.READ_INPUT, 8, 1)),
    ("05 00ac ff00", WriteOne(F.WRITE_COIL, 0xAC, 1)),
    ("06 0001 0003", WriteOne(F.WRITE_REGISTER, 1, 3)),
    ("0f 0013 000a 02 cd01", WriteMany(F.WRITE_COILS, 0x13, (1, 0, 1, 1, 0, 0, 1, 1, 1, 0))),
    ("10 0001 0002 04 000a 0102", WriteMany(F.WRITE_REGISTERS, 1, (10, 0x102))),
    ("16 0004 00f2 0025", Mask(F.MASK_REGISTER, 4, 0xF2, 0x25)),
    (
        "17 0003 0006 000e 0003 06 00ff 00ff 00ff",
        ReadWrite(F.READ_WRITE, 3, 6, 14, (255, 255, 255)),
    ),
    ("2b 0e 01 00", Identify(F.IDENTIFY, Detail.BASIC)),
    ("2b 0e 04 02", Identify(F.IDENTIFY, Detail.ONE, 2)),
]
BITS_3 = (1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0)
RESPONSES = [
    ("01 03 cd 6b 05", Values(F.READ_COILS, BITS_3)),
    ("03 06 022b 0000 0064", Values(F.READ_HOLDING, (555, 0, 100))),
    ("04 02 000a", Values(F.READ_INPUT, (10,))),
    ("05 00ac ff00", WriteOne(F.WRITE_COIL, 0xAC, 1)),
    ("06 0001 0003", WriteOne(F.WRITE_REGISTER, 1, 3)),
    ("0f 0013 000a", WrittenMany(F.WRITE_COILS, 0x13, 10)),
    ("10 0001 0002", WrittenMany(F.WRITE_REGISTERS, 1, 2)),
    ("16 0004 00f2 0025", Mask(F.MASK_REGISTER, 4, 0xF2, 0x25)),
    (
        "17 0c 00fe 0acd 0001 0003 000d 00ff",
        Values(F.READ_WRITE, (0xFE, 0xACD, 1, 3, 13, 255)),
    ),
    ("2b 0e 01 01 00 00 03" + WHO_RAW, Identification(F.IDENTIFY, Detail.BASIC, 1, None, WHO)),
    (
        "2b 0e 03 83 ff 82 01 80 00",
        Identification(F.IDENTIFY, Detail.EXTENDED, 0x83, 0x82, ((0x80, b""),)),
    ),
    ("81 02", Refusal(1, 2)),
    ("ab 01", Refusal(0x2B, 1)),
]


@pytest.mark.parametrize(("raw", "message"), REQUESTS)
def test_a_request_is_read_and_written(raw: str, message) -> None:
    assert read_request(bytes.fromhex(raw)) == message
    assert write_request(message) == bytes.fromhex(raw)


@pytest.mark.parametrize(("raw", "message"), RESPONSES)
def test_a_response_is_read_and_written(raw: str, message) -> None:
    assert read_response(bytes.fromhex(raw)) == message
    assert write_response(message) == bytes.fromhex(raw)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("", Refused.FUNCTION),
        ("00", Refused.FUNCTION),
        ("07", Refused.FUNCTION),
        ("2b", Refused.FUNCTION),
        ("2b0d0100", Refused.FUNCTION),  # CANopen
        ("2b0e0000", Refused.VALUE),
        ("2b0e0500", Refused.VALUE),
        ("2b0e01", Refused.VALUE),
        ("2b0e010000", Refused.VALUE),
        ("16 0004 00f2 00", Refused.VALUE),
        ("16 0004 00f2 0025 00", Refused.VALUE),
        ("17 0003 0006 000e 0003", Refused.VALUE),
        ("17 0003 0006 000e 0000 00", Refused.VALUE),
        ("17 0003 0006 000e 0003 05 00ff 00ff 00ff", Refused.VALUE),
        ("17 0003 0006 000e 0003 06 00ff 00ff", Refused.VALUE),
        ("17 0003 007e 000e 0001 02 00ff", Refused.VALUE),
        ("17 0003 0006 000e 007a f4" + "00" * 244, Refused.VALUE),
        ("17 ffff 0002 000e 0001 02 00ff", Refused.ADDRESS),
        ("17 0003 0006 ffff 0002 04 00ff 00ff", Refused.ADDRESS),
        ("83 02", Refused.FUNCTION),
        ("01 0000 0000", Refused.VALUE),
        ("01 0000 07d1", Refused.VALUE),
        ("02 0000 07d1", Refused.VALUE),
        ("03 0000 007e", Refused.VALUE),
        ("04 0000 0000", Refused.VALUE),
        ("03 ffff 0002", Refused.ADDRESS),
        ("03 0000 01", Refused.VALUE),
        ("03 0000 0001 00", Refused.VALUE),
        ("05 0000 0001", Refused.VALUE),
        ("05 0000 ff01", Refused.VALUE),
        ("05 0000", Refused.VALUE),
        ("06 0000 0001 00", Refused.VALUE),
        ("0f 0000 0001 01", Refused.VALUE),
        ("0f 0000 0001 02 00", Refused.VALUE),
        ("0f 0000 0001 02 0000", Refused.VALUE),
        ("0f 0000 0009 01 00", Refused.VALUE),
        ("0f 0000 07b1 f7" + "00" * 247, Refused.VALUE),
        ("0f ffff 0002 01 00", Refused.ADDRESS),
        ("10 0000 0001 02 00", Refused.VALUE),
        ("10 0000 0001 02 0000 00", Refused.VALUE),
        ("10 0000 0001 04 0000 0000", Refused.VALUE),
        ("10 0000 0000 00", Refused.VALUE),
        ("10 0000 007c f8" + "00" * 248, Refused.VALUE),
    ],
)
def test_a_wrong_request_says_which_exception_answers_it(raw: str, code: Refused) -> None:
    with pytest.raises(RefusedRequestError) as caught:
        read_request(bytes.fromhex(raw))
    assert caught.value.code == code


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "00",
        "07 00",
        "2b 00",
        "16 0004 00f2",
        "17 01 00",
        "2b 0d 01 01 00 00 00",
        "2b 0e 05 01 00 00 00",
        "2b 0e 01 04 00 00 00",
        "2b 0e 01 01 01 00 00",
        "2b 0e 01 01 00 02 00",  # nothing follows, and it says where
        "2b 0e 01 01 00 00 01",
        "2b 0e 01 01 00 00 01 00 02 41",
        "2b 0e 01 01 00 00 00 00",
        "2b 0e 01 01 00 00 01 00 f5" + "41" * 245,
        "80 01",
        "83",
        "83 00",
        "83 02 00",
        "03",
        "03 00",
        "03 01 00",
        "03 02 00",
        "03 02 0000 00",
        "03 03 000000",
        "03 fc" + "00" * 252,
        "04 fb" + "00" * 251,
        "01 00",
        "01 02 00",
        "02 fb" + "00" * 251,
        "05 0000 0002",
        "06 0000",
        "06 0000 0000 00",
        "0f 0000 0000",
        "0f 0000 07b1",
        "10 ffff 0002",
        "10 0000 0001 02 0000",
    ],
)
def test_a_wrong_response_is_malformed(raw: str) -> None:
    with pytest.raises(MalformedError):
        read_response(bytes.fromhex(raw))


def test_the_largest_messages_pass() -> None:
    words = tuple(range(65535, 65535 - 125, -1))
    bits = tuple(k % 3 % 2 for k in range(2000))
    assert read_response(write_response(Values(F.READ_INPUT, words))).values == words
    assert read_response(write_response(Values(F.READ_COILS, bits))).values == bits
    for message in (
        WriteMany(F.WRITE_COILS, 65536 - 1968, bits[:1968]),
        WriteMany(F.WRITE_REGISTERS, 65536 - 123, words[:123]),
        Read(F.READ_COILS, 65536 - 2000, 2000),
        Read(F.READ_HOLDING, 65536 - 125, 125),
    ):
        raw = write_request(message)
        assert len(raw) <= 253
        assert read_request(raw) == message


@pytest.mark.parametrize(
    "message",
    [
        Read(F.READ_HOLDING, 0, 126),
        Read(F.READ_HOLDING, 0, 0),
        Read(F.READ_COILS, -1, 1),
        Read(F.READ_COILS, 65536, 1),
        WriteOne(F.WRITE_COIL, 0, 2),
        WriteOne(F.WRITE_REGISTER, 0, 65536),
        WriteOne(F.WRITE_REGISTER, 0, -1),
        WriteMany(F.WRITE_REGISTERS, 0, ()),
        WriteMany(F.WRITE_REGISTERS, 0, (0,) * 124),
        WriteMany(F.WRITE_COILS, 0, (0, 2)),
    ],
)
def test_a_request_that_cannot_be_is_misuse(message) -> None:
    with pytest.raises(UsageError):
        write_request(message)


@pytest.mark.parametrize(
    "message",
    [
        Values(F.READ_HOLDING, ()),
        Values(F.READ_HOLDING, (65536,)),
        Values(F.READ_COILS, (0,) * 2001),
        WrittenMany(F.WRITE_COILS, 0, 0),
        WriteOne(F.WRITE_COIL, 0, -1),
        Refusal(0, 1),
        Refusal(1, 0),
        Refusal(0x80, 1),
    ],
)
def test_a_response_that_cannot_be_is_misuse(message) -> None:
    with pytest.raises(UsageError):
        write_response(message)


def test_requests_are_made_from_tables() -> None:
    assert read_of(Table.INPUT, 5, 2) == Read(F.READ_INPUT, 5, 2)
    assert read_of(Table.DISCRETE, 5, 2) == Read(F.READ_DISCRETE, 5, 2)
    assert write_of(Table.COIL, 7, (1,)) == WriteOne(F.WRITE_COIL, 7, 1)
    assert write_of(Table.COIL, 7, [1, 0]) == WriteMany(F.WRITE_COILS, 7, (1, 0))
    assert write_of(Table.HOLDING, 7, [9]) == WriteOne(F.WRITE_REGISTER, 7, 9)
    assert write_of(Table.HOLDING, 7, [9, 8]) == WriteMany(F.WRITE_REGISTERS, 7, (9, 8))


@pytest.mark.parametrize(
    ("table", "address", "values"),
    [
        (Table.INPUT, 0, (1,)),
        (Table.DISCRETE, 0, (1,)),
        (Table.COIL, 0, (2,)),
        (Table.HOLDING, 65535, (1, 2)),
        (Table.HOLDING, 0, ()),
    ],
)
def test_a_write_that_cannot_be_is_misuse(table: Table, address: int, values: tuple) -> None:
    with pytest.raises(UsageError):
        write_of(table, address, values)


def test_an_answer_gives_the_values_asked_for() -> None:
    asked = Read(F.READ_COILS, 0, 19)
    assert answer_to(asked, Values(F.READ_COILS, BITS_3)) == BITS_3[:19]
    assert answer_to(Read(F.READ_INPUT, 0, 2), Values(F.READ_INPUT, (1, 2))) == (1, 2)
    assert answer_to(asked, Refusal(1, 2)) == Refusal(1, 2)
    assert answer_to(WriteOne(F.WRITE_COIL, 1, 1), WriteOne(F.WRITE_COIL, 1, 1)) == ()
    many = WriteMany(F.WRITE_REGISTERS, 1, (4, 5))
    assert answer_to(many, WrittenMany(F.WRITE_REGISTERS, 1, 2)) == ()


@pytest.mark.parametrize(
    ("request_", "response"),
    [
        (Read(F.READ_INPUT, 0, 2), Values(F.READ_INPUT, (1,))),
        (Read(F.READ_INPUT, 0, 2), Values(F.READ_INPUT, (1, 2, 3))),
        (Read(F.READ_INPUT, 0, 2), Values(F.READ_HOLDING, (1, 2))),
        (Read(F.READ_COILS, 0, 17), Values(F.READ_COILS, (0,) * 16)),
        (Read(F.READ_COILS, 0, 16), Values(F.READ_COILS, (0,) * 24)),
        (Read(F.READ_COILS, 0, 16), Refusal(2, 1)),
        (WriteOne(F.WRITE_COIL, 1, 1), WriteOne(F.WRITE_COIL, 1, 0)),
        (WriteOne(F.WRITE_COIL, 1, 1), WriteOne(F.WRITE_COIL, 2, 1)),
        (WriteOne(F.WRITE_REGISTER, 1, 1), WrittenMany(F.WRITE_REGISTERS, 1, 1)),
        (WriteMany(F.WRITE_COILS, 1, (1, 0)), WrittenMany(F.WRITE_COILS, 1, 3)),
        (WriteMany(F.WRITE_COILS, 1, (1, 0)), WrittenMany(F.WRITE_COILS, 2, 2)),
        (WriteMany(F.WRITE_COILS, 1, (1, 0)), WrittenMany(F.WRITE_REGISTERS, 1, 2)),
    ],
)
def test_an_answer_to_something_else_is_malformed(request_, response) -> None:
    with pytest.raises(MalformedError, match="expected"):
        answer_to(request_, response)


@pytest.mark.parametrize(
    "message",
    [
        Mask(F.MASK_REGISTER, 0x10000, 0, 0),
        Mask(F.MASK_REGISTER, 0, -1, 0),
        ReadWrite(F.READ_WRITE, 0, 126, 0, (1,)),
        ReadWrite(F.READ_WRITE, 0, 1, 0, ()),
        ReadWrite(F.READ_WRITE, 0, 1, 0, (1,) * 122),
        ReadWrite(F.READ_WRITE, 0, 1, 0xFFFF, (1, 2)),
        ReadWrite(F.READ_WRITE, 0, 1, 0, (0x10000,)),
        Identify(F.IDENTIFY, Detail.ONE, 256),
    ],
)
def test_further_requests_that_cannot_be_are_misuse(message) -> None:
    with pytest.raises(UsageError):
        write_request(message)


def test_what_confirms_a_masked_write_is_the_same_message() -> None:
    asked = mask_of(4, 0xF2, 0x25)
    assert answer_to(asked, asked) == ()
    assert answer_to(asked, Refusal(22, 2)) == Refusal(22, 2)
    with pytest.raises(MalformedError):
        answer_to(asked, Mask(F.MASK_REGISTER, 4, 0xF2, 0x24))


def test_a_read_write_gives_as_many_words_as_were_asked_for() -> None:
    asked = ReadWrite(F.READ_WRITE, 0, 2, 9, (1,))
    assert answer_to(asked, Values(F.READ_WRITE, (7, 8))) == (7, 8)
    with pytest.raises(MalformedError):
        answer_to(asked, Values(F.READ_WRITE, (7,)))


@pytest.mark.parametrize(
    ("request_", "response"),
    [
        (Identify(F.IDENTIFY, Detail.BASIC), (Detail.REGULAR, None, WHO)),
        (Identify(F.IDENTIFY, Detail.ONE, 1), (Detail.ONE, None, WHO[:1])),
        (Identify(F.IDENTIFY, Detail.BASIC, 2), (Detail.BASIC, 2, WHO[2:])),  # round and round
    ],
)
def test_an_identification_that_was_not_asked_for_is_malformed(request_, response) -> None:
    detail, following, objects = response
    with pytest.raises(MalformedError):
        answer_to(request_, Identification(F.IDENTIFY, detail, 0x83, following, objects))


def test_an_identification_that_is_too_long_is_misuse() -> None:
    with pytest.raises(UsageError):
        write_response(
            Identification(F.IDENTIFY, Detail.BASIC, 1, None, ((0, b"x" * 200), (1, b"y" * 100)))
        )
