"""Works out, on a thread of its own, what disavowals touch: the lineage up to each is evaluated again.

The result goes back into the core as an event. What was being worked out when the process died is asked for again at
its next start, and gives the same list: it depends on nothing but the ledger before the disavowal.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Final

import numpy as np

from twinvouch.app.lineage import LineageReader
from twinvouch.app.touched import Asked, digest_of, source_in
from twinvouch.core.errors import UnavailableError
from twinvouch.core.event import DisavowalTraced, Trace
from twinvouch.core.inventory import Plant
from twinvouch.core.kind import Kind
from twinvouch.core.subject import Subject
from twinvouch.ledger.affected import affected
from twinvouch.ledger.lineage import Index, Lineage
from twinvouch.ledger.told import told

LISTED: Final = 100_000  # touched entries that are listed one by one, the newest; the digest is over all of them
READERS: Final = 1000  # principals that are told of, those answered last
AGAIN_S: Final = 0.2
CHUNK: Final = 1024

_log = logging.getLogger("twinvouch.core")


class Tracer:
    """Takes effects from any thread; `done` gets what was worked out, with salt as the caller gives it."""

    def __init__(
        self,
        reader: LineageReader,
        plant: Plant,
        done: Callable[[DisavowalTraced], object],
        salt: Callable[[], bytes],
    ) -> None:
        self._reader, self._plant, self._done, self._salt = reader, plant, done, salt
        self._waiting: queue.SimpleQueue[Trace | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="twinvouch-trace", daemon=True)
        self._thread.start()

    def take(self, effect: Trace) -> None:
        """Work this out, behind what waits already."""
        self._waiting.put(effect)

    def stop(self) -> None:
        """End; what is not worked out is asked for again at the next start."""
        self._stopping.set()
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (effect := self._waiting.get()) is not None:
            try:
                self._trace(effect)
            except Exception:  # noqa: BLE001 - it ends by its time, and never takes the core along
                _log.exception("disavowal %d cannot be traced", effect.entry)

    def _trace(self, effect: Trace) -> None:
        """Until it is worked out and handed over; the state store, and a full inbox, may be behind for a moment."""
        found: DisavowalTraced | None = None
        while not self._stopping.is_set():
            try:
                found = found or self._found(effect)
                if found is not None:
                    self._done(found)
                    return
            except UnavailableError as error:
                _log.info("disavowal %d: %s", effect.entry, error)
            time.sleep(AGAIN_S)

    def _found(self, effect: Trace) -> DisavowalTraced | None:
        """None while the state store has not seen the disavowal; UnavailableError while the lineage is being read."""
        with self._reader.lock:
            of = self._reader.up_to_date()
            if of.end < effect.entry:
                return None
            return trace(of, self._reader, self._plant, effect, self._salt())


def trace(
    of: Lineage, reader: LineageReader, plant: Plant, effect: Trace, salt: bytes
) -> DisavowalTraced:
    """What the subject, as it was in that time, has touched among the entries before the disavowal's own."""
    asked = Asked(Subject(effect.kind, effect.name), effect.since_ns, effect.until_ns)
    source = source_in(reader, plant, asked.subject)
    found = affected(of, source, asked.since_ns, asked.until_ns)
    before = max(effect.entry - of.first, 0)
    found.touched[before:] = False
    found.sources[before:] = False
    indices = np.flatnonzero(found.touched) + of.first
    return DisavowalTraced(
        salt,
        effect.entry,
        min(of.first, effect.entry),
        int(found.sources.sum()),
        len(indices),
        tuple(found.count(of).items()),
        _highest(reader, indices[of.kind[indices - of.first] == Kind.ENTRY_PERMIT]),
        _models(reader, indices[of.kind[indices - of.first] == Kind.ENTRY_MODEL]),
        _readers(of, indices - of.first),
        digest_of(asked, (min(of.first, effect.entry), effect.entry), indices),
        indices[-LISTED:].astype("<u8").tobytes(),
    )


def _highest(reader: LineageReader, permits: Index) -> str:
    """The highest class of a command that one of these permits is for; A comes before B."""
    highest = ""
    for start in range(0, len(permits), CHUNK):
        for entry in reader.entries(permits[start : start + CHUNK].tolist()):
            at = reader.command(str(told(entry).get("command")))
            letter = str(told(reader.entries([at])[0]).get("class")) if at is not None else ""
            highest = min(filter(None, (highest, letter)), default="")
    return highest


def _models(reader: LineageReader, entries: Index) -> tuple[tuple[str, int], ...]:
    chosen = entries[-READERS:].tolist()
    names = [str(told(entry).get("model")) for entry in reader.entries(chosen)]
    return tuple(zip(names, chosen, strict=True))


def _readers(of: Lineage, nodes: Index) -> tuple[tuple[str, int, int], ...]:
    """Who was answered with it: how often, and when last (ns); the last first."""
    answers = nodes[(of.kind[nodes] == Kind.ENTRY_QUERY) & of.done[nodes]]
    who, at = of.who[answers], of.now_ns[answers]
    names = {number: name for name, number in of.people.items()}
    found = [
        (names[n], int((who == n).sum()), int(at[who == n].max())) for n in np.unique(who).tolist()
    ]
    return tuple(sorted(found, key=lambda reader: (-reader[2], reader[0]))[:READERS])
