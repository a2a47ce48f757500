"""Everything else that is signed or logged: malformed, or written again byte for byte."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.unit.wire.samples import ADVICE, COMMAND, MANIFEST, OUTCOME, PERMIT, PLANT, STATEMENT
from twinvouch.core.errors import MalformedError
from twinvouch.core.event import AdviceGiven, BatchReceived, ModelSubmitted, QueryAsked, Tick
from twinvouch.core.mode import Rung
from twinvouch.core.scan import Scan, Sight
from twinvouch.wire.advice import read_advice, write_advice
from twinvouch.wire.command import read_command, write_command
from twinvouch.wire.eventlog import read_event, write_event
from twinvouch.wire.manifest import read_manifest, write_manifest
from twinvouch.wire.mode import read_mode, write_mode
from twinvouch.wire.outcome import read_outcome, write_outcome
from twinvouch.wire.permit import read_permit, write_permit
from twinvouch.wire.scan import read_scan, write_scan
from twinvouch.wire.statement import read_statement, write_statement

SALT = b"s" * 16
EVENTS = (
    AdviceGiven(SALT, "p", b"raw", "ann"),
    BatchReceived(SALT, "127.0.0.1", b"raw"),
    ModelSubmitted(SALT, "p", b"raw", (("weights.npz", b"d" * 32, ""),)),
    QueryAsked(SALT, "ann", "readTags", "*", "why", ("tank/level",)),
    Tick(SALT),
)
SEEDS = [
    write_command(COMMAND, PLANT),
    write_advice(ADVICE, PLANT),
    write_statement(STATEMENT, PLANT),
    write_permit(PERMIT),
    write_outcome(OUTCOME, PLANT),
    write_scan(Scan(bytes(16), 1, 2, (Sight("plc-1", "unit", 3, "10.0.0.9", (3, 90)),)), PLANT),
    write_manifest(MANIFEST, PLANT),
    write_mode(PLANT, "pump-1", 7, Rung.READ_ONLY),
    *(write_event(event, 7) for event in EVENTS),
]
OLDER = (
    b"\x18\x87",
)  # numbers of events that are read for ever and written no more: a tick without clocks
Read = Callable[[bytes], Any]
FORMATS: Mapping[str, tuple[Read, Callable[[Any], bytes]]] = {
    "command": (lambda raw: read_command(raw, PLANT), lambda value: write_command(value, PLANT)),
    "advice": (lambda raw: read_advice(raw, PLANT), lambda value: write_advice(value, PLANT)),
    "statement": (lambda raw: read_statement(raw, PLANT), lambda v: write_statement(v, PLANT)),
    "permit": (read_permit, write_permit),
    "scan": (lambda raw: read_scan(raw, PLANT), lambda value: write_scan(value, PLANT)),
    "outcome": (lambda raw: read_outcome(raw, PLANT), lambda value: write_outcome(value, PLANT)),
    "manifest": (lambda raw: read_manifest(raw, PLANT), lambda v: write_manifest(v, PLANT)),
    "mode": (lambda raw: read_mode(raw, PLANT), lambda value: write_mode(PLANT, *value)),
    "event": (read_event, lambda value: write_event(*value)),
}


def one(raw: bytes) -> None:
    """By every reader; at most one may take it."""
    takers = [name for name, (read, write) in FORMATS.items() if taken(raw, read, write)]
    assert len(takers) <= 1, takers


def taken(raw: bytes, read: Read, write: Callable[[Any], bytes]) -> bool:
    """Whether a reader takes `raw`; if so its writer gives it back, or the newer form of an event."""
    try:
        value = read(raw)
    except MalformedError:
        return False
    written = write(value)
    assert written == raw or (raw[2:4] in OLDER and read(written) == value)
    return True
