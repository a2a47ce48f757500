"""Read device identification, function 43 with MEI type 14: who a device says it is.

Source: MODBUS Application Protocol Specification V1.1b3, section 6.21. Objects 0 to 2 (vendor, product code,
revision) are what every device that speaks it has; texts are bytes of the device's own choice.
"""

from typing import Final

from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.wire.modbus_message import (
    Detail,
    Function,
    Identification,
    Identify,
    Refused,
    RefusedRequestError,
)

MEI: Final = 14
_MOST = 253  # bytes of a PDU
_HEAD = 7
_MORE = 0xFF
_CONFORMITY = frozenset({1, 2, 3, 0x81, 0x82, 0x83})
NAMES: Final = {
    0: "vendor",
    1: "product code",
    2: "revision",
    3: "vendor url",
    4: "product name",
    5: "model name",
    6: "application",
}


def read_request(pdu: bytes) -> Identify:
    """The request in a PDU whose function is 43; RefusedRequestError says which exception answers it."""
    if len(pdu) < 2 or pdu[1] != MEI:
        raise RefusedRequestError(Refused.FUNCTION, f"byte 1: expected MEI type {MEI}")
    if len(pdu) != 4 or not 1 <= pdu[2] <= 4:
        raise RefusedRequestError(
            Refused.VALUE, "byte 2: expected a read device id code 1..4, an object id and the end"
        )
    return Identify(Function.IDENTIFY, Detail(pdu[2]), pdu[3])


def write_request(request: Identify) -> bytes:
    """The PDU of a request; UsageError where the object id is none."""
    if not 0 <= request.first <= 0xFF:
        raise UsageError(f"expected an object id 0..255, got {request.first}")
    return bytes((Function.IDENTIFY, MEI, request.detail, request.first))


def read_response(pdu: bytes) -> Identification:
    """The response in a PDU whose function is 43; MalformedError for anything else."""
    if not _HEAD <= len(pdu) <= _MOST or pdu[1] != MEI:
        raise MalformedError(f"byte 1: expected MEI type {MEI} and {_HEAD}..{_MOST} bytes")
    detail, conformity, more, following, count = pdu[2:_HEAD]
    if not 1 <= detail <= 4 or conformity not in _CONFORMITY:
        raise MalformedError(f"byte 2: no code and conformity level: {detail}, {conformity}")
    if more not in {0, _MORE} or (not more and following):
        raise MalformedError(f"byte 4: expected 0 and 0, or 255 and an id, got {more}, {following}")
    objects, at = [], _HEAD
    for _ in range(count):
        if at + 2 > len(pdu) or at + 2 + pdu[at + 1] > len(pdu):
            raise MalformedError(f"byte {at}: an object ends after the message")
        objects.append((pdu[at], pdu[at + 2 : at + 2 + pdu[at + 1]]))
        at += 2 + pdu[at + 1]
    if at != len(pdu):
        raise MalformedError(f"byte {at}: {len(pdu) - at} bytes behind {count} objects")
    goes_on = following if more else None
    return Identification(Function.IDENTIFY, Detail(detail), conformity, goes_on, tuple(objects))


def write_response(response: Identification) -> bytes:
    """The PDU of a response; UsageError where it breaks the specification."""
    r = response
    goes_on = (0, 0) if r.following is None else (_MORE, r.following)
    try:
        pdu = bytes((r.function, MEI, r.detail, r.conformity, *goes_on, len(r.objects)))
        pdu += b"".join(bytes((name, len(text))) + text for name, text in r.objects)
        read_response(pdu)
    except (ValueError, MalformedError) as error:
        raise UsageError(f"no identification: {error}") from None
    return pdu


def is_answer(request: Identify, response: Identification) -> bool:
    """True where the response is of the kind asked for, and not a step back."""
    if response.detail is not request.detail:
        return False
    if request.detail is Detail.ONE:
        return [name for name, _ in response.objects] == [request.first]
    return response.following is None or response.following > request.first
