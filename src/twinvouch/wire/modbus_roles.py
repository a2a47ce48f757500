"""Who may do what over Modbus/TCP Security: a role in the client's certificate, and a policy over functions and addresses.

Source: MODBUS/TCP Security Protocol Specification (MB-TCP-Security v21 2018, v36 2021): the role is the X.509v3 extension
1.3.6.1.4.1.50316.802.1, one ASN.1 UTF8String; what the role may not do is answered with exception 1. Pure: whoever
stands in line hands in the extension's values and the PDU. Nothing is granted that no grant names as a whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from twinvouch.core.errors import MalformedError
from twinvouch.wire.modbus import read_request
from twinvouch.wire.modbus_message import (
    Identify,
    Mask,
    Read,
    ReadWrite,
    Refusal,
    Refused,
    RefusedRequestError,
    Request,
    WriteOne,
)

ROLE_OID: Final = "1.3.6.1.4.1.50316.802.1"
NO_ROLE: Final = ""  # of a certificate without the extension
_UTF8STRING = 0x0C
_MOST = 255  # bytes of a role


@dataclass(frozen=True, slots=True)
class Grant:
    """These functions on these addresses of these units; all ranges with both ends."""

    functions: frozenset[int]
    units: tuple[int, int] = (0, 255)
    addresses: tuple[int, int] = (0, 0xFFFF)


Roles: TypeAlias = Mapping[str, tuple[Grant, ...]]


def role_in(values: Sequence[bytes]) -> str:
    """The role in the extension's values (DER) of one certificate; NO_ROLE where there is none.

    MalformedError: two roles, or not exactly one UTF8String of 1 to 255 bytes of printable text.
    """
    if not values:
        return NO_ROLE
    if len(values) > 1:
        raise MalformedError(f"role: expected one, the certificate has {len(values)}")
    raw = values[0]
    if len(raw) < 2 or raw[0] != _UTF8STRING:
        raise MalformedError(f"role: byte 0: expected a UTF8String (tag 12), got {raw[:1].hex()!r}")
    head = 2 if raw[1] < 0x80 else 3
    if head == 3 and not (raw[1] == 0x81 and len(raw) > 2 and raw[2] >= 0x80):
        raise MalformedError("role: byte 1: expected the shortest length of at most 255")
    size, text = raw[head - 1], raw[head:]
    if not 1 <= size <= _MOST or len(text) != size:
        raise MalformedError(f"role: byte 1: says {size} bytes, {len(text)} came")
    try:
        role = text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(f"role: byte {head + error.start}: not UTF-8") from None
    if not role.isprintable():
        raise MalformedError("role: a character that cannot be printed")
    return role


def may(roles: Roles, role: str, unit: int, request: Request) -> bool:
    """True where one grant of the role covers all that a request touches; a range from two grants does not."""
    return any(_covers(grant, unit, request) for grant in roles.get(role, ()))


def refusal(roles: Roles, role: str, unit: int, pdu: bytes) -> Refusal | None:
    """What a server answers to a PDU before it does anything: exception 1 for what the role may not do.

    None where it may go on. What is no request is refused as the specification says for it, whatever the role.
    """
    try:
        request = read_request(pdu)
    except RefusedRequestError as error:
        return Refusal(max(1, pdu[0] & 0x7F) if pdu else 1, error.code)
    return None if may(roles, role, unit, request) else Refusal(request.function, Refused.FUNCTION)


def _covers(grant: Grant, unit: int, request: Request) -> bool:
    first, last = grant.addresses
    return (
        request.function in grant.functions
        and grant.units[0] <= unit <= grant.units[1]
        and all(first <= start and end <= last for start, end in _touched(request))
    )


def _touched(request: Request) -> Iterator[tuple[int, int]]:
    """First and last address of everything a request reads or writes."""
    if isinstance(request, Identify):
        return
    if isinstance(request, ReadWrite):
        yield request.read_address, request.read_address + request.count - 1
    if isinstance(request, Read):
        count = request.count
    else:
        count = 1 if isinstance(request, WriteOne | Mask) else len(request.values)
    yield request.address, request.address + count - 1
