"""The vocabulary of Modbus: function codes, requests, responses. How they lie in bytes is `modbus` and `modbus_identity`.

Source: MODBUS Application Protocol Specification V1.1b3, sections 6 and 7. Addresses are zero-based; registers are
words 0..65535, coils and discrete inputs are 0 or 1.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

from twinvouch.core.errors import MalformedError
from twinvouch.core.inventory import Table


class Function(IntEnum):
    """The function codes spoken here; of 43 only MEI type 14, read device identification."""

    READ_COILS = 1
    READ_DISCRETE = 2
    READ_HOLDING = 3
    READ_INPUT = 4
    WRITE_COIL = 5
    WRITE_REGISTER = 6
    WRITE_COILS = 15
    WRITE_REGISTERS = 16
    MASK_REGISTER = 22
    READ_WRITE = 23
    IDENTIFY = 43


class Refused(IntEnum):
    """The exception codes a server of these functions gives by itself."""

    FUNCTION = 1
    ADDRESS = 2
    VALUE = 3
    DEVICE_FAILURE = 4


class Detail(IntEnum):
    """How much identification is asked for: the streams 1 to 3, or a single object (4)."""

    BASIC = 1
    REGULAR = 2
    EXTENDED = 3
    ONE = 4


@dataclass(frozen=True, slots=True)
class Read:
    """Asks for `count` items from `address` on (functions 1 to 4)."""

    function: Function
    address: int
    count: int


@dataclass(frozen=True, slots=True)
class WriteOne:
    """Sets one coil (0 or 1) or register; the same message, sent back, confirms it (5, 6)."""

    function: Function
    address: int
    value: int


@dataclass(frozen=True, slots=True)
class WriteMany:
    """Sets coils or registers from `address` on (15, 16)."""

    function: Function
    address: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Mask:
    """Makes a holding register `(old & keep) | (put & ~keep)`; the same message confirms it (22)."""

    function: Function
    address: int
    keep: int
    put: int


@dataclass(frozen=True, slots=True)
class ReadWrite:
    """Sets holding registers from `address` on, then asks for `count` from `read_address` on (23)."""

    function: Function
    read_address: int
    count: int
    address: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Identify:
    """Asks who the device is (43/14): from object `first` on, or for that object alone (`Detail.ONE`)."""

    function: Function
    detail: Detail
    first: int = 0


@dataclass(frozen=True, slots=True)
class Values:
    """Answers a Read or ReadWrite. As read from the wire, bits come in eights; `answer_to` cuts them."""

    function: Function
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WrittenMany:
    """Confirms a WriteMany of `count` items."""

    function: Function
    address: int
    count: int


@dataclass(frozen=True, slots=True)
class Identification:
    """Answers an Identify: `objects` of (id, text); `following` is where to go on, None at the end.

    `conformity` is what the device can be asked for (1, 2, 3; with 0x80 also for single objects).
    """

    function: Function
    detail: Detail
    conformity: int
    following: int | None
    objects: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An exception: the server did not do `function`, for the reason `code` (1..255; 1 to 4 are `Refused`)."""

    function: int
    code: int


Request: TypeAlias = Read | WriteOne | WriteMany | Mask | ReadWrite | Identify
Response: TypeAlias = Values | WriteOne | WrittenMany | Mask | Identification | Refusal


class RefusedRequestError(MalformedError):
    """A request that a server answers with a Refusal of this `code` (`Refused`)."""

    def __init__(self, code: Refused, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


MOST: Final = {
    Function.READ_COILS: 2000,
    Function.READ_DISCRETE: 2000,
    Function.READ_HOLDING: 125,
    Function.READ_INPUT: 125,
    Function.WRITE_COIL: 1,
    Function.WRITE_REGISTER: 1,
    Function.WRITE_COILS: 1968,
    Function.WRITE_REGISTERS: 123,
    Function.MASK_REGISTER: 1,
    Function.READ_WRITE: 125,  # read
}
MOST_WRITTEN: Final = 121  # of a READ_WRITE
READS: Final = {
    Table.COIL: Function.READ_COILS,
    Table.DISCRETE: Function.READ_DISCRETE,
    Table.HOLDING: Function.READ_HOLDING,
    Table.INPUT: Function.READ_INPUT,
}
EXCEPTIONS: Final = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "server device failure",
    5: "acknowledged, still working",
    6: "server device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target device failed to respond",
}  # section 7
