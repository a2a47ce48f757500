"""second_model: for the highest class another model, of another class and digest, has to allow what the first one allows.

One model is one opinion: whoever has poisoned it, or whoever was wrong when it was made, decides alone. Two that share nothing
agree, or a person decides. Where they do not, the command is held with both sentences; so it is where the second one says
nothing. It is not asked about what the first one objects to.
"""

from twinvouch.commands import lookahead
from twinvouch.commands.view import Target, View
from twinvouch.core.command import Reason, Verdict
from twinvouch.core.lookahead import Ahead, Prediction

NAMES = ("second_model",)


def check(view: View, target: Target) -> tuple[Reason, ...]:
    """Nothing where there is no second model, or the first one has not allowed; else its word, or a hold."""
    ahead = view.site.ahead.get(target.tag.id)
    prediction = view.context.predictions.get(view.command.id)
    is_other = prediction is None or prediction.asked.value != view.command.value
    if ahead is None or prediction is None or is_other or view.is_safe:
        return ()
    said = spoken(ahead, prediction)
    return () if said is None else (said,)


def spoken(ahead: Ahead, prediction: Prediction) -> Reason | None:
    """What the second model comes to; None where there is none, or the first objects."""
    if ahead.second is None:
        return None
    first = lookahead.judge(ahead, prediction)
    if first.verdict is not Verdict.ALLOW:
        return None
    if prediction.second is None:
        sentence = f"model `{ahead.model}` allows it, and model `{ahead.second.model}` has not been asked yet"
        later = "would be judged with an answer of both models"
        return Reason(NAMES[0], Verdict.HOLD, sentence, later)
    second = lookahead.judge(ahead.second, prediction.second)
    if second.verdict is Verdict.ALLOW:
        sentence = f"model `{ahead.second.model}` allows it, too: {second.sentence}"
        return Reason(NAMES[0], Verdict.ALLOW, sentence)
    sentence = (
        f"two models do not agree. `{ahead.model}`: {first.sentence}. "
        f"`{ahead.second.model}`: {second.sentence}"
    )
    return Reason(NAMES[0], Verdict.HOLD, sentence, second.counterfactual)


def objects(ahead: Ahead, prediction: Prediction) -> bool:
    """True where either of them does not allow it."""
    said = spoken(ahead, prediction)
    is_first = lookahead.judge(ahead, prediction).verdict is Verdict.ALLOW
    return not is_first or (said is not None and said.verdict is not Verdict.ALLOW)
