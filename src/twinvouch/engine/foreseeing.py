"""Answers of models: the held command is judged again with what was foreseen. No answer is an answer, too: a hold.

An answer is whatever a worker said: it counts for the one question that is open about a command that is still held, and
only what gate 4 can read of it. Approvals of what was shown before are dropped where look-ahead objects now.
"""

from dataclasses import replace
from math import isfinite
from typing import Final

from twinvouch.commands import lookahead, safe_action, second_model
from twinvouch.commands.foreseen import Asked
from twinvouch.core.command import CommandStatus
from twinvouch.core.errors import MalformedError
from twinvouch.core.event import Simulate, SimulationDone
from twinvouch.core.lookahead import Ahead, Foresight, Prediction
from twinvouch.core.trusted import remember
from twinvouch.core.virtual import reaches
from twinvouch.engine import trying
from twinvouch.engine.deciding import Proposal, decide
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Out
from twinvouch.engine.standing_in import judging
from twinvouch.wire.lookahead import digest, read_foresight

_SENTENCE: Final = 500
SPARE_NS: Final = 5_000_000_000  # beyond its deadline the core itself gives an answer up


def on_simulated(m: Memory, out: Out, event: SimulationDone) -> None:
    """Take an answer."""
    found = next((c for c, asked in m.asked.items() if asked.ident == event.ident), None)
    if found is None:
        m.counts["simulation:ignored"] += 1
        out.reply(200, status="ignored", why="nobody waits for this answer")
        return
    asked = m.asked[found]
    seen, why = answer_of(asked.posed.raw, event)
    m.counts["simulation:failed" if why else "simulation:answered"] += 1
    record = m.records.get(found)
    is_held = record is not None and record.status is CommandStatus.HELD
    if seen is None or record is None or not is_held or not trying.ask_second(m, out, record, seen):
        _settle(m, out, found, seen, why)
        record = m.records.get(found)
    out.reply(200, status="" if record is None else record.status.value)


def give_up(m: Memory, out: Out) -> None:
    """With every Tick: whoever waits for longer than answers take is told that none came."""
    for command, asked in list(m.asked.items()):
        record = m.records.get(command)
        ahead = None if record is None else m.site.ahead.get(record.command.tag)
        if ahead is not None and asked.first is not None:
            ahead = ahead.second
        limit_ns = SPARE_NS + (0 if ahead is None else ahead.deadline_ns)
        if m.now_ns - asked.asked_ns > limit_ns:
            m.counts["simulation:late"] += 1
            _settle(m, out, command, None, f"none came within {limit_ns / 1e9:g} s")


def begin(m: Memory, out: Out) -> None:
    """A start: questions that were on their way are asked again."""
    for command, asked in list(m.asked.items()):
        m.asked[command] = replace(asked, asked_ns=m.now_ns)
        m.dirty.add(f"asked/{command}")
        out.effects.append(Simulate(asked.ident, asked.posed.raw))


def learn(m: Memory, group: str, entry: int) -> None:
    """Remember where the tags are that look-ahead starts from, of an admitted batch and while they are trusted."""
    bad = m.distrust().tags
    for tag, watch in m.starts.get(group, {}).items():
        value = m.frame.value(tag)
        if value is None or not isfinite(value) or m.frame.entry(tag) != entry:
            continue
        if bad.get(tag, 0) > m.now_ns:
            continue
        axes, _ = m.frame.label_of(tag, m.now_ns)
        if reaches(axes, watch.demands):
            moment = m.now_ns, watch.window_ns
            m.trusted[tag] = remember(m.trusted.get(tag), value, axes, entry, moment)
            m.dirty.add(f"trusted/{tag}")


def _settle(m: Memory, out: Out, command: str, seen: Foresight | None, why: str) -> None:
    asked, record = m.asked.pop(command), m.records.get(command)
    m.dirty.add(f"asked/{command}")
    if record is None or record.status is not CommandStatus.HELD:
        return
    is_past = seen is not None and not {*asked.trusted} <= {
        *trying.trusted_now(m, record, judging(m))
    }
    if is_past:
        m.counts["simulation:outdated"] += 1
    if is_past and safe_action.was_admitted(record.decision):
        # whoever lets trust come and go could else keep it waiting
        seen, why = None, "what it started from is not trusted any more"
    elif is_past:
        decide(
            m, out, Proposal.of(record), (), asked.because
        )  # asks again, from what is trusted now
        return
    approvals = tuple(a for a in record.approvals if a.expires_ns >= m.now_ns)
    ahead = m.site.ahead.get(record.command.tag)
    is_waiting = not trying.must_not_wait(m, record)
    if seen is not None and is_waiting and _is_overtaken(m, ahead, asked):
        m.counts["simulation:overtaken"] += 1
        decide(m, out, Proposal.of(record), approvals, asked.because)
        return
    prediction = _predicted(asked, seen, why)
    if ahead is None or second_model.objects(ahead, prediction):
        approvals = ()
    decide(m, out, Proposal.of(record), approvals, asked.because, prediction)


def _is_overtaken(m: Memory, ahead: Ahead | None, asked: Asked) -> bool:
    """An actuator of the model got a permit since: two commands that are safe alone and unsafe together are not both let pass."""
    tags = {s.tag for each in lookahead.models(ahead) for s in each.sources.values()}
    return any(w[-1].permit >= asked.since for t in tags if (w := m.past.writes.get(t)))


def _predicted(asked: Asked, seen: Foresight | None, why: str) -> Prediction:
    """With what the first model foresaw, where this is the answer of the second."""
    last = Prediction(asked.posed.question, seen, why)
    return last if asked.first is None else replace(asked.first, second=last)


def answer_of(question: bytes, event: SimulationDone) -> tuple[Foresight | None, str]:
    """What was foreseen in answer to this question; or None, and why nothing was."""
    if event.why:
        return None, event.why[:_SENTENCE]
    try:
        seen = read_foresight(event.foresight)
    except MalformedError as error:
        return None, f"an answer that cannot be read: {error}"[:_SENTENCE]
    if seen.question != digest(question):
        return None, "an answer to another question"
    if seen.model != event.digest:
        return None, "an answer of another model than it says"
    return seen, ""
