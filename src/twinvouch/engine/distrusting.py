"""Forward distrust: what a person says of a subject counts as nothing from now on, for a time, and can be taken back.

A subject is a tag, an edge (each of its tags), a model, or a key: of an edge what it signed, of a person or service
what comes signed with it. What the subject means at any time is in `core/distrust.py`; here is what a change does.
"""

from collections.abc import Sequence
from typing import Final

from twinvouch.core.distrust import tags_in
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.keyring import KeyPurpose
from twinvouch.core.statement import Statement, Verb
from twinvouch.core.subject import Subject, owner_of, subject_of
from twinvouch.engine import modes, restoring
from twinvouch.engine.again import trust_changed
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Entered, Out
from twinvouch.engine.upheld import uphold
from twinvouch.engine.watch import UNKNOWN, Watch

VERBS: Final = frozenset({Verb.DISTRUST, Verb.RESTORE})
SIGN: Final = frozenset(
    {KeyPurpose.EDGE, KeyPurpose.PERSON, KeyPurpose.SERVICE, KeyPurpose.MODEL_SIGNER, KeyPurpose.SAFETY_SIGNER}
)  # fmt: skip
MOST: Final = 1000  # subjects at once


def named(m: Memory, text: str) -> Subject | None:
    """Whom or what a word is about."""
    return subject_of(m.site.plant, m.ring, m.models, text)


def objection(m: Memory, said: Statement) -> str:
    """Why it has no effect, whoever signed it; empty where it has one."""
    is_known = said.subject in m.distrusted
    if said.verb is Verb.RESTORE and is_known:
        return restoring.objection(m, said)  # also of what means nothing any more
    subject, plant = named(m, said.subject), m.site.plant
    if subject is None:
        return f"`{said.subject}` is no tag, edge, key or model of plant `{plant.id}`"
    if said.verb is Verb.RESTORE:
        return f"`{said.subject}` is not distrusted"
    if not is_known and len(m.distrusted) >= MOST:
        return f"{MOST} subjects are distrusted already: restore some"
    return _unfit(m, subject, said.subject)


def signs_for(m: Memory, text: str) -> tuple[str, ...]:
    """The subjects that mean what `text` says from now on: itself, or of a person or service the keys that sign for it."""
    subject, plant = named(m, text), m.site.plant
    if subject is None:
        return ()
    if subject.kind == "principal" and subject.name not in plant.edges:
        known = () if m.ring is None else tuple(m.ring.keys)
        kids = sorted({*known, *plant.by_key_id})
        owned = (kid for kid in kids if owner_of(plant, m.ring, kid) == subject.name)
        keys = (Subject("key", kid.hex()) for kid in owned)
        return tuple(key.name for key in keys if not _no_signer(m, key))
    is_fit = subject.kind != "key" or not _no_signer(m, subject)
    return (subject.name,) if is_fit else ()


def _unfit(m: Memory, subject: Subject, text: str) -> str:
    """Why distrust of what exists would mean nothing."""
    plant = m.site.plant
    if subject.name != text:
        return f"write key `{text}` as `{subject.name}`"
    if subject.kind == "principal" and text not in plant.edges:
        kind = plant.principals[text].kind.value
        return f"`{text}` is a {kind}: name the key, `twinvouch keys list` has it"
    use = _no_signer(m, subject) if subject.kind == "key" else ""
    return f"key `{text}` is for {use}: the plant root revokes it" if use else ""


def _no_signer(m: Memory, subject: Subject) -> str:
    """What a key is for that signs nothing which could count as nothing; empty of all others."""
    kid, plant = bytes.fromhex(subject.name), m.site.plant
    if owner_of(plant, m.ring, kid) == plant.actuator:
        return "the actuator"
    known = None if m.ring is None else m.ring.keys.get(kid)
    return "" if known is None or known.said.purpose in SIGN else known.said.purpose.value


def take(m: Memory, out: Out, said: Statement, by: Entered) -> None:
    """A statement that was entered: `distrust` or `restore`."""
    if said.verb is Verb.DISTRUST:
        m.distrusted[said.subject], why = said.expires_ns, "it counts as nothing from now on"
    else:
        why = restoring.told(m, said)
        m.distrusted.pop(said.subject, None)
        found = Finding("restored", said.subject, Severity.INFO, why)
        out.report([found], [by.entry])
    uphold(m)
    m.dirty.add("distrusted")
    until_ns = m.distrusted.get(said.subject, 0)
    out.reply(200, status=said.verb.value, subject=said.subject, until_ns=until_ns, why=why)
    changed(m, out, said.subject, (by.entry,))


def end(m: Memory, out: Out) -> None:
    """With every Tick: what has run out ends; it is told, and what rests on it is judged again."""
    # in an order that a restart keeps
    over = sorted(subject for subject, until in m.distrusted.items() if until < m.now_ns)
    if not over:
        return
    found, parents = [], []
    for subject in over:
        del m.distrusted[subject]
        parents.append(m.watched.get(subject, UNKNOWN).entry)
        why = f"the distrust of `{subject}` has run out"
        found.append(Finding("distrust_ended", subject, Severity.INFO, why))
    m.dirty.add("distrusted")
    index = out.report(found, sorted({p for p in parents if p >= 0}))
    for subject in over:
        changed(m, out, subject, (index,))


def changed(m: Memory, out: Out, subject: str, because: Sequence[int]) -> None:
    """Judge again what rests on it; `because` are the entries of the statements that changed it."""
    was, is_now = subject in m.watched, subject in m.distrusted
    if was != is_now:
        m.dirty.add(f"watched/{subject}")
    if is_now and not was:
        m.watched[subject] = Watch(m.now_ns, max(because, default=-1))
    elif not is_now:
        m.watched.pop(subject, None)
    of = named(m, subject)
    if of is None:
        return
    if of.kind == "model" and was != is_now:
        _tell_model(m, out, of.name, because)
    tags = tags_in(of, m.site.plant, m.ring)
    trust_changed(m, out, tags, because, bytes.fromhex(of.name) if of.kind == "key" else b"")
    if is_now:
        modes.follow_trust(m, out, because)


def _tell_model(m: Memory, out: Out, name: str, because: Sequence[int]) -> None:
    """That the model at work in gate 1 judges no readings now, or does again."""
    detector = m.site.detector
    if detector is None or detector.model != name:
        return
    if name in m.distrusted:
        why = f"a person distrusts model `{name}`: until that ends readings are judged by the other rules alone"
        found = Finding("model_distrusted", name, Severity.MEDIUM, why)
    else:
        why = f"model `{name}` is distrusted no longer: it judges readings again"
        found = Finding("model_distrusted", name, Severity.INFO, why)
    out.report([found], because)
