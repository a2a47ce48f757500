"""Quotas: how many requests, bytes and failures one sender gets, decided before anything is verified or kept.

Token buckets (requests and bytes a second, `burst_s` seconds of them at once) by address, and by address and claimed
key: who floods from elsewhere in the name of an edge empties buckets of his own, never the edge's. Memory is bounded:
a bucket that has filled up again is the same as none, and where all are in use newcomers share one.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final

from twinvouch.app.config_model import QuotaSettings

MAX_SENDERS: Final = 65_536
MAX_PROVEN: Final = 4_096
_NEWCOMERS: Final = object()
MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Rate:
    """What one sender may do a second, and for how many seconds at once."""

    requests: float
    octets: float
    burst_s: float


class Buckets:
    """Requests and bytes that each sender has left; time is handed in, in seconds of any steady clock."""

    def __init__(self, rate: Rate, most: int = MAX_SENDERS) -> None:
        self._rate = rate
        self._most = most
        # the least recently used first: requests left, bytes left, when that was
        self._left: dict[Hashable, tuple[float, float, float]] = {}

    def __len__(self) -> int:
        return len(self._left)

    def wait_s(self, sender: Hashable, now_s: float) -> float:
        """Seconds until `sender` may send again; 0.0 where he may now. Takes nothing."""
        requests, octets, _ = self._level(self._of(sender, now_s), now_s)
        missing = max((1.0 - requests) / self._rate.requests, -octets / self._rate.octets)
        return max(0.0, missing)

    def spend(self, sender: Hashable, octets: float, now_s: float, requests: float = 1.0) -> None:
        """Take from the sender's bucket; bytes may go below nothing, which is waited for. Negative gives back."""
        key = self._of(sender, now_s)
        level, bytes_left, _ = self._level(key, now_s)
        self._left.pop(key, None)
        self._left[key] = (level - requests, bytes_left - octets, now_s)

    def _level(self, key: Hashable, now_s: float) -> tuple[float, float, float]:
        rate = self._rate
        full = rate.requests * rate.burst_s, rate.octets * rate.burst_s
        requests, octets, at_s = self._left.get(key, (*full, now_s))
        passed = max(0.0, now_s - at_s)
        return (
            min(full[0], requests + passed * rate.requests),
            min(full[1], octets + passed * rate.octets),
            now_s,
        )

    def _of(self, sender: Hashable, now_s: float) -> Hashable:
        """The key of the sender's bucket; the bucket all newcomers share where every other one is in use."""
        if sender in self._left or len(self._left) < self._most:
            return sender
        oldest = next(k for k in self._left if k is not _NEWCOMERS)
        requests, octets, _ = self._level(oldest, now_s)
        rate = self._rate
        if requests < rate.requests * rate.burst_s or octets < rate.octets * rate.burst_s:
            return _NEWCOMERS
        del self._left[oldest]
        return sender


class _Tables:
    """Buckets by address, by address and claimed key, and of failures of the latter."""

    def __init__(self, peer: Rate, edge: Rate, failures_per_s: float) -> None:
        self.peers = Buckets(peer)
        self.edges = Buckets(edge)
        self.failures = Buckets(Rate(failures_per_s, 1.0, edge.burst_s))


class Quotas:
    """What the API lets in, by address, and by address and claimed key.

    `None` as a key is what names no enrolled key, however many unknown ones it claims. Addresses that something
    with a good signature came from lately have tables of their own: strangers cannot crowd them out.
    """

    def __init__(self, peer: Rate, edge: Rate, failures_per_s: float) -> None:
        self._strangers = _Tables(peer, edge, failures_per_s)
        self._known = _Tables(peer, edge, failures_per_s)
        self._proven: dict[str, None] = {}  # addresses, the least recently proven first

    def by_peer(self, peer: str, octets: int, now_s: float) -> float:
        """Take one request of `octets` bytes from an address; seconds to wait where it has none left."""
        peers = self._of(peer).peers
        wait_s = peers.wait_s(peer, now_s)
        if not wait_s:
            peers.spend(peer, octets, now_s)
        return wait_s

    def by_key(self, peer: str, key_id: bytes | None, octets: int, now_s: float) -> float:
        """The same for what claims to be signed with a key, as long as not too much of it was refused."""
        tables, sender = self._of(peer), (peer, key_id)
        failed_s = tables.failures.wait_s(sender, now_s)
        wait_s = max(failed_s, tables.edges.wait_s(sender, now_s))
        if not wait_s:
            tables.edges.spend(sender, octets, now_s)
        return wait_s

    def failed(self, peer: str, key_id: bytes | None, now_s: float) -> None:
        """What came from there with that key id was not signed by it."""
        self._of(peer).failures.spend((peer, key_id), 0.0, now_s)

    def proved(self, peer: str) -> None:
        """What came from there was signed by an enrolled key."""
        self._proven.pop(peer, None)
        self._proven[peer] = None
        if len(self._proven) > MAX_PROVEN:
            del self._proven[next(iter(self._proven))]

    def _of(self, peer: str) -> _Tables:
        return self._known if peer in self._proven else self._strangers


def sender_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 of an IPv6 address, which one host can use at will."""
    if ":" not in address:
        return address
    try:
        return str(ip_network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address


def quotas(s: QuotaSettings) -> Quotas:
    """The buckets that `api.quotas` asks for."""
    peer = Rate(s.peer_requests_per_s, s.peer_mib_per_s * MIB, s.burst_s)
    return Quotas(
        peer, Rate(s.edge_requests_per_s, s.edge_mib_per_s * MIB, s.burst_s), s.failures_per_s
    )
