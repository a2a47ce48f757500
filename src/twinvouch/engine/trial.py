"""A command tried without effect: what gate 4 would say of it now, and what it would have to ask a model first.

Nothing is kept, entered or let out, and there is no way from here to a permit: a trial reads the memory and gives a
decision. What the model answers is put in afterwards, by the rules of the gate and beside the engine.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from twinvouch.commands import lookahead
from twinvouch.commands.basis import told
from twinvouch.commands.foreseen import waits
from twinvouch.commands.gate import strictest
from twinvouch.core.command import Command, Decision, Verdict
from twinvouch.core.errors import MalformedError
from twinvouch.core.lookahead import Ahead, Branch, Foresight, Prediction, Question
from twinvouch.engine import trying
from twinvouch.engine.deciding import Proposal, judged
from twinvouch.engine.memory import Memory
from twinvouch.wire.lookahead import read_question, write_question

_NO_ENTRY: Final = -1


@dataclass(frozen=True, slots=True)
class Asking:
    """The question to a model on which a trial depends, and what is decided by each verdict that its answer may have."""

    ahead: Ahead
    question: Question
    raw: bytes  # empty: it cannot be asked, `why`
    decided: Mapping[Verdict, Decision]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """The decision as it stands without an answer of a model, and what to ask one (None: nothing)."""

    command: Command
    decision: Decision
    asking: Asking | None = None


def begin(m: Memory, command: Command) -> Trial:
    """Try a command at this moment; what its service has read lately counts, as it would of a proposal."""
    proposal = Proposal(command, b"", _NO_ENTRY, m.now_ns)
    decision = judged(m, proposal, ())
    tried = replace(command, value=decision.value_of(command))  # perhaps clamped by other rules
    ahead, question = m.site.ahead.get(command.tag), trying.question(m, tried, m.now_ns)
    if not waits(decision) or ahead is None or question is None:
        return Trial(command, decision)
    decided = {v: judged(m, proposal, (), p) for v, p in _assumed(ahead, question).items()}
    raw = write_question(question)
    try:
        read_question(raw)
    except MalformedError as error:
        return Trial(command, decision, Asking(ahead, question, b"", decided, str(error)))
    return Trial(command, decision, Asking(ahead, question, raw, decided))


def conclude(trial: Trial, seen: Foresight | None, why: str = "") -> Decision:
    """The decision with what was foreseen, or with `why` nothing was; the same that a proposal would have got."""
    asking = trial.asking
    if asking is None:
        return trial.decision
    prediction = Prediction(asking.question, seen, asking.why or why)
    spoken = lookahead.judge(asking.ahead, prediction)
    base = asking.decided[spoken.verdict]
    # what a listed safe action makes of a verdict stays; the words and numbers are those of the answer
    said = tuple(
        replace(spoken, verdict=r.verdict) if r.rule in lookahead.NAMES else r for r in base.reasons
    )
    is_usable = lookahead.is_usable(asking.ahead, prediction)
    margin = told(prediction) if is_usable else None
    basis = None if base.basis is None else replace(base.basis, margin=margin)
    return replace(base, verdict=strictest(said), reasons=said, basis=basis)


def _assumed(ahead: Ahead, question: Question) -> Mapping[Verdict, Prediction]:
    """An answer for each verdict of look-ahead; what is decided with one is only ever shown with the real one."""
    name = question.limits[0][0] if question.limits else ""
    inside, out = (Branch(worst, question.horizon_s, name) for worst in (-1.0, 1.0))

    def seen(command: Branch) -> Foresight:
        return Foresight(b"", ahead.digest, ("assumed",), (command,), (inside,), 0.0, 0)

    return {
        Verdict.ALLOW: Prediction(question, seen(inside)),
        Verdict.HOLD: Prediction(question, None, "assumed"),
        Verdict.DENY: Prediction(question, seen(out)),
    }
