"""Refusals before authentication: counted per peer, one ledger entry at once and then one a minute.

A flood from somebody unknown must not fill the ledger; the first refusal is told at once, the rest as counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

MINUTE_NS = 60_000_000_000
MAX_PEERS = 1024
MANY = "(many peers)"


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts by rule since the last entry about this peer."""

    since_ns: int
    counts: Mapping[str, int] = field(default_factory=dict)


Tallies = dict[str, Tally]


def count(tallies: Tallies, peer: str, rule: str, now_ns: int) -> bool:
    """Add one refusal; True where it is the first of its minute and is to be entered at once."""
    if peer not in tallies and len(tallies) >= MAX_PEERS:
        peer = MANY
    tally = tallies.get(peer)
    if tally is None:
        tallies[peer] = Tally(now_ns)
        return True
    tallies[peer] = Tally(tally.since_ns, {**tally.counts, rule: tally.counts.get(rule, 0) + 1})
    return False


def due(tallies: Tallies, now_ns: int) -> list[tuple[str, Tally]]:
    """Take out every peer whose minute is over; those with counts are to be entered."""
    over = [(p, t) for p, t in tallies.items() if now_ns - t.since_ns >= MINUTE_NS]
    for peer, _ in over:
        del tallies[peer]
    return [(p, t) for p, t in over if t.counts]
