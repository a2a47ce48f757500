"""Roles of Modbus/TCP Security: strict reading of the extension, and a policy that grants only what it names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.core.errors import MalformedError
from twinvouch.wire.modbus import Function, Read, Refusal, WriteMany, WriteOne, write_request
from twinvouch.wire.modbus_message import Detail, Identify, Mask, ReadWrite, Request
from twinvouch.wire.modbus_roles import NO_ROLE, Grant, may, refusal, role_in

F = Function
READS = frozenset({1, 2, 3, 4})
ROLES = {
    NO_ROLE: (Grant(READS),),
    "operator": (Grant(READS | {43}), Grant(frozenset({6, 16, 22, 23}), (1, 2), (100, 109))),
}


def utf8(text: bytes) -> bytes:
    head = bytes([len(text)]) if len(text) < 0x80 else bytes([0x81, len(text)])
    return b"\x0c" + head + text


@pytest.mark.parametrize("role", ["write", "o", "é" * 127, "x" * 127, "x" * 128, "x" * 255])
def test_one_utf8_string_is_the_role(role: str) -> None:
    assert role_in([utf8(role.encode())]) == role


def test_a_certificate_without_the_extension_has_no_role() -> None:
    assert role_in([]) == NO_ROLE


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([utf8(b"write"), utf8(b"operator")], "expected one, the certificate has 2"),
        ([utf8(b"write"), utf8(b"write")], "expected one"),
        ([b""], "UTF8String"),
        ([b"\x0c"], "UTF8String"),
        ([b"write"], "UTF8String"),
        ([b"\x13\x05write"], "tag 12"),  # PrintableString
        ([b"\x1e\x0a" + "write".encode("utf-16-be")], "tag 12"),  # BMPString
        ([b"\x2c\x07\x0c\x05write"], "tag 12"),  # constructed
        ([b"\x30\x07\x0c\x05write"], "tag 12"),  # a sequence of one
        ([b"\x04\x07\x0c\x05write"], "tag 12"),  # wrapped once too often
        ([utf8(b"write") + utf8(b"admin")], "5 bytes"),  # two in one extension
        ([utf8(b"write") + b"\0"], "5 bytes"),
        ([b"\x0c\x06write"], "6 bytes"),
        ([b"\x0c\x00"], "0 bytes"),
        ([b"\x0c\x80write\0\0"], "shortest length"),  # indefinite
        ([b"\x0c\x81\x05write"], "shortest length"),
        ([b"\x0c\x82\x00\x05write"], "shortest length"),
        ([b"\x0c\x82\x01\x00" + b"x" * 256], "at most 255"),
        ([b"\x0c\x81"], "shortest length"),
        ([utf8(b"wr\xffte")], "byte 4: not UTF-8"),
        ([utf8(b"wr\xc0\x80te")], "not UTF-8"),
        ([utf8(b"write\0")], "cannot be printed"),
        ([utf8(b"write\n")], "cannot be printed"),
    ],
)
def test_what_is_not_exactly_one_role_is_none(values: list[bytes], why: str) -> None:
    with pytest.raises(MalformedError, match=why):
        role_in(values)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_role_that_is_written_the_same_or_malformed(raw: bytes) -> None:
    for value in (raw, b"\x0c" + raw, b"\x0c" + bytes([len(raw) & 0xFF]) + raw):
        try:
            role = role_in([value])
        except MalformedError:
            continue
        assert utf8(role.encode()) == value


WITHIN: list[Request] = [
    Read(F.READ_HOLDING, 0, 125),
    WriteOne(F.WRITE_REGISTER, 100, 7),
    WriteOne(F.WRITE_REGISTER, 109, 7),
    WriteMany(F.WRITE_REGISTERS, 100, (1,) * 10),
    Mask(F.MASK_REGISTER, 105, 0, 1),
    ReadWrite(F.READ_WRITE, 100, 10, 109, (1,)),
    Identify(F.IDENTIFY, Detail.BASIC),
]
BEYOND: list[Request] = [
    WriteOne(F.WRITE_REGISTER, 99, 7),
    WriteOne(F.WRITE_REGISTER, 110, 7),
    WriteOne(F.WRITE_COIL, 100, 1),
    WriteMany(F.WRITE_REGISTERS, 100, (1,) * 11),
    WriteMany(F.WRITE_REGISTERS, 99, (1, 1)),
    Mask(F.MASK_REGISTER, 110, 0, 1),
    ReadWrite(F.READ_WRITE, 99, 2, 100, (1,)),  # reads outside
    ReadWrite(F.READ_WRITE, 100, 1, 109, (1, 2)),  # writes outside
]


@pytest.mark.parametrize("request_", WITHIN)
def test_what_a_grant_covers_goes_on(request_: Request) -> None:
    assert refusal(ROLES, "operator", 1, write_request(request_)) is None


@pytest.mark.parametrize("request_", BEYOND)
def test_what_no_grant_covers_is_refused_with_exception_1(request_: Request) -> None:
    answer = refusal(ROLES, "operator", 1, write_request(request_))
    assert answer == Refusal(request_.function, 1)


@pytest.mark.parametrize("request_", [*WITHIN[1:], *BEYOND])
def test_without_a_role_only_what_everybody_may(request_: Request) -> None:
    assert refusal(ROLES, NO_ROLE, 1, write_request(request_)) == Refusal(request_.function, 1)
    assert may(ROLES, NO_ROLE, 1, WITHIN[0])


def test_an_unknown_role_has_less_than_none() -> None:
    assert not may(ROLES, "Operator", 1, WITHIN[0])
    assert not may(ROLES, "admin", 1, WITHIN[0])


def test_a_grant_is_for_its_units() -> None:
    assert may(ROLES, "operator", 2, WITHIN[1])
    assert not may(ROLES, "operator", 3, WITHIN[1])


def test_two_grants_do_not_add_up_to_a_range() -> None:
    halves = {"r": (Grant(READS, addresses=(0, 9)), Grant(READS, addresses=(10, 19)))}
    assert may(halves, "r", 1, Read(F.READ_INPUT, 5, 5))
    assert not may(halves, "r", 1, Read(F.READ_INPUT, 5, 6))


@pytest.mark.parametrize(
    ("pdu", "answer"),
    [
        ("", Refusal(1, 1)),
        ("07", Refusal(7, 1)),
        ("5a00", Refusal(0x5A, 1)),
        ("80", Refusal(1, 1)),
        ("03 0000 0000", Refusal(3, 3)),
        ("06 0064", Refusal(6, 3)),
        ("10 ffff 0002 04 0000 0000", Refusal(16, 2)),
    ],
)
def test_what_is_no_request_is_refused_as_the_specification_says(pdu: str, answer: Refusal) -> None:
    assert refusal(ROLES, "operator", 1, bytes.fromhex(pdu)) == answer


@given(st.binary(max_size=20), st.sampled_from([NO_ROLE, "operator", "admin"]))
def test_no_bytes_get_past_a_policy_that_grants_nothing(pdu: bytes, role: str) -> None:
    answer = refusal({}, role, 1, pdu)
    assert answer is not None
    assert answer.code in {1, 2, 3}
