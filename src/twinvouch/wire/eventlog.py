"""Events as records of the event log: `[1, number, now_ns, field ...]` in deterministic CBOR.

The log is the record of truth: reading it back gives the same events at the same times. Large byte
strings (`raw`) are passed through, never looked into. Numbers start at 128, apart from the kinds of
contents and ledger entries, and are never reused; numbers that are written no more are read for ever. Adapters limit what they let in: whatever was written
can be read back, whatever its length.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from twinvouch.core.errors import MalformedError
from twinvouch.core.event import (
    AdviceGiven,
    BatchReceived,
    CommandProposed,
    DisavowalTraced,
    DiskChanged,
    EpochOpened,
    Event,
    HistoryChanged,
    KeyStated,
    ModelSubmitted,
    OutcomeReported,
    QueryAsked,
    Rewound,
    SimulationDone,
    Started,
    StatementReceived,
    StrangersRefused,
    Tick,
    WitnessReported,
)
from twinvouch.core.kind import VERSION
from twinvouch.wire.cbor import decode, encode, scalars_at
from twinvouch.wire.fields import LARGEST, Fields

Take: TypeAlias = Callable[[Fields, str], Any]


def write_event(event: Event, now_ns: int) -> bytes:
    """The record of an event fed at `now_ns`; UsageError where a text has no UTF-8."""
    number, form = _form(event)
    return encode([VERSION, number, now_ns, *(getattr(event, name) for name, _ in form)])


def read_event(raw: bytes) -> tuple[Event, int]:
    """The event of a record and when it was fed; MalformedError for anything else."""
    items = decode(raw, items=len(raw))
    kind = items[1] if isinstance(items, list) and len(items) > 2 else None
    if type(kind) is not int or kind not in _READ:
        raise MalformedError("event: expected [1, number of an event, now_ns, ...]")
    event_type, form = _READ[kind]
    fields = Fields(items, 3 + len(form), event_type.__name__)
    fields.integer("version", VERSION, VERSION)
    fields.integer("number")
    now_ns = fields.integer("now_ns")
    return event_type(*[take(fields, name) for name, take in form]), now_ns


def time_of(raw: bytes) -> int:
    """When the event of a record was fed, without reading the rest; MalformedError for anything else."""
    items, _ = scalars_at(raw, 1, 3)
    if type(items[2]) is not int:
        raise MalformedError("event: expected [1, number of an event, now_ns, ...]")
    return items[2]


def _form(event: Event) -> "tuple[int, Form]":
    """Number and fields of an event; what came over mutual TLS, or was checked by the API, has a number of its own."""
    if isinstance(event, BatchReceived) and (event.link or event.checked):
        return _SEEN_BATCH
    if isinstance(event, QueryAsked) and event.link:
        return _LINKED_QUERY
    return _FORMS[type(event)]


def _text(fields: Fields, name: str) -> str:
    return fields.text(name, LARGEST)


def _texts(fields: Fields, name: str) -> tuple[str, ...]:
    return fields.each(name, LARGEST, lambda each: each.text(name, LARGEST))


def _counts(fields: Fields, name: str) -> tuple[tuple[str, int], ...]:
    return fields.each(name, LARGEST, lambda each: _counted(each.inner(name, 2)))


def _counted(fields: Fields) -> tuple[str, int]:
    return fields.text("what", LARGEST), fields.integer("count")


def _readers(fields: Fields, name: str) -> tuple[tuple[str, int, int], ...]:
    return fields.each(name, LARGEST, lambda each: _reader(each.inner(name, 3)))


def _reader(fields: Fields) -> tuple[str, int, int]:
    return fields.text("who", LARGEST), fields.integer("times"), fields.integer("last_ns")


def _octets(fields: Fields, name: str) -> bytes:
    return fields.octets(name)


def _integer(fields: Fields, name: str) -> int:
    return fields.integer(name)


def _files(fields: Fields, name: str) -> tuple[tuple[str, bytes, str], ...]:
    return fields.each(name, LARGEST, lambda each: _file(each.inner(name, 3)))


def _file(fields: Fields) -> tuple[str, bytes, str]:
    return fields.text("name", LARGEST), fields.octets("digest"), fields.text("why", LARGEST)


Form: TypeAlias = tuple[tuple[str, Take], ...]
_SENT = (("salt", _octets), ("peer", _text), ("raw", _octets))
_FORMS: Mapping[type[Event], tuple[int, Form]] = {
    Started: (
        128,
        (("salt", _octets), ("config", _octets), ("policy", _octets), ("build", _text)),
    ),
    BatchReceived: (129, _SENT),
    CommandProposed: (130, (*_SENT, ("token_of", _text))),
    AdviceGiven: (147, (*_SENT, ("token_of", _text))),
    StatementReceived: (131, _SENT),
    OutcomeReported: (132, _SENT),
    ModelSubmitted: (133, (*_SENT, ("files", _files))),
    QueryAsked: (
        134,
        (
            ("salt", _octets),
            *((name, _text) for name in ("principal", "action", "resource", "purpose")),
            ("tags", _texts),
        ),
    ),
    Tick: (138, (("salt", _octets), ("wall_ns", _integer), ("monotonic_ns", _integer))),
    KeyStated: (136, _SENT),
    StrangersRefused: (
        137,
        (("salt", _octets), ("since_ns", _integer), ("rules", _counts), ("peers", _counts)),
    ),
    DiskChanged: (
        140,
        (("salt", _octets), *((name, _integer) for name in ("full", "free", "total", "refused"))),
    ),
    WitnessReported: (
        150,
        (
            ("salt", _octets),
            *((name, _integer) for name in ("late", "size", "witnessed")),
            ("conflict", _text),
        ),
    ),
    HistoryChanged: (
        151,
        (
            ("salt", _octets),
            *((name, _text) for name in ("what", "subject")),
            *((name, _integer) for name in ("day", "count")),
            ("digest", _octets),
        ),
    ),
    DisavowalTraced: (
        152,
        (
            ("salt", _octets),
            *((name, _integer) for name in ("entry", "first", "sources", "touched")),
            ("counts", _counts),
            ("highest", _text),
            ("models", _counts),
            ("readers", _readers),
            ("digest", _octets),
            ("listed", _octets),
        ),
    ),
    Rewound: (
        153,
        (
            *((name, _octets) for name in ("salt", "disavowal")),
            *(("origin", _text), ("size", _integer), ("root", _octets), ("record", _integer)),
            *(("subject", _text), ("since_ns", _integer), ("until_ns", _integer)),
        ),
    ),
    SimulationDone: (
        154,
        (
            *(("salt", _octets), ("ident", _text), ("foresight", _octets)),
            *(("why", _text), ("digest", _octets)),
        ),
    ),
    EpochOpened: (
        144,
        (
            ("salt", _octets),
            ("epoch", _integer),
            ("origin", _text),
            ("size", _integer),
            ("root", _octets),
            ("backup", _octets),
        ),
    ),
}
_SEEN_BATCH = (139, (*_SENT, ("link", _text), ("checked", _octets)))
_LINKED_QUERY = (145, (*_FORMS[QueryAsked][1], ("link", _text)))
_READ: Mapping[int, tuple[type[Event], Form]] = {
    135: (Tick, (_SENT[0],)),  # before a tick carried clocks
    _SEEN_BATCH[0]: (BatchReceived, _SEEN_BATCH[1]),
    _LINKED_QUERY[0]: (QueryAsked, _LINKED_QUERY[1]),
    **{number: (kind, form) for kind, (number, form) in _FORMS.items()},
}
