"""Retroactive distrust, computed: what a source that was bad for a time has touched, by evaluating the lineage again.

Pure and a preview: nothing takes effect. The source counts as nothing from `since_ns` to `until_ns`, everything else as
full, and what then counts as nothing is affected. The times are those of the ledger, when entries were made.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.kind import Kind
from twinvouch.ledger.lineage import Index, Layout, Lineage, seeds, tainted
from twinvouch.wire.cbor import encode

SIGNED = (
    Kind.ENTRY_BATCH,
    Kind.ENTRY_COMMAND,
    Kind.ENTRY_STATEMENT,
    Kind.ENTRY_ADVICE,
    Kind.ENTRY_DISAVOWAL,
)  # what a principal's key signs


@dataclass(frozen=True, slots=True)
class Source:
    """Who or what was bad: the columns of a tag in each layout that has it, a principal, or models by ledger index."""

    columns: Mapping[Layout, bytes] = field(default_factory=dict)
    groups: frozenset[str] = frozenset()  # scan groups of the tag, whatever their layout
    principal: str = ""
    models: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Affected:
    """`sources` bool[n] are the bad entries themselves, `touched` bool[n] those and all that rests on them."""

    sources: NDArray[np.bool_]
    touched: NDArray[np.bool_]

    def count(self, of: Lineage) -> dict[str, int]:
        """How many entries of each kind are touched."""
        kinds = np.bincount(of.kind[self.touched], minlength=256)
        return {kind.name[6:].lower(): int(kinds[kind]) for kind in KINDS if kinds[kind]}

    def executed(self, of: Lineage) -> Index:
        """Outcomes of commands that were executed and rest on it, as ledger indices."""
        done = self.touched & of.done & (of.kind == Kind.ENTRY_OUTCOME)
        return np.flatnonzero(done) + of.first


KINDS = (
    Kind.ENTRY_BATCH,
    Kind.ENTRY_MODEL,
    Kind.ENTRY_QUERY,
    Kind.ENTRY_COMMAND,
    Kind.ENTRY_STATEMENT,
    Kind.ENTRY_DECISION,
    Kind.ENTRY_PERMIT,
    Kind.ENTRY_OUTCOME,
    Kind.ENTRY_FINDING,
    Kind.ENTRY_ADVICE,
    Kind.ENTRY_DISAVOWAL,
    Kind.ENTRY_DISAVOWED,
)


def digest(
    about: tuple[str, str], span: tuple[int, int], within: tuple[int, int], indices: Index
) -> bytes:
    """What a list of touched entries is known by, 32 bytes.

    SHA-256 over the canonical CBOR `[1, kind, name, since_ns, until_ns, first, end]` and then each ledger index in 8
    bytes, little-endian, in order. `about` is kind and name of the subject, `within` the entries that were looked at.
    """
    head = encode([1, *about, *span, *within])
    return sha256(head + indices.astype("<u8").tobytes()).digest()


def affected(of: Lineage, source: Source, since_ns: int, until_ns: int) -> Affected:
    """Everything that rests on `source` as it was from `since_ns` to `until_ns`, both included."""
    within = (of.now_ns >= since_ns) & (of.now_ns <= until_ns)
    bad = within & _chosen(of, source)
    return Affected(bad, tainted(of, seeds(of, np.flatnonzero(bad), source.columns)))


def _chosen(of: Lineage, source: Source) -> NDArray[np.bool_]:
    """Entries of the source, at any time; of a model itself and what it judged or was asked for."""
    bad = np.zeros(len(of), np.bool_)
    if source.groups:
        numbers = [n for layout, n in of.layouts.items() if layout and layout[0] in source.groups]
        bad |= np.isin(of.layout, numbers)
    if source.principal in of.people and source.principal:
        bad |= (of.who == of.people[source.principal]) & np.isin(of.kind, SIGNED)
    if source.models:
        nodes = np.array(source.models, np.int64) - of.first
        bad |= of.children(nodes[(nodes >= 0) & (nodes < len(of))], 1)
    return bad
