"""Refusals: the first of each rule and sender is entered at once, the rest of the minute as counts.

A flood must not fill the ledger, neither of bytes from somebody unknown nor of genuine batches that somebody unknown
recorded and sends again; nor may the noise of one rule hide the first word of another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from twinvouch.core.finding import Finding, Severity
from twinvouch.readings.wording import plain

MINUTE_NS = 60_000_000_000
MAX_PEERS = 1024
MANY = "(many peers)"
TECHNIQUES = {  # ATT&CK for ICS, of what is refused before anybody is known to have sent it
    "quota": "T0814",
    "no_token": "",
    "unknown_token": "T0859",
    "unknown_key": "T0856",
    "bad_signature": "T0856",
    "malformed": "",
    "revoked_key": "T0859",
    "tls": "T0859",
    "no_certificate": "T0859",
}


@dataclass(frozen=True, slots=True)
class Tally:
    """Refusals by rule since `since_ns`, besides the first, which was entered by itself."""

    since_ns: int
    counts: Mapping[str, int] = field(default_factory=dict)


Tallies = dict[str, Tally]


def count(tallies: Tallies, peer: str, rule: str, now_ns: int) -> bool:
    """Add one refusal; True where it is the first of its rule in this minute and is to be entered at once."""
    if peer not in tallies and len(tallies) >= MAX_PEERS:
        peer = MANY
    tally = tallies.get(peer, Tally(now_ns))
    tallies[peer] = Tally(tally.since_ns, {**tally.counts, rule: tally.counts.get(rule, -1) + 1})
    return rule not in tally.counts


def strangers(rules: Sequence[tuple[str, int]], peers: Sequence[tuple[str, int]]) -> list[Finding]:
    """Counts of refusals before authentication as findings, one a rule."""
    most = f"; most from `{plain(peers[0][0])}`" if peers else ""
    return [
        Finding(
            rule,
            "strangers",
            Severity.MEDIUM,
            f"{count} {'request was' if count == 1 else 'requests were'} refused before anybody was known to have "
            f"sent {'it' if count == 1 else 'them'}{most}",
            TECHNIQUES.get(rule, ""),
            (("count", count),),
        )
        for rule, count in rules
    ]


def due(tallies: Tallies, now_ns: int) -> list[tuple[str, Tally]]:
    """Take out every peer whose minute is over, in order of their names; those with counts are to be entered."""
    over = [(p, t) for p, t in sorted(tallies.items()) if now_ns - t.since_ns >= MINUTE_NS]
    for peer, _ in over:
        del tallies[peer]
    return [(p, Tally(t.since_ns, {r: n for r, n in t.counts.items() if n})) for p, t in over]
