"""Signed configurations: no permit is issued until two persons have signed the safety part the core runs with.

Who may sign is what the last signed configuration says (persons with role safety-signer), at first the present one:
nobody makes himself a signer by the change that he signs. Two persons with two keys, each counted once.
"""

from twinvouch.core.errors import MalformedError, SignatureError
from twinvouch.core.event import StatementReceived
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import key_id
from twinvouch.core.keyring import KeyRefusedError
from twinvouch.core.kind import Purpose
from twinvouch.core.site import Safety
from twinvouch.core.statement import ConfigStatement
from twinvouch.engine.epochs import too_old
from twinvouch.engine.keys import bad_key, use
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Out, doubt, enter, refuse
from twinvouch.engine.withholding import SIGNATURES, signers
from twinvouch.ledger import entry
from twinvouch.wire.config import read_config
from twinvouch.wire.cose import Sealed, check, unseal

MOST_AHEAD = 1000  # places that were signed and never used


def on_config(m: Memory, out: Out, event: StatementReceived) -> None:
    """Count a person's signature under the configuration the core runs with."""
    safety, plant = m.site.safety, m.site.plant.id
    if safety is None:
        out.reply(409, status="refused", why="this core asks for no signed configuration")
        return
    try:
        sealed = unseal(event.raw)
        person = _signer(m, safety, sealed)
        said = read_config(sealed.content, plant)
    except (MalformedError, SignatureError) as error:
        refuse(m, out, event.peer, doubt(error, event.peer))
        return
    if said.digest != safety.digest:
        why = f"this core runs with {safety.digest.hex()[:16]}: it counts once a core starts with what was signed"
        out.reply(200, status="another", why=why, number=m.signed.number + 1)
        return
    objection = bad_key(m, sealed.key_id) or _objection(m, safety, person, said)
    if objection:
        finding = Finding("statement", person, Severity.MEDIUM, objection)
        index = enter(m, out, person, finding)
        out.reply(403, status="refused", why=objection, entry=index, number=m.signed.number + 1)
        return
    m.signed.pending[person] = (said.number, said.digest, sealed.key_id, said.expires_ns)
    m.dirty.add("signed")
    count = len(_counted(m, said))
    index = out.append(entry.config(plant, m.now_ns, out.commit(sealed.digest), said, count))
    use(m, sealed.key_id, "config", index)
    if count >= SIGNATURES:
        m.signed.number, m.signed.digest = said.number, said.digest
        m.signed.signers, m.signed.pending = dict(safety.signers), {}
    out.publish("config", entry=index, principal=person, number=said.number, signatures=count)
    status = "signed" if count >= SIGNATURES else "waiting"
    out.reply(200, status=status, number=said.number, signatures=count, entry=index)


def _signer(m: Memory, safety: Safety, sealed: Sealed) -> str:
    """The person whose key signed this; SignatureError where nobody's who may sign did."""
    may = signers(m, safety)
    kid, plant = sealed.key_id, m.site.plant.id
    if m.ring is not None:
        known = m.ring.keys.get(kid)
        person, key = (known.said.principal, known.said.key) if known else ("", b"")
    else:
        person = next((p for p, k in may.items() if k and key_id(k) == kid), "")
        key = may.get(person, b"")
    if person not in may:
        raise SignatureError(f"key {kid.hex()} belongs to nobody who may sign a configuration now")
    check(sealed, key, plant=plant, purpose=Purpose.CONFIG)
    if m.ring is not None:
        m.ring.expect(kid, Purpose.CONFIG, m.now_ns)
    return person


def _objection(m: Memory, safety: Safety, person: str, said: ConfigStatement) -> str:
    """Why a verified signature does not count; empty where it does."""
    if said.principal != person:
        return f"`{person}` cannot sign as `{said.principal}`"
    if late := too_old(m, said.made_ns):
        return late
    if m.signed.digest == safety.digest:
        return f"this configuration is signed already, as number {m.signed.number}"
    if not 0 < said.number - m.signed.number <= MOST_AHEAD:
        return f"signed as number {said.number}, the next is {m.signed.number + 1}: sign it again with that"
    if not said.made_ns - m.site.commands.max_ahead_ns <= m.now_ns <= said.expires_ns:
        return "made in the future of the core, or expired: look at the clock and sign it again"
    return ""


def _counted(m: Memory, said: ConfigStatement) -> set[bytes]:
    """Keys of distinct persons who signed the same in the same place, and whose signature still counts."""
    counted = set()
    for number, digest, kid, expires in m.signed.pending.values():
        if (number, digest) != (said.number, said.digest) or expires < m.now_ns or bad_key(m, kid):
            continue
        if m.ring is not None:
            try:
                m.ring.expect(kid, Purpose.CONFIG, m.now_ns)
            except KeyRefusedError:
                continue
        counted.add(kid)
    return counted
