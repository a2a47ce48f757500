"""How a chain may begin anew: by naming the batch before it, or by a person's genesis; else all of it stays capped.

An edge that lost its spool cannot name the batch before. Neither can somebody who stole its key; so until a person has
vouched for the new chain (wire/genesis.py) the integrity of every batch of it is at most CAP of sequence.py.
"""

from collections.abc import Mapping
from dataclasses import replace

from twinvouch.core.finding import Finding, Severity
from twinvouch.core.genesis import Beginning, Genesis
from twinvouch.core.label import FULL
from twinvouch.readings.link import Link
from twinvouch.readings.sequence import CAP, TECHNIQUES, Placed
from twinvouch.wire.batch import Header

BROKEN = "epoch"  # the finding of a new epoch that does not name the batch before it
NOTHING = bytes(32)  # what the first batch of an empty spool names


def judge(placed: Placed, header: Header, before: Link | None, known: Beginning | None) -> Placed:
    """What the beginning of its chain means for a batch that has its place after `before`."""
    placed = _with_unseen(placed, header, before)
    if known is None or header.identity.epoch < known.epoch:
        return placed
    if not known.is_founded:
        return replace(placed, integrity=min(placed.integrity, CAP))
    is_it = (header.identity.epoch, header.identity.seq, header.prev) == (known.epoch, 0, NOTHING)
    if not (is_it and _is_broken(placed)):
        return placed
    others = tuple(f for f in placed.findings if f.rule != BROKEN)
    return replace(placed, findings=others, integrity=FULL)


def after(
    before: Link | None, placed: Placed, header: Header, known: Beginning | None
) -> Beginning | None:
    """What is known of the edge's beginning after this batch.

    The first doubt keeps the digest of the good chain; a first batch that comes late and names it ends the doubt.
    """
    if before is None:
        return known
    epoch = header.identity.epoch
    doubt = known if known is not None and not known.is_founded else None
    if _is_broken(placed):
        return Beginning(epoch, doubt.last if doubt else before.digest, is_founded=False)
    if doubt and (epoch, header.identity.seq, header.prev) == (doubt.epoch, 0, doubt.last):
        return Beginning(epoch, doubt.last, is_founded=True)
    return known


def _is_broken(placed: Placed) -> bool:
    return any(f.rule == BROKEN for f in placed.findings)


def _with_unseen(placed: Placed, header: Header, before: Link | None) -> Placed:
    """A new epoch whose first batch is not there has named nothing: it is no better than one that names wrongly."""
    i = header.identity
    if before is None or i.epoch <= before.epoch or not i.seq:
        return placed
    finding = Finding(
        BROKEN,
        i.edge,
        Severity.HIGH,
        f"`{i.edge}` began a new boot epoch with batch {i.epoch}/{i.seq}: the first one, which names the batch before it, "
        f"has not come; integrity is at most {CAP} until it does",
        TECHNIQUES[BROKEN],
        (("epoch", i.epoch), ("seq", i.seq)),
    )
    return replace(placed, findings=(*placed.findings, finding), integrity=CAP)


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
