"""Key statements of the plant root as they reach the running engine, and how much each key is used.

A revocation counts from the entry that brings it: nothing signed with the key is taken after it, and held commands
and approvals of them that rest on it are gone. What the key signed before stays, and is told.
"""

from collections.abc import Mapping
from dataclasses import replace

from twinvouch.core.command import CommandStatus
from twinvouch.core.distrust import handed
from twinvouch.core.errors import MalformedError, SignatureError
from twinvouch.core.event import KeyStated, Plain
from twinvouch.core.inventory import key_id
from twinvouch.core.keyring import KeyPurpose, KeyStatement, KeyVerb, Said
from twinvouch.engine import standing
from twinvouch.engine.memory import KeyUse, Memory
from twinvouch.engine.out import Out, doubt, refuse
from twinvouch.ledger import entry
from twinvouch.wire.keys import open_said

HOUR_NS = 3_600_000_000_000
KEPT_HOURS = 31 * 24
BEFORE = 0  # the hour that older ones are added to
REVOKED = "a key of who proposed it is revoked: propose it again"


def on_key(m: Memory, out: Out, event: KeyStated) -> None:
    """Take a root-signed statement: enter it whole, so that an auditor needs the root key and nothing else."""
    ring, plant = m.ring, m.site.plant.id
    if ring is None:
        out.reply(409, status="refused", why="twin.yaml names no `key_list`: its own keys count")
        return
    try:
        said, digest = _opened(m, event.raw)
    except (MalformedError, SignatureError) as error:
        refuse(m, out, event.peer, doubt(error, event.peer))
        return
    known = ring.known_entry(said, digest)
    if known is not None:
        out.reply(200, status="known", serial=said.serial, entry=known)
        return
    objection = ring.objection(said)
    if objection:
        out.reply(409, status="refused", why=objection, serial=said.serial)
        return
    index = out.append(entry.key(plant, m.now_ns, event.raw))
    ring.take(said, digest, index)
    m.dirty.add("keys")
    told = _told(m, out, said, index)
    out.publish("key", entry=index, **told)
    out.reply(200, status="taken", entry=index, **told)


def _opened(m: Memory, raw: bytes) -> tuple[Said, bytes]:
    """A rotation that is known already is signed by a root that speaks no longer: then too it is known, not refused."""
    assert m.ring is not None
    error: SignatureError | None = None
    for root in reversed(m.ring.roots):
        try:
            said, digest = open_said(raw, m.site.plant.id, root)
        except SignatureError as other:
            error = error or other
            continue
        if root == m.ring.root or m.ring.known_entry(said, digest) is not None:
            return said, digest
        error = SignatureError("a root that has handed over speaks no longer")
    raise error or SignatureError("no root speaks here")


def _told(m: Memory, out: Out, said: Said, index: int) -> dict[str, Plain]:
    """What a statement did, in plain words; of a revocation also what it puts in doubt."""
    if not isinstance(said, KeyStatement):
        return {"serial": said.serial, "verb": "rotate", "root": key_id(said.new).hex()}
    kid = key_id(said.key)
    told: dict[str, Plain] = {
        "serial": said.serial,
        "verb": said.verb.value,
        "purpose": said.purpose.value,
        "principal": said.principal,
        "key_id": kid.hex(),
    }
    if said.verb is KeyVerb.REVOKE:
        _let_go(m, out, kid, index)
        told["since_ns"] = said.since_ns
        told["signed_since"] = signed_since(m.uses.get(kid, {}), said.since_ns)
    return told


def _let_go(m: Memory, out: Out, kid: bytes, index: int) -> None:
    """A held command, an approval of one, a first word for autonomy or advice counts as long as the key does that signed it.

    Whose the key was is what the root said of it when it trusted it, whatever the revocation names.
    """
    assert m.ring is not None
    owner = m.ring.keys[kid].said
    if owner.purpose not in {KeyPurpose.PERSON, KeyPurpose.SERVICE}:
        return
    for record in [r for r in m.records.values() if r.status is CommandStatus.HELD]:
        left = tuple(a for a in record.approvals if a.principal != owner.principal)
        if record.command.signed and record.command.principal == owner.principal:
            m.keep(replace(record, status=CommandStatus.EXPIRED, outcome=REVOKED))
        elif len(left) < len(record.approvals):
            m.keep(replace(record, approvals=left))
    unask(m, owner.principal)
    for given in standing.open_ones(m):
        if given.advice.signed and given.advice.principal == owner.principal:
            standing.end(m, out, given, "a key of who gave it is revoked", [index])


def unask(m: Memory, person: str) -> None:
    """A first word for autonomy is gone with the key of who said it; it can be said again with another."""
    for asset, mode in m.modes.items():
        if mode.asked is not None and mode.asked[0] == person:
            m.modes[asset] = replace(mode, asked=None)
            m.dirty.add("modes")


def signed_since(uses: Mapping[int, KeyUse], since_ns: int) -> dict[str, Plain]:
    """What a key has signed from the full hour of `since_ns` on: ledger range and counts, as far as known."""
    hours = [u for hour, u in sorted(uses.items()) if hour >= since_ns // HOUR_NS or hour == BEFORE]
    older = BEFORE in uses and since_ns // HOUR_NS <= min((h for h in uses if h), default=0)
    chosen = hours if older else [u for u in hours if u is not uses.get(BEFORE)]
    counts: dict[str, int] = {}
    for use in chosen:
        for what, count in use.counts.items():
            counts[what] = counts.get(what, 0) + count
    return {
        "first_entry": min((u.first_entry for u in chosen), default=None),
        "last_entry": max((u.last_entry for u in chosen), default=None),
        "counts": counts,
    }


def bad_key(m: Memory, kid: bytes) -> str:
    """Why nothing that a person signs with this key has an effect now; empty where it has."""
    bad = m.context().is_bad_key(kid, m.now_ns)
    return (
        f"a person distrusts key {kid.hex()}: sign with another, or have it restored" if bad else ""
    )


def signed(m: Memory, group: str, index: int, kid: bytes) -> None:
    """Remember who signed a batch of a scan group, where it is another key than before."""
    before = m.hands.get(group, ())
    after = handed(before, index, kid)
    if after is not before:
        m.hands[group] = after
        m.dirty.add(f"hands/{group}")


def use(m: Memory, kid: bytes, what: str, index: int) -> None:
    """Remember that a key signed something that became entry `index`: an hour's sum, for a month."""
    hours = m.uses.setdefault(kid, {})
    hour = m.now_ns // HOUR_NS
    known = hours.get(hour)
    if known is None:
        known = hours[hour] = KeyUse(index, index, m.now_ns, {})
        _forget(m, kid, hours, hour - KEPT_HOURS)
    known.last_entry, known.last_ns = index, m.now_ns
    known.counts[what] = known.counts.get(what, 0) + 1
    m.dirty.add(f"use/{kid.hex()}.{hour}")


def _forget(m: Memory, kid: bytes, hours: dict[int, KeyUse], before: int) -> None:
    """Add hours that are too old to one sum."""
    for hour in [h for h in hours if BEFORE < h < before]:
        old = hours.pop(hour)
        total = hours.setdefault(BEFORE, KeyUse(old.first_entry, old.last_entry, old.last_ns, {}))
        total.first_entry = min(total.first_entry, old.first_entry)
        total.last_entry = max(total.last_entry, old.last_entry)
        total.last_ns = max(total.last_ns, old.last_ns)
        for what, count in old.counts.items():
            total.counts[what] = total.counts.get(what, 0) + count
        m.dirty |= {f"use/{kid.hex()}.{hour}", f"use/{kid.hex()}.{BEFORE}"}
