"""The life of a piece of advice from when it was given to its end, as one frozen record the engine keeps and stores."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twinvouch.core.advice import Advice, Standing
from twinvouch.core.command import Input
from twinvouch.core.virtual import Axes
from twinvouch.wire.cbor import decode, encode

READABLE = frozenset({Standing.SHOWN, Standing.LABELLED})


@dataclass(frozen=True, slots=True)
class Judged:
    """How advice stands and why, in one sentence; the label it earned, from which entries, for which class."""

    standing: Standing
    why: str
    axes: Axes
    parents: tuple[int, ...]
    letter: str


@dataclass(frozen=True, slots=True)
class Given:
    """A piece of advice with how it stands. Entries are ledger indices.

    `read` are the tags that its service had read when it gave it; of these `worst` has, axis by axis, the one that
    was worst (R7): what was bad then stays bad for this advice. It stands as it does since `since_ns`.
    """

    advice: Advice
    digest: bytes  # of its signed content
    entry: int
    received_ns: int
    read: tuple[str, ...]
    worst: Mapping[str, tuple[int, ...]]
    judged: Judged
    judged_entry: int
    since_ns: int
    key: bytes = (
        b""  # id of the key that signed it; empty: a token, or an earlier version stored it
    )

    @property
    def is_open(self) -> bool:
        """True while it is a recommendation."""
        return self.judged.standing is not Standing.EXPIRED

    @property
    def is_readable(self) -> bool:
        """True while people see its value and its sentence."""
        return self.judged.standing in READABLE


def worst(reads: Mapping[str, tuple[int, ...]]) -> Mapping[str, tuple[int, ...]]:
    """Of tags read, those that are the worst in some axis: together they limit as all do."""
    width = len(next(iter(reads.values()), ()))
    named = {min(reads, key=lambda tag: reads[tag][axis]) for axis in range(width)}
    return {tag: reads[tag] for tag in sorted(named)}


def write_given(g: Given) -> bytes:
    """A record as bytes for the state store."""
    a, j = g.advice, g.judged
    told = [
        *(a.id, a.principal, a.subject, a.says, a.value, a.unit, a.made_ns, a.until_ns),
        *([[i.tag, i.entry] for i in a.inputs], a.signed),
    ]
    judged = [j.standing.value, j.why, list(j.axes), list(j.parents), j.letter]
    seen = [list(g.read), [[tag, list(axes)] for tag, axes in g.worst.items()]]
    return encode(
        [
            *(1, told, g.digest, g.entry, g.received_ns, *seen, judged, g.judged_entry),
            *(g.since_ns, g.key),
        ]
    )


def read_given(raw: bytes) -> Given:
    """The inverse of `write_given`."""
    content: Any = decode(raw)
    version, told, digest, entry, received, read, bad, judged, judged_entry, *rest = content
    assert version == 1, version
    ident, principal, subject, says, value, unit, made_ns, until_ns, inputs, signed = told
    standing, why, axes, parents, letter = judged
    a, b, c, d = axes
    given = tuple(Input(tag, at) for tag, at in inputs)
    return Given(
        Advice(ident, principal, subject, says, value, unit, made_ns, until_ns, given, signed),
        digest,
        entry,
        received,
        tuple(read),
        {tag: tuple(seen) for tag, seen in bad},
        Judged(Standing(standing), why, (a, b, c, d), tuple(parents), letter),
        judged_entry,
        *rest,
    )
