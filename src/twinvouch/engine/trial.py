"""A command tried without effect: what gate 4 would say of it now, and what it would have to ask a model first.

Nothing is kept, entered or let out, and there is no way from here to a permit: a trial reads the memory and gives a
decision. What the model answers is put in afterwards, by the rules of the gate and beside the engine.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from twinvouch.commands import lookahead, second_model
from twinvouch.commands.basis import told
from twinvouch.commands.foreseen import waits
from twinvouch.commands.gate import strictest
from twinvouch.core.command import Command, Decision, Reason, Verdict
from twinvouch.core.errors import MalformedError
from twinvouch.core.lookahead import Ahead, Branch, Foresight, Prediction, Question
from twinvouch.engine import trying
from twinvouch.engine.deciding import Proposal, judged
from twinvouch.engine.memory import Memory
from twinvouch.engine.standing_in import judging
from twinvouch.wire.lookahead import read_question, write_question

_NO_ENTRY: Final = -1
_AGREED: Final = (Verdict.ALLOW, Verdict.ALLOW)


@dataclass(frozen=True, slots=True)
class Asking:
    """The questions to models on which a trial depends, and what is decided by each pair of verdicts that answers may have.

    `second` is for a second model, where the first allows; None: there is none.
    """

    ahead: Ahead
    question: Question
    raw: bytes  # empty: it cannot be asked, `why`
    decided: Mapping[tuple[Verdict, Verdict], Decision]
    second: Question | None = None
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
    context = judging(m)
    decision = judged(m, proposal, (), context)
    tried = replace(command, value=decision.value_of(command))  # perhaps clamped by other rules
    ahead = m.site.ahead.get(command.tag)
    question = trying.question(m, tried, m.now_ns, context)
    if not waits(decision) or ahead is None or question is None:
        return Trial(command, decision)
    second = trying.second_question(m, tried, m.now_ns, context)
    assumed = _assumed(ahead, question, second)
    asking = Asking(
        *(ahead, question, write_question(question)),
        {verdicts: judged(m, proposal, (), context, p) for verdicts, p in assumed.items()},
        second,
    )
    try:
        read_question(asking.raw)
    except MalformedError as error:
        asking = replace(asking, raw=b"", why=str(error))
    return Trial(command, decision, asking)


def second_asked(trial: Trial, seen: Foresight | None) -> Question | None:
    """What a second model is to be asked now that the first one has foreseen this; None where it is not asked."""
    asking = trial.asking
    if asking is None or asking.second is None:
        return None
    first = Prediction(asking.question, seen, asking.why)
    held = asking.decided[_AGREED]  # a listed safe action waits for no second one
    is_asked = any(r.rule in second_model.NAMES for r in held.reasons)
    is_allowed = lookahead.judge(asking.ahead, first).verdict is Verdict.ALLOW
    return asking.second if is_asked and is_allowed else None


def conclude(
    trial: Trial, seen: Foresight | None, why: str = "", second: Prediction | None = None
) -> Decision:
    """The decision with what was foreseen, or with `why` nothing was; the same that a proposal would have got."""
    asking = trial.asking
    if asking is None:
        return trial.decision
    prediction = Prediction(asking.question, seen, asking.why or why, second)
    spoken = lookahead.judge(asking.ahead, prediction)
    other = second_model.spoken(asking.ahead, prediction)
    base = asking.decided[spoken.verdict, Verdict.ALLOW if other is None else other.verdict]
    # what a listed safe action makes of a verdict stays; the words and numbers are those of the answer
    said = tuple(_in_words(r, spoken, other) for r in base.reasons)
    is_usable = lookahead.is_usable(asking.ahead, prediction)
    margin = told(prediction) if is_usable else None
    basis = None if base.basis is None else replace(base.basis, margin=margin)
    return replace(base, verdict=strictest(said), reasons=said, basis=basis)


def _in_words(of: Reason, spoken: Reason, other: Reason | None) -> Reason:
    """A reason that was assumed, in the words of the answers."""
    if of.rule in lookahead.NAMES:
        return replace(spoken, verdict=of.verdict)
    return other if other is not None and of.rule in second_model.NAMES else of


def _assumed(
    ahead: Ahead, question: Question, second: Question | None
) -> Mapping[tuple[Verdict, Verdict], Prediction]:
    """Answers for each pair of verdicts; what is decided with them is only ever shown with the real ones."""
    inside = Prediction(question, _foreseen(ahead, question, -1.0))
    told = {
        _AGREED: inside,
        (Verdict.HOLD, Verdict.ALLOW): Prediction(question, None, "assumed"),
        (Verdict.DENY, Verdict.ALLOW): Prediction(question, _foreseen(ahead, question, 1.0)),
    }
    if second is not None and ahead.second is not None:
        agreed = Prediction(second, _foreseen(ahead.second, second, -1.0))
        told[_AGREED] = replace(inside, second=agreed)
        told[Verdict.ALLOW, Verdict.HOLD] = replace(
            inside, second=Prediction(second, None, "assumed")
        )
    return told


def _foreseen(ahead: Ahead, question: Question, worst: float) -> Foresight:
    """One member that comes so near to its limits after the command, and stays inside with a backup at once."""
    name = question.limits[0][0] if question.limits else ""
    command, inside = (Branch(w, question.horizon_s, name) for w in (worst, -1.0))
    return Foresight(b"", ahead.digest, ("assumed",), (command,), (inside,), 0.0, 0)
