"""What a guard proxy refused by itself since it was told last: by reason, with addresses and function codes; bounded."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from twinvouch.core.scan import Sight
from twinvouch.wire.modbus_guard import Why
from twinvouch.wire.scan import CODES

PEERS: Final = (
    64  # addresses that are told apart, of one reason; what comes from more counts as one
)
_OTHERS: Final = "many addresses"


@dataclass(slots=True)
class _Seen:
    count: int = 0
    peers: Counter[str] = field(default_factory=Counter)
    codes: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Sights:
    """Of one listening socket. Use from one event loop."""

    _seen: dict[Why, _Seen] = field(default_factory=dict)

    def add(self, why: Why, peer: str, code: int) -> None:
        """One more; an answered echo is no refusal."""
        if why is Why.ECHO:
            return
        seen = self._seen.setdefault(why, _Seen())
        seen.count += 1
        known = peer in seen.peers or len(seen.peers) < PEERS
        seen.peers[peer if known else _OTHERS] += 1
        if len(seen.codes) < CODES:
            seen.codes.add(code)

    def take(self, device: str) -> list[Sight]:
        """All of it; from here on it begins anew."""
        told, self._seen = self._seen, {}
        return [
            Sight(
                device,
                str(why),
                s.count,
                s.peers.most_common(1)[0][0][:100],
                tuple(sorted(s.codes)),
            )
            for why, s in sorted(told.items())
        ]
