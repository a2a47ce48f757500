"""Damages of the state, its write-ahead log, the reserve and a witness's memory (`bench endure`)."""

import shutil
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from twinvouch.adapters.committer import recover
from twinvouch.adapters.reserve import FILE, Reserve
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.adapters.sqlite_state import SqliteState, StateReader, open_reader
from twinvouch.adapters.witness_store import WitnessStore
from twinvouch.app import build
from twinvouch.app.bench.tails_store import NAME, ORIGIN, WITNESS, Built, NoSync, step_of
from twinvouch.app.bench.tails_tally import LIMIT, Tally, tried
from twinvouch.core.errors import TwinvouchError
from twinvouch.engine import Engine
from twinvouch.ledger import checkpoint

_DISK: Final = NoSync()
SOME: Final = 1_000  # offsets of files that take long to look over
_RESERVE: Final = 4_096


def _state(store: Built, directory: Path) -> list[Tally]:
    """The database as a clean end leaves it."""
    place = directory / "state"
    place.mkdir()
    path = place / "state.db"
    shutil.copy(store.data / "state.db", path)
    with closing(open_reader(path)) as reader:
        known = _content(reader)
    for other in place.glob("state.db-*"):
        other.unlink()

    def judge() -> str:
        for other in place.glob("state.db-*"):
            other.unlink()
        try:
            with closing(open_reader(path)) as reader:
                found = _content(reader)
        except (TwinvouchError, UnicodeDecodeError):
            return "refused"
        return "unharmed" if found == known else "unsaid"

    expected = (
        LIMIT
        + "SQLite finds what breaks its pages, and not what changes a value: a file system that does, or encryption"
    )
    about, span = ("state", expected), (0, step_of([path], SOME // store.every))
    return list(tried(path, about, judge, span).values())


def _content(state: StateReader) -> Any:
    rows, end = state.load()
    return dict(rows), end, list(state.leaves(0, state.leaf_count()))


def _wal(store: Built, directory: Path) -> list[Tally]:
    """A state that was killed: what its write-ahead log loses is fed again from the event log."""
    place = directory / "killed"
    shutil.copytree(store.open_state, place)
    path, whole = place / "state.db-wal", (place / "state.db").read_bytes()
    site, engine = build.site(store.config), Engine(build.site(store.config))
    with closing(SegmentLog(store.data / "log", disk=_DISK)) as log:

        def judge() -> str:
            (place / "state.db").write_bytes(whole)
            (place / "state.db-shm").unlink(missing_ok=True)
            try:
                with closing(SqliteState(place / "state.db")) as state:
                    again = recover(Engine(site), log, state)
                    found = _content(state)
            except (TwinvouchError, UnicodeDecodeError):
                return "refused"
            return ("repaired" if again else "unharmed") if found == known else "unsaid"

        raw = path.read_bytes()
        with closing(SqliteState(place / "state.db")) as state:
            recover(engine, log, state)
            known = _content(state)
        path.write_bytes(raw)
        about = "state, write-ahead log", "what it loses is fed again from the event log"
        return list(tried(path, about, judge, (0, step_of([path], SOME // store.every))).values())


def _reserve(store: Built, _: Path) -> list[Tally]:
    """Its bytes mean nothing; what is too short is made again."""
    path, reserve = store.data / FILE, Reserve(store.data, _RESERVE)
    path.unlink(missing_ok=True)
    reserve.make()

    def judge() -> str:
        was = reserve.is_there
        if not reserve.make() or path.stat().st_size != _RESERVE:
            return "unsaid"
        return "unharmed" if was else "repaired"

    about = "reserve", "bytes mean nothing; one that is too short is made again"
    return list(tried(path, about, judge, (0, store.every)).values())


def _witness(store: Built, _: Path) -> list[Tally]:
    """What a witness cosigned last."""

    def judge() -> str:
        try:
            with closing(WitnessStore(store.witness.parent, NAME, WITNESS, _DISK)) as memory:
                found = memory.last(ORIGIN)
        except TwinvouchError:
            return "refused"
        return "unharmed" if found is not None and found.head == head else "unsaid"

    head = checkpoint.read_text(checkpoint.read_note(store.witness.read_bytes()).text)
    about = "memory of a witness", "another head is refused, and a new key is needed"
    return list(tried(store.witness, about, judge, (0, store.every)).values())


PARTS: Final = (_state, _wal, _reserve, _witness)
