"""The engine's memory as rows of the state store: one row an edge, scan group, command, reader, model.

Every row starts with a version. Restoring all drained rows gives the same memory back (a property test holds
that, and that a replay of the event log gives it too).
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from twinvouch.commands.arrivals import read_arrival, write_arrival
from twinvouch.commands.given import read_given, write_given
from twinvouch.commands.register import read_record, write_record
from twinvouch.core.errors import ConfigError, MalformedError
from twinvouch.core.event import Tick
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.genesis import Beginning
from twinvouch.core.memo import Memo
from twinvouch.core.mode import Mode, Rung, Stepped
from twinvouch.core.ticket import Ticket, Work
from twinvouch.engine import ahead_rows, doubt_rows, glass, misuse, safe, virtual_rows, written
from twinvouch.engine.memory import KeyUse, Memory, Signed
from twinvouch.ledger.entry import findings_content
from twinvouch.queries.memory import read_marks, read_seen, write_marks, write_seen
from twinvouch.readings import declared
from twinvouch.readings.detect.detector import KEYS as DETECTION
from twinvouch.readings.link import read_link, write_link
from twinvouch.readings.refusals import Tally
from twinvouch.wire.cbor import decode, encode
from twinvouch.wire.keys import read_ring, write_ring

_UNREADABLE = (KeyError, ValueError, TypeError, AssertionError, IndexError, AttributeError)
_NOTHING_MORE = (0, 0, "", "", -1, None, None, 0, 0)
KEPT_FINDINGS = 200  # of the recent ones, over a restart


def drain(m: Memory) -> dict[str, bytes | None]:
    """Rows changed since the last drain; None deletes."""
    m.dirty.add("engine")
    rows = {key: _row(m, key) for key in sorted(m.dirty)}
    m.dirty.clear()
    return rows


def restore(m: Memory, stored: Mapping[str, bytes]) -> None:
    """Fill an empty memory from rows."""
    for key in sorted(stored):
        table, _, ident = key.partition("/")
        try:
            READ[table](m, ident, stored[key])
        except (*_UNREADABLE, MalformedError) as error:
            raise ConfigError(
                f"row `{key}` of the state cannot be read ({type(error).__name__}): it was written by another version. "
                "Start with the version that wrote it, or restore a backup of this one; a data directory of a "
                "development build cannot be taken over: move it away"
            ) from None
    m.past.restored(dict(m.past.writes))
    if "engine" in stored and "forgotten" not in stored:  # of a version that remembered less
        written.upgrade(m)
    m.records = dict(sorted(m.records.items(), key=lambda r: r[1].entry))
    m.advice = dict(sorted(m.advice.items(), key=lambda g: g[1].entry))
    m.disavowals = dict(sorted(m.disavowals.items(), key=lambda d: d[1].entry))
    m.closed = sum(not record.is_open for record in m.records.values())
    for record in m.records.values():
        if record.permit_nonce:
            m.by_nonce[record.permit_nonce] = record.command.id


def time_of(stored: Mapping[str, bytes]) -> int:
    """The engine's time as these rows have it, ns; 0 where it has not begun."""
    if "engine" not in stored:
        return 0
    content: Any = decode(stored["engine"])
    return int(content[2])


def epoch_of(stored: Mapping[str, bytes]) -> int:
    """The epoch of the log that these rows belong to."""
    if "epoch" not in stored:
        return 0
    content: Any = decode(stored["epoch"])
    return int(content[1])


def _row(m: Memory, key: str) -> bytes | None:
    table, _, ident = key.partition("/")
    return WRITE[table](m, ident)


def _write_engine(m: Memory, _: str) -> bytes:
    return encode([1, m.size, m.now_ns, dict(m.counts), list(m.runs_with)])


def _read_engine(m: Memory, _: str, raw: bytes) -> None:
    content: Any = decode(raw)
    version, m.size, m.now_ns, counts, (config, policy, build) = content
    assert version == 1, version
    m.counts = Counter(counts)
    m.runs_with = config, policy, build


def _write_epoch(m: Memory, _: str) -> bytes:
    return encode([1, m.epoch, m.epoch_ns])


def _read_epoch(m: Memory, _: str, raw: bytes) -> None:
    content: Any = decode(raw)
    version, m.epoch, m.epoch_ns = content
    assert version == 1, version


def _write_command(m: Memory, ident: str) -> bytes | None:
    record = m.records.get(ident)
    return None if record is None else write_record(record)


def _read_command(m: Memory, ident: str, raw: bytes) -> None:
    m.records[ident] = read_record(raw)


def _write_advice(m: Memory, ident: str) -> bytes | None:
    given = m.advice.get(ident)
    return None if given is None else write_given(given)


def _read_advice(m: Memory, ident: str, raw: bytes) -> None:
    m.advice[ident] = read_given(raw)


def _write_arrival(m: Memory, ident: str) -> bytes | None:
    arrival = m.arrivals.get(int(ident))
    return None if arrival is None else write_arrival(arrival)


def _read_arrival(m: Memory, ident: str, raw: bytes) -> None:
    m.arrivals[int(ident)] = read_arrival(raw)


def _read_link(m: Memory, ident: str, raw: bytes) -> None:
    m.links[ident] = read_link(raw)


def _read_beginning(m: Memory, ident: str, raw: bytes) -> None:
    content: Any = decode(raw)
    version, epoch, last, is_founded = content
    assert version == 1, version
    m.beginnings[ident] = Beginning(epoch, last, is_founded)


def _read_seen(m: Memory, ident: str, raw: bytes) -> None:
    m.seen[ident] = read_seen(raw)


def _write_marks(m: Memory, ident: str) -> bytes:
    told = m.answered.get(ident), m.streamed.get(ident)
    return encode([1, *(None if marks is None else write_marks(marks) for marks in told)])


def _read_marks(m: Memory, ident: str, raw: bytes) -> None:
    content: Any = decode(raw)
    version, *told = content
    assert version == 1, version
    for into, marks in zip((m.answered, m.streamed), told, strict=True):
        if marks is not None:
            into[ident] = read_marks(marks)


def _write_findings(m: Memory, _: str) -> bytes:
    last = list(m.findings)[-KEPT_FINDINGS:]
    return encode([[entry, at, findings_content([f])[0]] for entry, at, f in last])


def _read_findings(m: Memory, _: str, raw: bytes) -> None:
    content: Any = decode(raw)
    for entry, at, (rule, subject, severity, sentence, technique, evidence, rows, first) in content:
        numbers = tuple((name, float(value)) for name, value in evidence)
        finding = Finding(
            rule, subject, Severity(severity), sentence, technique, numbers, rows, first
        )
        m.findings.append((entry, at, finding))


def _read_nonces(m: Memory, _: str, raw: bytes) -> None:
    content: Any = decode(raw)
    m.nonces = dict(content)


def _write_modes(m: Memory, _: str) -> bytes:
    return encode({asset: _mode_content(mode) for asset, mode in m.modes.items()})


def _mode_content(mode: Mode) -> list[Any]:
    s = mode.stepped
    stepped = None if s is None else [int(s.back), list(s.causes), s.whole_ns]
    asked = None if mode.asked is None else list(mode.asked)
    times = (mode.epoch, mode.since_ns, mode.until_ns)
    told = (mode.by, mode.why, mode.entry)
    return [int(mode.rung), *times, *told, stepped, asked, mode.day, mode.steps]


def _read_modes(m: Memory, _: str, raw: bytes) -> None:
    content: Any = decode(raw)
    for asset, (rung, epoch, *more) in content.items():  # earlier versions knew no more than these
        since, until, by, why, entry, stepped, asked, day, steps = more or _NOTHING_MORE
        back = None if stepped is None else Stepped(Rung(stepped[0]), tuple(stepped[1]), stepped[2])
        first = None if asked is None else (asked[0], asked[1], asked[2], asked[3])
        said = (by, why, entry)
        m.modes[asset] = Mode(Rung(rung), epoch, since, until, *said, back, first, day, steps)


def _read_streams(m: Memory, _: str, raw: bytes) -> None:
    content: Any = decode(raw)
    m.streams = dict(content)


def _write_ticked(m: Memory, _: str) -> bytes | None:
    return None if m.ticked is None else encode([1, m.ticked.wall_ns, m.ticked.monotonic_ns])


def _read_ticked(m: Memory, _: str, raw: bytes) -> None:
    content: Any = decode(raw)
    version, wall_ns, monotonic_ns = content
    assert version == 1, version
    m.ticked = Tick(b"", wall_ns, monotonic_ns)


def _read_tallies(m: Memory, _: str, raw: bytes) -> None:
    content: Any = decode(raw)
    m.tallies = {peer: Tally(since, counts) for peer, (since, counts) in content.items()}


def _read_model(m: Memory, ident: str, raw: bytes) -> None:
    content: Any = decode(raw)
    m.models[ident] = content


def _write_use(m: Memory, ident: str) -> bytes | None:
    kid, _, hour = ident.partition(".")
    use = m.uses[bytes.fromhex(kid)].get(int(hour))
    return (
        None
        if use is None
        else encode([1, use.first_entry, use.last_entry, use.last_ns, use.counts])
    )


def _read_use(m: Memory, ident: str, raw: bytes) -> None:
    kid, _, hour = ident.partition(".")
    content: Any = decode(raw)
    version, *use = content
    assert version == 1, version
    m.uses.setdefault(bytes.fromhex(kid), {})[int(hour)] = KeyUse(*use)


def _read_keys(m: Memory, _: str, raw: bytes) -> None:
    """The ring as it was, where its roots lead to the configured one; else the new root begins with nothing."""
    if m.ring is not None:
        m.ring = read_ring(m.ring, raw)


def _write_signed(m: Memory, _: str) -> bytes:
    s = m.signed
    return encode([1, s.number, s.digest, s.signers, {p: list(h) for p, h in s.pending.items()}])


def _read_signed(m: Memory, _: str, raw: bytes) -> None:
    content: Any = decode(raw)
    version, number, digest, signers, pending = content
    assert version == 1, version
    m.signed = Signed(number, digest, signers, {p: tuple(held) for p, held in pending.items()})


def _read_disk(m: Memory, _: str, raw: bytes) -> None:
    content: Any = decode(raw)
    version, m.is_disk_full = content
    assert version == 1, version


def _write_memo(m: Memory, ident: str) -> bytes | None:
    memo = m.memos.get(ident)
    return None if memo is None else encode([1, memo.about, *memo.stored()])


def _read_memo(m: Memory, ident: str, raw: bytes) -> None:
    """What a rule remembers, where it is still declared; else it is forgotten, so that it does not come back later."""
    content: Any = decode(raw)
    version, about, *arrays = content
    assert version == 1, version
    if ident in declared.keys(m.site.plant.declared) or (m.site.detector and ident in DETECTION):
        m.memos[ident] = Memo(about, tuple(arrays))
    else:
        m.dirty.add(f"memo/{ident}")


def _write_tickets(m: Memory, _: str) -> bytes:
    told = [
        [nonce, t.work.value, list(t.tags), t.start_ns, t.end_ns, t.principal]
        for nonce, t in m.tickets.items()
    ]
    return encode([1, told])


def _read_tickets(m: Memory, _: str, raw: bytes) -> None:
    content: Any = decode(raw)
    version, told = content
    assert version == 1, version
    m.tickets = {
        nonce: Ticket(Work(work), tuple(tags), start, end, who)
        for nonce, work, tags, start, end, who in told
    }


def _read_frame(m: Memory, ident: str, raw: bytes) -> None:
    m.frame.restore(ident, raw)


WRITE: Mapping[str, Callable[[Memory, str], bytes | None]] = {
    **doubt_rows.WRITE,
    **ahead_rows.WRITE,
    **safe.WRITE,
    **glass.WRITE,
    **misuse.WRITE,
    **virtual_rows.WRITE,
    "engine": _write_engine,
    "epoch": _write_epoch,
    "link": lambda m, edge: write_link(m.links[edge]),
    "beginning": lambda m, edge: encode([1, *m.beginnings[edge]]),
    "frame": lambda m, group: m.frame.rows(group),
    "command": _write_command,
    "advice": _write_advice,
    "arrival": _write_arrival,
    "seen": lambda m, principal: write_seen(m.seen[principal]),
    "marks": _write_marks,
    "findings": _write_findings,
    "nonces": lambda m, _: encode([list(n) for n in sorted(m.nonces.items())]),
    "modes": _write_modes,
    "streams": lambda m, _: encode(m.streams),
    "ticked": _write_ticked,
    "tallies": lambda m, _: encode({p: [t.since_ns, dict(t.counts)] for p, t in m.tallies.items()}),
    "model": lambda m, name: encode(m.models[name]),
    "keys": lambda m, _: None if m.ring is None else write_ring(m.ring),
    "use": _write_use,
    "signed": _write_signed,
    "disk": lambda m, _: encode([1, m.is_disk_full]),
    "memo": _write_memo,
    "tickets": _write_tickets,
    "forgotten": written.write_forgotten,
    "write": written.write_permit,
    "steady": lambda m, _: encode([1, m.past.steady]),
}
READ: Mapping[str, Callable[[Memory, str, bytes], None]] = {
    **doubt_rows.READ,
    **ahead_rows.READ,
    **safe.READ,
    **glass.READ,
    **misuse.READ,
    **virtual_rows.READ,
    "engine": _read_engine,
    "epoch": _read_epoch,
    "link": _read_link,
    "beginning": _read_beginning,
    "frame": _read_frame,
    "command": _read_command,
    "advice": _read_advice,
    "arrival": _read_arrival,
    "seen": _read_seen,
    "marks": _read_marks,
    "findings": _read_findings,
    "nonces": _read_nonces,
    "modes": _read_modes,
    "streams": _read_streams,
    "tallies": _read_tallies,
    "ticked": _read_ticked,
    "model": _read_model,
    "keys": _read_keys,
    "use": _read_use,
    "signed": _read_signed,
    "disk": _read_disk,
    "memo": _read_memo,
    "tickets": _read_tickets,
    "forgotten": written.read_forgotten,
    "write": written.read_permit,
    "steady": written.read_steady,
}
