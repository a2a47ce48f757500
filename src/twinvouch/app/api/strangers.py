"""Failures before authentication, counted: by rule, and by address as far as memory is bounded.

What nobody known has sent is never kept, or whoever can reach the port writes the log and the ledger full. The
first of each rule becomes an event with the next tick, all others of that minute one more. Addresses are counted by
Space-Saving (Metwally, Agrawal, El Abbadi 2005): those with most stay, counts are at most too high.
"""

import threading
from typing import Final

from twinvouch.core.event import StrangersRefused

MINUTE_NS: Final = 60_000_000_000
MAX_PEERS: Final = 64
TOLD_PEERS: Final = 16


class Strangers:
    """Counts since they were last taken; any thread may count."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: dict[str, int] = {}
        self._all: dict[str, int] = {}
        self._peers: dict[str, int] = {}
        self._told: dict[str, int] = {}  # rule -> when it was last taken, ns
        self._since_ns = 0

    def count(self, rule: str, peer: str, now_ns: int) -> None:
        """One more failure of `rule` by `peer`."""
        with self._lock:
            if not self._rules:
                self._since_ns = now_ns
            self._rules[rule] = self._rules.get(rule, 0) + 1
            least = 0
            if peer not in self._peers and len(self._peers) >= MAX_PEERS:
                least = self._peers.pop(min(self._peers, key=self._peers.__getitem__))
            self._peers[peer] = self._peers.get(peer, least) + 1
            self._all[rule] = self._all.get(rule, 0) + 1

    def totals(self) -> dict[str, int]:
        """Failures by rule since this process began, whatever was taken out."""
        with self._lock:
            return dict(self._all)

    def due(self, salt: bytes, now_ns: int, *, at_once: bool = False) -> StrangersRefused | None:
        """Take the counts out as an event, where there are any that are not to wait for their minute."""
        with self._lock:
            new = [r for r in self._rules if r not in self._told or _is_over(self._told[r], now_ns)]
            is_over = _is_over(self._since_ns, now_ns)
            if not self._rules or not (new or is_over or at_once):
                return None
            most = sorted(self._peers.items(), key=lambda p: (-p[1], p[0]))[:TOLD_PEERS]
            event = StrangersRefused(
                salt, self._since_ns, tuple(sorted(self._rules.items())), tuple(most)
            )
            self._told.update(dict.fromkeys(self._rules, now_ns))
            self._rules, self._peers = {}, {}
            return event

    def put_back(self, event: StrangersRefused) -> None:
        """Count again what could not be handed over; addresses may be forgotten then, numbers are not."""
        with self._lock:
            for rule, count in event.rules:
                self._rules[rule] = self._rules.get(rule, 0) + count
            for peer, count in event.peers:
                if peer in self._peers or len(self._peers) < MAX_PEERS:
                    self._peers[peer] = self._peers.get(peer, 0) + count
            self._since_ns = event.since_ns


def _is_over(since_ns: int, now_ns: int) -> bool:
    """True where the minute is over, or the wall clock was set back: nobody floods unseen until it has caught up."""
    return not 0 <= now_ns - since_ns < MINUTE_NS
