"""Break-glass: asked for by one person, agreed to by another, used, and over by itself or by anybody's word.

Every stage is entered (88) and told on the stream, every permit under it is a critical finding. What is waived is for gate 4.
"""

from collections.abc import Callable, Mapping
from dataclasses import astuple, replace
from hashlib import sha256
from typing import Any, Final

from twinvouch.commands.break_glass import NAMES, was_waived
from twinvouch.core.command import Command, Decision
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.glass import Glass, found
from twinvouch.core.inventory import Principal, Tag
from twinvouch.core.statement import Statement, Verb
from twinvouch.engine.allowed import denied, of_actuator
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Entered, Out
from twinvouch.engine.persons import is_one
from twinvouch.ledger.glass import glass_entry
from twinvouch.wire.cbor import decode, encode

VERBS: Final = frozenset({Verb.BREAK_GLASS, Verb.CLOSE_GLASS})
MOST: Final = 100  # asked for or open at once
_LONGEST_WHY: Final = 300  # characters that are kept of a reason
TECHNIQUE: Final = "T0859"  # valid accounts


def shown(glass: Glass) -> bytes:
    """Digest of what the second person is shown: whose commands, to what, why, and which statement asked."""
    told = [glass.subject, glass.person, glass.reason, glass.asked_entry, glass.asked_until_ns]
    return sha256(encode(told)).digest()


def actuators(m: Memory, subject: str) -> list[Tag]:
    """Of an asset all, of an actuator itself; none of anything else."""
    tags = m.site.plant.tags.values()
    return [t for t in tags if t.is_actuator and subject in {t.id, t.asset}]


def objection(m: Memory, said: Statement) -> str:
    """Why a statement has no effect, whoever signed it; empty where it has one."""
    known = m.glasses.get(said.subject)
    if said.verb is Verb.CLOSE_GLASS:
        return "" if known is not None else f"there is no break-glass of `{said.subject}`"
    if not actuators(m, said.subject):
        return f"`{said.subject}` is no actuator and no asset with actuators of plant `{m.site.plant.id}`"
    if not said.reason.strip():
        return "break-glass has a reason: say why"
    longest_ns = m.site.modes.glass_ns
    if not longest_ns:
        return "`modes.break_glass_minutes` is 0: there is no break-glass on this plant"
    if said.expires_ns - m.now_ns > longest_ns:
        return f"break-glass lasts at most {longest_ns / 6e10:g} minutes: say less"
    return _not_agreed(m, said, known)


def _not_agreed(m: Memory, said: Statement, known: Glass | None) -> str:
    if known is None:
        return f"{MOST} are asked for or open already" if len(m.glasses) >= MOST else ""
    if known.is_open(m.now_ns):
        return f"break-glass of `{said.subject}` is open for `{known.person}`: close it first"
    if is_one(m, known.person, said.principal):
        return f"`{known.person}` asked for it: a second person with another key has to agree"
    if said.shown != shown(known):
        return f"`{known.person}` asked for break-glass of `{said.subject}`: look at it and sign what is shown"
    return ""


def forbidden(m: Memory, signer: Principal, said: Statement) -> str:
    """What the policy has against it; to close it is always right."""
    if said.verb is Verb.CLOSE_GLASS:
        return ""
    asked = (of_actuator(m, tag) for tag in actuators(m, said.subject))
    return next((why for q in asked if (why := denied(m, signer, "breakGlass", q))), "")


def take(m: Memory, out: Out, said: Statement, by: Entered) -> None:
    """A person's word that was entered: the first asks, the second opens, anybody closes."""
    known = m.glasses.get(said.subject)
    if said.verb is Verb.CLOSE_GLASS and known is not None:
        _end(m, out, known, "closed", (said.principal, said.reason), [by.entry])
        out.reply(200, status="closed", subject=said.subject)
        return
    if known is None:
        asked = Glass(
            *(said.subject, said.principal, said.reason[:_LONGEST_WHY]),
            asked_entry=by.entry,
            asked_until_ns=said.expires_ns,
        )
        _keep(m, asked)
        _tell(out, asked, "asked", by.entry)
        why = "a second person with another key is needed"
        out.reply(200, status="waiting", subject=said.subject, why=why)
        return
    until_ns = min(known.asked_until_ns, said.expires_ns)
    opened = replace(known, second=said.principal, until_ns=until_ns)
    parents = [known.asked_entry, by.entry]
    index = _enter(m, out, opened, "opened", (said.principal, known.reason), parents)
    _keep(m, replace(opened, entry=index))
    why = (
        f"break-glass of `{known.subject}`: label and approvals are waived for commands of `{known.person}` "
        f"for {(until_ns - m.now_ns) / 6e10:.0f} minutes, as `{said.principal}` agreed: {known.reason}"
    )
    out.report([Finding(NAMES[0], known.subject, Severity.HIGH, why[:500], TECHNIQUE)], [index])
    out.reply(200, status="open", subject=said.subject, until_ns=until_ns, entry=index)


def opening(m: Memory, command: Command, decision: Decision) -> tuple[int, ...]:
    """The entry of the opening that a decision rests on; nothing where nothing was waived."""
    glass = found(m.glasses.values(), command.tag, command.principal, m.now_ns)
    return () if glass is None or not was_waived(decision) else (glass.entry,)


def follow(m: Memory, out: Out, command: Command, decision: Decision, index: int) -> None:
    """Every permit under break-glass is a critical finding; `index` is the decision's entry."""
    glass = found(m.glasses.values(), command.tag, command.principal, m.now_ns)
    if glass is None or not decision.permits or not was_waived(decision):
        return
    _keep(m, replace(glass, uses=glass.uses + 1))
    m.counts["break_glass:used"] += 1
    axes = ", ".join(str(a) for a in decision.axes)
    why = (
        f"`{command.principal}` was permitted `{command.tag}` = {decision.value_of(command):g} under break-glass of "
        f"`{glass.subject}`: label {axes} and approvals were waived, as `{glass.second}` agreed: {glass.reason}"
    )
    finding = Finding(NAMES[0], command.tag, Severity.CRITICAL, why[:500], TECHNIQUE)
    out.report([finding], [glass.entry, index])


def pass_time(m: Memory, out: Out) -> None:
    """With every Tick: what is over ends."""
    for glass in [m.glasses[name] for name in sorted(m.glasses)]:
        if glass.second and m.now_ns > glass.until_ns:
            _end(m, out, glass, "ended", ("time", "its minutes are over"), [glass.entry])
        elif not glass.second and m.now_ns > glass.asked_until_ns:
            _drop(m, glass)


def restored(m: Memory, out: Out, index: int) -> None:
    """A backup was restored: whether it was closed since is not known."""
    for glass in [m.glasses[name] for name in sorted(m.glasses)]:
        if glass.second:
            _end(m, out, glass, "ended", ("core", "a backup was restored"), [index])
        else:
            _drop(m, glass)


def _end(
    m: Memory, out: Out, glass: Glass, stage: str, said: tuple[str, str], parents: list[int]
) -> None:
    if glass.second:
        _enter(m, out, glass, stage, said, parents)
    else:
        _tell(out, glass, stage, parents[0])
    _drop(m, glass)


def _enter(
    m: Memory, out: Out, glass: Glass, stage: str, said: tuple[str, str], parents: list[int]
) -> int:
    """An entry, a count and a message; `said`: by whom and why."""
    named = out.blob([said[0], said[1][:_LONGEST_WHY]])
    raw = glass_entry(m.site.plant.id, m.now_ns, named, glass, stage, parents)
    index = out.append(raw)
    m.counts[f"break_glass:{stage}"] += 1
    _tell(out, glass, stage, index)
    return index


def _tell(out: Out, glass: Glass, stage: str, entry: int) -> None:
    about = {"subject": glass.subject, "person": glass.person, "second": glass.second}
    until_ns = glass.until_ns or glass.asked_until_ns
    out.publish(
        "break_glass", **about, stage=stage, until_ns=until_ns, uses=glass.uses, entry=entry
    )


def _keep(m: Memory, glass: Glass) -> None:
    m.glasses[glass.subject] = glass
    m.dirty.add("glasses")


def _drop(m: Memory, glass: Glass) -> None:
    del m.glasses[glass.subject]
    m.dirty.add("glasses")


def _read(m: Memory, _: str, raw: bytes) -> None:
    content: Any = decode(raw)
    version, told = content
    assert version == 1, version
    m.glasses = {each[0]: Glass(*each) for each in told}


WRITE: Mapping[str, Callable[[Memory, str], bytes | None]] = {
    "glasses": lambda m, _: encode([1, [list(astuple(g)) for g in m.glasses.values()]]),
}
READ: Mapping[str, Callable[[Memory, str, bytes], None]] = {"glasses": _read}
