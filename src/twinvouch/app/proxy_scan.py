"""Telling the core what the guard proxy refused: at once the first time, then once a minute, while there is something.

What the core does not take is put together with what comes after it, and told then; it is lost where this process ends.
"""

import logging
import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from twinvouch.app.actuator_link import OUTCOMES, is_settled
from twinvouch.app.clock import Clock
from twinvouch.core.errors import UnavailableError
from twinvouch.core.kind import Purpose
from twinvouch.core.ports import Signer, Transport
from twinvouch.core.scan import MOST_SIGHTS, Scan, Sight
from twinvouch.wire.cose import seal
from twinvouch.wire.scan import CODES, write_scan

EVERY_S: Final = 60.0
_LOOK_S: Final = 1.0
_log = logging.getLogger("twinvouch.proxy")


@dataclass(slots=True)
class Scans:
    """Reports of one actuator process; `take` gives what was refused since the last call."""

    plant: str
    signer: Signer
    transport: Transport
    clock: Clock
    take: Callable[[], Iterable[Sight]]
    _waiting: list[Sight] = field(default_factory=list)
    _since_ns: int = 0
    _told_ns: int | None = None  # of the monotonic clock

    async def run(self) -> None:
        """Until cancelled."""
        self._since_ns = self.clock.wall_ns()
        while True:
            await self.clock.sleep(_LOOK_S)
            await self.look()

    async def look(self) -> bool:
        """Tell what there is where its time has come; True where the core has taken something."""
        self._waiting = together([*self._waiting, *self.take()])
        now_ns = self.clock.monotonic_ns()
        is_early = self._told_ns is not None and now_ns - self._told_ns < EVERY_S * 1e9
        if not self._waiting or is_early:
            return False
        self._told_ns = now_ns
        at_ns = self.clock.wall_ns()
        scan = Scan(secrets.token_bytes(16), self._since_ns, at_ns, tuple(self._waiting))
        content = write_scan(scan, self.plant)
        raw = seal(content, signer=self.signer, plant=self.plant, purpose=Purpose.OUTCOME)
        try:
            status, body = await self.transport.send(OUTCOMES, raw)
        except UnavailableError:
            return False
        if not is_settled(status, body):
            return False
        if not 200 <= status < 300:
            _log.error("the core refuses a report of refused requests: %s", ascii(dict(body))[:300])
        self._waiting, self._since_ns = [], at_ns
        return True


def together(sights: Iterable[Sight]) -> list[Sight]:
    """One line for each device and reason; of more than a report holds the largest."""
    found: dict[tuple[str, str], Sight] = {}
    most: Counter[tuple[str, str]] = Counter()
    for s in sights:
        key = s.device, s.why
        had = found.get(key)
        codes = set(s.codes) | (set() if had is None else set(had.codes))
        count = s.count + (0 if had is None else had.count)
        peer = s.peer if had is None or s.count > most[key] else had.peer
        most[key] = max(most[key], s.count)
        found[key] = replace(s, count=count, peer=peer, codes=tuple(sorted(codes)[:CODES]))
    return sorted(found.values(), key=lambda s: -s.count)[:MOST_SIGHTS]
