"""The core's side of witnesses: its newest checkpoint is shown to each, and what they sign is kept beside it.

A thread of its own, off the path of every answer and of the tiles: a witness that is away or slow delays nothing. With
enough cosignatures the head becomes `checkpoint.witnessed`. Where that stays behind for `late_s`, and where a witness
has seen another history, the engine is told once.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from twinvouch.adapters.ledger_reader import (
    CHECKPOINT,
    WITNESSED,
    LedgerReader,
    keep_witnessed,
    read,
)
from twinvouch.adapters.link_tls import ClientFiles, client_context
from twinvouch.adapters.witness_client import Answer, Asked, WitnessClient
from twinvouch.app.config_model import Config
from twinvouch.app.config_witness import WitnessSettings
from twinvouch.app.core import Core, salt
from twinvouch.core.errors import MalformedError, TwinvouchError, UnavailableError
from twinvouch.core.event import Priority, WitnessReported
from twinvouch.ledger import checkpoint, witness
from twinvouch.ledger.cosignature import read_witness_key
from twinvouch.ledger.witness import Request

_log = logging.getLogger("twinvouch.core")


@dataclass(slots=True)
class Witnessing:
    """Asks every witness for the newest head; `look` as often as `interval_s` says. One thread."""

    directory: Path
    settings: WitnessSettings
    witnesses: Sequence[Asked]
    say: Callable[[WitnessReported], None]
    monotonic: Callable[[], float] = time.monotonic
    size: int = 0  # of the head that was shown last
    witnessed: int = 0  # of the newest head that enough stand for
    _known: dict[str, int] = field(default_factory=dict)  # what each has cosigned, by its key
    _conflicts: set[str] = field(default_factory=set)
    _since: float | None = None  # since when too few stand for what there is
    _is_late: bool = False

    def __post_init__(self) -> None:
        raw = read(self.directory, WITNESSED)
        if raw is not None:
            try:
                self.witnessed = checkpoint.read_text(checkpoint.read_note(raw).text).size
            except MalformedError as error:
                _log.warning("`%s` is replaced: %s", self.directory / WITNESSED, error)

    def look(self) -> None:
        """Show the newest head to all who have not cosigned it."""
        raw = read(self.directory, CHECKPOINT)
        if raw is None:
            return
        ledger = LedgerReader(self.directory, raw)
        self.size = ledger.head.size
        if self.size > self.witnessed:
            lines = [line for each in self.witnesses if (line := self._ask(each, ledger))]
            if len(lines) >= self.settings.needed:
                keep_witnessed(self.directory, ledger.note + b"".join(lines))
                self.witnessed = self.size
                self._since = None
        self._tell()

    def _ask(self, each: Asked, ledger: LedgerReader) -> bytes:
        """The cosignature of one; empty where it gives none."""
        known = self._known.get(each.key.text(), 0)
        try:
            answer = each.ask(_request(ledger, known))
            if answer.code == witness.CONFLICT and answer.size <= ledger.head.size:
                known = answer.size
                answer = each.ask(_request(ledger, known))
        except UnavailableError as error:
            _log.debug("%s", error)
            return b""
        if answer.code == witness.OK:
            self._known[each.key.text()] = ledger.head.size
            return answer.line
        if why := _conflict(each, answer, ledger.head.size, known):
            self._contradicted(why)
        return b""

    def _contradicted(self, why: str) -> None:
        """Said once for every size that a witness names."""
        if why not in self._conflicts and len(self._conflicts) < 100:
            _log.error("%s", why)
            if self._said(WitnessReported(salt(), 0, self.size, self.witnessed, why)):
                self._conflicts.add(why)

    def _tell(self) -> None:
        now = self.monotonic()
        behind = self.size > self.witnessed
        if not behind:
            self._since = None
        elif self._since is None:
            self._since = now
        late = self._since is not None and now - self._since >= self.settings.late_s
        if late == self._is_late:
            return
        if self._said(WitnessReported(salt(), int(late), self.size, self.witnessed)):
            self._is_late = late

    def _said(self, event: WitnessReported) -> bool:
        try:
            self.say(event)
        except UnavailableError:
            return False  # said again at the next look
        return True


def _request(ledger: LedgerReader, old: int) -> Request:
    return Request(old, tuple(ledger.consistency(old)), ledger.note)


def _conflict(each: Asked, answer: Answer, size: int, known: int) -> str:
    """What a witness has against the ledger itself; empty where it only does not serve us."""
    name = each.key.name
    if answer.code == witness.CONFLICT:
        return (
            f"witness `{name}` has cosigned {answer.size} entries of this log, there are {size}: entries are missing here, "
            "or another core signs under this origin"
        )
    if answer.code == witness.UNPROVEN:
        return (
            f"witness `{name}` has cosigned another history of the first {known} entries: this ledger, or the one that it "
            "was shown, was rewritten"
        )
    _log.warning("witness `%s` does not cosign (%d): %s", name, answer.code, answer.why)
    return ""


def witnessing(config: Config, core: Core) -> Witnessing | None:
    """What asks the configured witnesses; None where there are none."""
    settings = config.witness
    if settings is None:
        return None
    clients = []
    for each in settings.cosigners:
        ca = None if each.ca is None else config.path.parent / each.ca
        tls = None if ca is None else client_context(ClientFiles(ca))
        clients.append(WitnessClient(read_witness_key(each.key), each.url, tls))

    def say(event: WitnessReported) -> None:
        core.submit(Priority.STATEMENT, event)

    return Witnessing(config.data_dir / "ledger", settings, clients, say)


def start(asking: Witnessing | None) -> Callable[[], None]:
    """Look in a thread of its own; what is given back ends it."""
    ended = threading.Event()
    if asking is None:
        return ended.set

    def run() -> None:
        while not ended.wait(asking.settings.interval_s):
            try:
                asking.look()
            except (TwinvouchError, OSError) as error:
                _log.warning("witnesses wait: %s", error)

    thread = threading.Thread(target=run, name="twinvouch-witness", daemon=True)
    thread.start()
    return ended.set
