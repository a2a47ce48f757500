"""A command whose actuator has a model is held while the model is asked: an effect leaves, its answer comes as an event."""

from dataclasses import replace
from hashlib import sha256
from typing import Final

from twinvouch.commands import lookahead, safe_action
from twinvouch.commands.foreseen import Asked, Posed, waits
from twinvouch.commands.register import Record
from twinvouch.commands.view import View
from twinvouch.core.command import Command, Verdict
from twinvouch.core.context import Context
from twinvouch.core.errors import MalformedError
from twinvouch.core.event import Simulate
from twinvouch.core.lookahead import Foresight, Prediction, Question
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Out
from twinvouch.engine.standing_in import judging
from twinvouch.wire.lookahead import is_whole, read_question, write_question

MOST: Final = 256  # questions on their way; what comes beyond is held with that reason


def ask(
    m: Memory,
    out: Out,
    record: Record,
    because: tuple[int, ...],
    context: Context,
    posed: Posed | None,
) -> None:
    """Ask about a command that was held for it; an earlier question about the same command counts no more.

    `posed` is the question about what was proposed, if that is known; of another value another is asked. Here and below
    `context` is what gate 4 may know at this moment (`judging`), worked out once a decision: what stands in for tags
    costs as much as all the rules.
    """
    if not waits(record.decision):
        return
    if posed is None or posed.question.value != record.value:
        tried = replace(record.command, value=record.value)
        asked = question(m, tried, record.received_ns, context)
        posed = None if asked is None else Posed.of(asked)
    if posed is None:
        return
    ident = sha256(b"simulate" + out.salt + record.digest).hexdigest()[:32]
    trusted = trusted_now(m, record, context)
    m.asked[record.command.id] = Asked(ident, posed, m.now_ns, because, trusted, since=m.size)
    m.dirty.add(f"asked/{record.command.id}")
    m.counts["simulation:asked"] += 1
    out.effects.append(Simulate(ident, posed.raw))


def must_not_wait(m: Memory, record: Record) -> bool:
    """True of a safe action of somebody: who lets answers come and go could else keep it waiting. The core's own waits."""
    is_own = m.site.is_core(record.command.principal)
    return safe_action.was_admitted(record.decision) and not is_own


def ask_second(m: Memory, out: Out, record: Record, seen: Foresight) -> bool:
    """Ask the second model where the first, with what it foresaw, allows the command; False where it is not asked.

    Of a safe action of somebody it is not: no answer is none against it.
    """
    asked, ahead = m.asked[record.command.id], m.site.ahead.get(record.command.tag)
    if ahead is None or asked.first is not None or must_not_wait(m, record):
        return False
    context = judging(m)
    if not {*asked.trusted} <= {*trusted_now(m, record, context)}:
        return False
    first = Prediction(asked.posed.question, seen)
    tried = replace(record.command, value=first.asked.value)
    second = second_question(m, tried, record.received_ns, context)
    if second is None or lookahead.judge(ahead, first).verdict is not Verdict.ALLOW:
        return False
    posed = Posed.of(second)
    ident = sha256(b"second" + asked.ident.encode()).hexdigest()[:32]
    m.asked[record.command.id] = replace(
        asked, ident=ident, posed=posed, asked_ns=m.now_ns, first=first
    )
    m.dirty.add(f"asked/{record.command.id}")
    m.counts["simulation:second"] += 1
    out.effects.append(Simulate(ident, posed.raw))
    return True


def posed(m: Memory, command: Command, context: Context) -> tuple[Posed | None, Prediction | None]:
    """The question about it, None where it has no model; and no answer to it, where too many are on their way or it is none."""
    asked = question(m, command, m.now_ns, context)
    if asked is None:
        return None, None
    if len(m.asked) >= MOST and command.id not in m.asked:
        return None, Prediction(asked, None, f"{MOST} questions wait for answers")
    try:
        raw = write_question(asked)
        if not is_whole(asked):
            read_question(raw)
    except MalformedError as error:
        return None, Prediction(asked, None, str(error))
    return Posed(asked, raw), None


def trusted_now(m: Memory, record: Record, context: Context) -> tuple[str, ...]:
    """The tags whose readings look-ahead of this command would start from now, and the meters of what stands in for others."""
    ahead = m.site.ahead.get(record.command.tag)
    if ahead is None:
        return ()
    view = _view(m, record.command, record.received_ns, context)
    tags = (tag for each in lookahead.models(ahead) for tag in lookahead.rests_on(view, each))
    return tuple(dict.fromkeys(tags))


def _view(m: Memory, command: Command, received_ns: int, context: Context) -> View:
    return View(command, m.site, m.frame, context, {}, frozenset(), m.now_ns, received_ns)


def question(m: Memory, command: Command, received_ns: int, context: Context) -> Question | None:
    """What a model would be asked about it now; None where it has none."""
    ahead = m.site.ahead.get(command.tag)
    if ahead is None:
        return None
    view = _view(m, command, received_ns, context)
    return None if view.target is None else lookahead.question(view, view.target, ahead)


def second_question(
    m: Memory, command: Command, received_ns: int, context: Context
) -> Question | None:
    """What the second model would be asked about it now; None where there is none."""
    ahead = m.site.ahead.get(command.tag)
    view = _view(m, command, received_ns, context)
    if ahead is None or ahead.second is None or view.target is None:
        return None
    return lookahead.question(view, view.target, ahead.second)
