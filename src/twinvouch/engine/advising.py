"""Advice as it comes in: who signed it, is it known already, may it be given, and how it stands."""

from hashlib import sha256

from twinvouch.commands import advice as gate
from twinvouch.commands.given import Given, Judged, worst
from twinvouch.core.advice import Advice, Standing
from twinvouch.core.errors import MalformedError, SignatureError
from twinvouch.core.event import AdviceGiven
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import Principal
from twinvouch.core.kind import Purpose
from twinvouch.engine import standing
from twinvouch.engine.epochs import too_old
from twinvouch.engine.keys import use
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Out, doubt, enter, refuse, vouched
from twinvouch.queries.memory import recent
from twinvouch.wire.advice import read_advice
from twinvouch.wire.cose import key_id_of
from twinvouch.wire.signed import open_signed

_NOT_YET = Judged(Standing.WITHHELD, "", (0, 0, 0, 0), (), "")


def on_advice(m: Memory, out: Out, event: AdviceGiven) -> None:
    """Gate 4 for advice; it is entered with how it stands, or refused."""
    try:
        said, digest, signer = _opened(m, event)
    except (MalformedError, SignatureError) as error:
        refuse(m, out, event.peer, doubt(error, event.peer))
        return
    if late := too_old(m, said.made_ns):
        refuse(m, out, event.peer, Finding("before_restore", signer.id, Severity.MEDIUM, late))
        return
    if said.principal != signer.id:
        why = f"`{signer.id}` may not advise in the name of `{said.principal}`"
        refuse(m, out, event.peer, Finding("not_owner", signer.id, Severity.HIGH, why, "T0859"))
        return
    known = m.advice.get(said.id)
    if known is not None:
        same = known.digest == digest
        out.reply(200 if same else 409, **_told(known))
        return
    objection = _objection(m, said)
    forbidden = "" if objection else gate.forbidden(said, signer, m.site)
    if why := objection or forbidden:
        index = enter(m, out, signer.id, Finding("advice", signer.id, Severity.MEDIUM, why))
        rule = "capability" if forbidden else "advice"
        out.reply(403, status="refused", rule=rule, why=why, entry=index)
        return
    _take(m, out, said, digest, "" if event.token_of else key_id_of(event.raw).hex())


def _opened(m: Memory, event: AdviceGiven) -> tuple[Advice, bytes, Principal]:
    """What was said, the digest of its content, and who vouches for it."""
    plant = m.site.plant
    if event.token_of:
        content, digest = event.raw, sha256(event.raw).digest()
        signer = vouched(plant, event.token_of)
    else:
        sealed, signer = open_signed(event.raw, plant, Purpose.ADVICE, m.ring, m.now_ns)
        content, digest = sealed.content, sealed.digest
    return read_advice(content, plant.id, signed=not event.token_of), digest, signer


def _objection(m: Memory, said: Advice) -> str:
    if m.is_disk_full:
        return "the disk of the core is full: there is no room for it"
    mine = sum(g.advice.principal == said.principal for g in standing.open_ones(m))
    if mine >= gate.MOST_OPEN:
        return f"`{said.principal}` has {mine} open already: wait until some have ended"
    return gate.objection(said, m.site, m.now_ns)


def _take(m: Memory, out: Out, said: Advice, digest: bytes, key: str) -> None:
    keep_ns = m.site.commands.read_memory_ns
    reads = recent(m.seen.get(said.principal, {}), m.now_ns, keep_ns)
    kid, now = bytes.fromhex(key), m.now_ns
    new = Given(said, digest, -1, now, tuple(reads), worst(reads), _NOT_YET, -1, now, kid)
    given = standing.stand(m, out, standing.judged_now(m, new), out.commit(digest))
    if key:
        use(m, kid, "advice", given.entry)
    out.reply(200, **_told(given))


def _told(given: Given) -> dict[str, str | int]:
    judged = given.judged
    return {
        "id": given.advice.id,
        "status": judged.standing.value,
        "why": judged.why,
        "entry": given.judged_entry,
    }
