"""What a decision rests on, in numbers, kept with it for whoever asks why: explained later, all of it may be different.

Of many inputs those that are furthest below what the class demands, and a tag's newest entry with each. The reasons, the
label and the ledger say the same in words and digests; nothing is decided by this.
"""

from operator import sub
from typing import Final

from twinvouch.commands import lookahead
from twinvouch.commands.capability import required
from twinvouch.commands.compared import leaves
from twinvouch.commands.derivation import Derivation
from twinvouch.commands.view import Target, View
from twinvouch.core.command import Basis, Margin, Part
from twinvouch.core.lookahead import Prediction

KEPT: Final = 24  # inputs of one decision; a service may have read thousands of tags


def of(view: View, target: Target, derived: Derivation) -> Basis:
    """The basis of a decision that was weighed."""
    demands, tags = required(target.rule), view.site.plant.tags

    def spare(part: Part) -> int:
        least: int = min(map(sub, part.axes, demands))
        return least

    weakest = sorted(derived.parts, key=spare)[:KEPT]
    known = (
        Part(p.name, p.axes, p.why, view.frame.entry(p.name))
        if p.entry < 0 and p.name in tags
        else p
        for p in weakest
    )
    rung = int(view.context.mode_of(target.tag.asset).rung)
    count = len(derived.parts)
    margin = _margin(view)
    return Basis(target.letter, demands, rung, tuple(known), count, margin)


def _margin(view: View) -> Margin | None:
    """Of the prediction that was judged; None where none was, or nothing of it could be used."""
    prediction = view.context.predictions.get(view.command.id)
    ahead = view.site.ahead.get(view.command.tag)
    if prediction is None or ahead is None or not lookahead.is_usable(ahead, prediction):
        return None
    return told(prediction) if prediction.asked.value == view.command.value else None


def told(prediction: Prediction) -> Margin:
    """The numbers of a usable prediction: with the law that regrets it least, the run that comes nearest to its limits."""
    asked, seen = prediction.asked, prediction.foresight
    assert seen is not None
    laws = len(seen.laws)
    law = lookahead.best_law(seen)
    runs = seen.commands[law::laws]
    nearest = max(runs, key=lambda b: b.worst)
    out = [b.at_s for b in runs if leaves((b,))]
    return Margin(
        model=asked.model,
        quantity=nearest.quantity,
        share=-nearest.worst,
        at_s=min(out, default=-1.0),
        horizon_s=asked.horizon_s,
        members=len(runs),
        residual=seen.residual,
        allowed=seen.allowed,
    )
