"""Fields: the elements of a signed content, taken one by one in their order, each with its limits.

Every content is an array that starts `[version, kind, plant]`. A reader names each element it takes;
what does not fit raises MalformedError with that name. Ids are printable text of 1 to 200 characters,
sentences text of at most 1,000, times integers 0..2**63-1 (ns since 1970), numbers finite floats.
"""

from collections.abc import Callable
from enum import StrEnum
from math import isfinite
from typing import TypeVar

from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.core.kind import VERSION, Kind
from twinvouch.wire import cbor

ID = 200
SENTENCE = 1_000
DIGEST = 32
NONCE = 16
LARGEST = 2**63 - 1
ITEMS = 1 << 15  # values of one content that is not a batch

Read = TypeVar("Read")
Named = TypeVar("Named", bound=StrEnum)


class Fields:
    """A cursor over the elements of one array; `where` begins its messages."""

    __slots__ = ("_at", "_items", "_where")

    def __init__(self, items: cbor.Item, length: int, where: str) -> None:
        if not isinstance(items, list) or len(items) != length:
            raise MalformedError(f"{where}: expected an array of {length} elements")
        self._items = items
        self._at = 0
        self._where = where

    def id(self, name: str) -> str:
        """Printable text of 1 to 200 characters."""
        text = self.text(name, ID)
        if not text or not text.isprintable():
            raise self._wrong(name, "printable text", text)
        return text

    def text(self, name: str, limit: int = SENTENCE) -> str:
        """Text of at most `limit` characters; may be empty."""
        text = self._next()
        if not isinstance(text, str) or len(text) > limit:
            raise self._wrong(name, f"text of at most {limit} characters", text)
        return text

    def integer(self, name: str, low: int = 0, high: int = LARGEST) -> int:
        """An integer low..high."""
        value = self._next()
        if type(value) is not int or not low <= value <= high:
            raise self._wrong(name, f"an integer {low}..{high}", value)
        return value

    def number(self, name: str) -> float:
        """A finite float; an integer is not one."""
        value = self._next()
        if not isinstance(value, float) or not isfinite(value):
            raise self._wrong(name, "a finite float", value)
        return value

    def number_or_nil(self, name: str) -> float | None:
        """A finite float, or nothing."""
        if self._items[self._at] is None:
            self._at += 1
            return None
        return self.number(name)

    def sentence(self, name: str) -> str:
        """Printable text of 1 to 1,000 characters that are not all blank."""
        text = self.text(name)
        if not text.strip() or not text.isprintable():
            raise self._wrong(name, "a sentence in printable text", text)
        return text

    def octets(self, name: str, *lengths: int) -> bytes:
        """A byte string of one of these lengths, or of any where none is given."""
        value = self._next()
        if not isinstance(value, bytes) or (lengths and len(value) not in lengths):
            raise self._wrong(name, f"a byte string of {lengths or 'any'} bytes", value)
        return value

    def one_of(self, name: str, choices: type[Named]) -> Named:
        """A member of an enumeration of texts."""
        value = self._next()
        if not isinstance(value, str) or value not in choices.__members__.values():
            raise self._wrong(name, f"one of {[c.value for c in choices]}", value)
        return choices(value)

    def each(self, name: str, limit: int, read: Callable[["Fields"], Read]) -> tuple[Read, ...]:
        """An array of at most `limit` elements, each taken by `read`."""
        items = self._next()
        if not isinstance(items, list) or len(items) > limit:
            raise self._wrong(name, f"an array of at most {limit} elements", items)
        inner = Fields(items, len(items), f"{self._where}: {name}")
        return tuple(read(inner) for _ in items)

    def table(self, name: str, limit: int, read: Callable[["Fields"], Read]) -> dict[str, Read]:
        """A map of at most `limit` ids to values, each taken by `read`."""
        items = self._next()
        if not isinstance(items, dict) or len(items) > limit:
            raise self._wrong(name, f"a map of at most {limit} ids", items)
        where = f"{self._where}: {name}"
        keys, values = Fields(list(items), len(items), where), list(items.values())
        inner = Fields(values, len(values), where)
        return {keys.id("key"): read(inner) for _ in values}

    def inner(self, name: str, length: int) -> "Fields":
        """The fields of an array of `length` elements inside this one."""
        return Fields(self._next(), length, f"{self._where}: {name}")

    def _next(self) -> cbor.Item:
        self._at += 1
        return self._items[self._at - 1]

    def _wrong(self, name: str, expected: str, got: cbor.Item) -> MalformedError:
        return MalformedError(f"{self._where}: `{name}`: expected {expected}, got {got!r:.60}")


def fields_of(content: bytes, kind: Kind, length: int) -> Fields:
    """The fields of a signed content behind its version and kind, which must be as given."""
    where = kind.name.lower()
    fields = Fields(cbor.decode(content, items=ITEMS), length, where)
    fields.integer("version", VERSION, VERSION)
    fields.integer("kind", kind, kind)
    return fields


def expect_plant(fields: Fields, plant: str) -> None:
    """Take the next field, which must be the id of this plant."""
    found = fields.id("plant")
    if found != plant:
        raise MalformedError(f"`plant`: expected `{plant}`, got `{found}`")


def written(content: bytes, read: Callable[[bytes], Read]) -> bytes:
    """The content just made, if its own reader takes it; else UsageError: nobody else would take it."""
    try:
        read(content)
    except MalformedError as error:
        raise UsageError(f"cannot be written: {error}") from None
    return content
