"""How a chain may begin anew: by naming the batch before it, or by a person's genesis; else all of it stays capped.

An edge that lost its spool cannot name the batch before. Neither can somebody who stole its key; so until a person has
vouched for the new chain (wire/genesis.py) the integrity of every batch of it is at most CAP of sequence.py.
"""

from collections.abc import Mapping
from dataclasses import replace

from twinvouch.core.genesis import Beginning, Genesis
from twinvouch.core.label import FULL
from twinvouch.readings.link import Link
from twinvouch.readings.sequence import CAP, Placed
from twinvouch.wire.batch import Header

BROKEN = "epoch"  # the finding of a new epoch that does not name the batch before it
NOTHING = bytes(32)  # what the first batch of an empty spool names


def judge(placed: Placed, header: Header, known: Beginning | None) -> Placed:
    """What the beginning of its chain means for a batch that has its place."""
    is_broken = any(f.rule == BROKEN for f in placed.findings)
    if known is None or header.identity.epoch < known.epoch:
        return placed
    if known.is_founded:
        is_allowed = header.identity.epoch == known.epoch and header.prev == NOTHING
        if not (is_broken and is_allowed):
            return placed
        others = tuple(f for f in placed.findings if f.rule != BROKEN)
        return replace(placed, findings=others, integrity=FULL)
    return replace(placed, integrity=min(placed.integrity, CAP))


def after(
    before: Link | None, placed: Placed, header: Header, known: Beginning | None
) -> Beginning | None:
    """What is known of the edge's beginning after this batch; the first doubt keeps the digest of the good chain."""
    if before is None or not any(f.rule == BROKEN for f in placed.findings):
        return known
    is_doubted = known is not None and not known.is_founded
    last = known.last if known is not None and is_doubted else before.digest
    return Beginning(header.identity.epoch, last, is_founded=False)


def objection(genesis: Genesis, links: Mapping[str, Link], known: Beginning | None) -> str:
    """Why a verified genesis does not fit what the core knows of the edge; empty where it does."""
    link, edge = links.get(genesis.edge), genesis.edge
    if link is None:
        return f"the core knows nothing of `{edge}`: name no last hash" if genesis.last else ""
    if known is not None and not known.is_founded:
        expected, last = known.epoch, known.last
        if genesis.epoch != expected:
            return f"`{edge}` came with epoch {expected}, this names {genesis.epoch}"
    else:
        last = link.digest
        if genesis.epoch <= link.epoch:
            return (
                f"`{edge}` is at epoch {link.epoch}, and no new one has come: name a later one than that, "
                f"not {genesis.epoch}; an edge whose clock was set back needs the right time first"
            )
    if genesis.last != last:
        return f"the chain of `{edge}` ended with {last.hex()}, this names {genesis.last.hex() or 'none'}"
    return ""
