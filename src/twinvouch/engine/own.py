"""What the core says itself: a command of a watchdog's list, one that follows from another, or advice. Nobody signs it; its content is kept for receipts."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from twinvouch.commands import lookahead
from twinvouch.commands.given import Given, Judged
from twinvouch.commands.register import Record
from twinvouch.commands.view import Moment
from twinvouch.core.advice import Advice, Standing
from twinvouch.core.command import CORE, Command, CommandStatus, Input
from twinvouch.core.event import Keep
from twinvouch.core.lookahead import Ahead
from twinvouch.core.watchdog import SafeAction, Watchdog
from twinvouch.engine import standing
from twinvouch.engine.deciding import Proposal, decide
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Out
from twinvouch.engine.rests import of_own
from twinvouch.engine.standing_in import judging
from twinvouch.ledger import entry
from twinvouch.wire.advice import write_advice
from twinvouch.wire.command import write_command

_NOT_YET: Final = Judged(Standing.WITHHELD, "", (0, 0, 0, 0), (), "")
_WHY: Final = 900  # characters of a reason
_MOST_NS: Final = 24 * 3_600_000_000_000  # advice of the core stands so long at most


def propose(m: Memory, out: Out, action: SafeAction, why: str) -> None:
    """A command of the core, entered and decided on as any other; on the way to its permit look-ahead is asked."""
    held = _held(m, action)
    if held is not None:
        if (
            held.command.id not in m.asked
        ):  # it was held for want of an answer, or for a rule that may not hold it any more
            decide(m, out, Proposal.of(held), held.approvals)
        return
    m.counts["watchdog:commanded"] += 1
    _propose(m, out, (action.tag, action.value), why)


def take(
    m: Memory,
    out: Out,
    what: tuple[str, float],
    why: str,
    inputs: Iterable[str],
    because: tuple[int, ...],
) -> None:
    """A command of the core that follows from another one: its actuator and value, and the tags that it rests on."""
    declared = tuple(Input(tag, m.frame.entry(tag)) for tag in inputs if m.frame.entry(tag) >= 0)
    m.counts["aftermath:commanded"] += 1
    _propose(m, out, what, why, declared, because)


def _propose(
    m: Memory,
    out: Out,
    what: tuple[str, float],
    why: str,
    inputs: tuple[Input, ...] = (),
    because: tuple[int, ...] = (),
) -> None:
    plant, tag = m.site.plant, m.site.plant.tags[what[0]]
    told = (CORE, *what, tag.unit, m.now_ns, inputs, why[:_WHY])
    command = Command(_ident(out, b"own", tag.id), *told, signed=False)
    content = write_command(command, plant.id)
    committed = _keep(out, content)
    letter = "" if tag.command_class is None else tag.command_class.value
    ahead = m.site.ahead.get(tag.id)
    rests = of_own(m, () if ahead is None else started(m, ahead), inputs, because)
    index = out.append(entry.command(m.now_ns, committed, command, (plant.id, letter), rests))
    decide(m, out, Proposal(command, sha256(content).digest(), index, m.now_ns))


def _held(m: Memory, action: SafeAction) -> Record | None:
    """The same command of the core, where it still waits."""
    said = CORE, action.tag, action.value
    for r in m.records.values():
        if (
            r.status is CommandStatus.HELD
            and (r.command.principal, r.command.tag, r.command.value) == said
        ):
            return r
    return None


def advise(m: Memory, out: Out, watchdog: Watchdog, why: str, because: tuple[int, ...]) -> None:
    """Advice of the core: the first safe action where there is one, else to look at the asset."""
    first = watchdog.safe[0] if watchdog.safe else None
    subject = watchdog.assets[0] if first is None else first.tag
    value, unit = (None, "") if first is None else (first.value, m.site.plant.tags[first.tag].unit)
    ident = _ident(out, b"own advice", subject)
    said = Advice(
        *(ident, CORE, subject, why[:_WHY], value, unit, m.now_ns, m.now_ns + _MOST_NS),
        signed=False,
    )
    content = write_advice(said, m.site.plant.id)
    new = Given(said, sha256(content).digest(), -1, m.now_ns, (), {}, _NOT_YET, -1, m.now_ns)
    m.counts["watchdog:advised"] += 1
    standing.stand(m, out, standing.judged_now(m, new), _keep(out, content), because)


def started(m: Memory, ahead: Ahead) -> list[tuple[str, int]]:
    """Tags and entries that look-ahead starts from now."""
    at = Moment(m.site, m.frame, judging(m), {}, m.now_ns, m.now_ns)
    told = lookahead.inputs(at, ahead)
    return [(tag, entry) for tag, _, entries, _ in told for entry in entries if entry >= 0]


def _keep(out: Out, content: bytes) -> bytes:
    """Keep what no event holds, and give what an entry commits to it with."""
    committed = out.salted(sha256(content).digest())
    out.effects.append(Keep(committed, out.salt + content))
    return committed


def _ident(out: Out, what: bytes, about: str) -> str:
    return sha256(what + out.salt + about.encode()).hexdigest()[:32]
