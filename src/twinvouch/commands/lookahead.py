"""Where does a command lead? By a model of the plant that starts from the interval that is trusted.

The rule is recoverability: after the command has stood for `tau_s`, is there one backup law that keeps every member no
worse than the best backup law *now* would have kept it? A member in which the command leaves the limits less than no command
does not speak against it: backup now moves every actuator at once, which nobody who refuses a command does, so that refusing
a correction leaves the plant with what is worse. No more does any member where in all of them, at every step, the command leaves
nothing further out than no command: one that is out at its start would hold whatever is asked, what cannot change it, too. A
command that is held for hours, though nobody would hold it so long, is no measure: that blocks normal operation. Where nothing
but the command drives a member over a limit, it is held; where it does so in every member, whatever in the interval is true, it
is denied.

Anything but a whole, finite, certified answer to exactly this question holds the command: a crash, a hang, a late answer,
NaN, another model, a run that breaks physics. More members and wider intervals never turn a hold into an allow.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import isfinite
from typing import Final, Protocol

from twinvouch.commands.compared import SLACK, leaves
from twinvouch.commands.present import coming
from twinvouch.commands.view import Snapshot, Target, View
from twinvouch.core.command import Reason, Verdict
from twinvouch.core.context import Context
from twinvouch.core.lookahead import (
    MOST_STANDING,
    Ahead,
    Foresight,
    Interval,
    Prediction,
    Question,
    Source,
)
from twinvouch.core.site import Site
from twinvouch.core.trusted import estimated, exact, reached, reaching, widened
from twinvouch.core.virtual import Axes, reaches

NAMES = ("lookahead",)
ASKED: Final = "being simulated: no answer of the model has come yet"
_DAY_NS: Final = 86_400_000_000_000
_CLOCK_NS: Final = 60_000_000_000  # of the clock of a start, so that what is asked within a minute of one state shares its backup branch


class At(Protocol):
    """The plant at one moment, as far as a start depends on it: a View and a Moment are one."""

    @property
    def site(self) -> Site:
        """What is declared."""
        ...

    @property
    def frame(self) -> Snapshot:
        """Last values and labels."""
        ...

    @property
    def context(self) -> Context:
        """What is distrusted, and where tags were while they were trusted."""
        ...

    @property
    def now_ns(self) -> int:
        """The moment."""
        ...


def check(view: View, target: Target) -> tuple[Reason, ...]:
    """Allow, hold or deny where the actuator has a model; nothing where it has none."""
    ahead = view.site.ahead.get(target.tag.id)
    if ahead is None:
        return ()
    prediction = view.context.predictions.get(view.command.id)
    if prediction is None or prediction.asked.value != view.command.value:
        return (Reason(NAMES[0], Verdict.HOLD, ASKED, "would be judged when the answer comes"),)
    told = judge(ahead, prediction)
    if view.is_safe and told.verdict is Verdict.HOLD and _is_for_distrust(view, ahead, prediction):
        return (replace(told, verdict=Verdict.ALLOW),)
    return (told,)


def _is_for_distrust(view: View, ahead: Ahead, prediction: Prediction) -> bool:
    """True where a hold comes of what is not known: no answer says nothing against it, and of a wide start some member may need it.

    It does where it is eased, or where what no command is, is not known for certain. From a start that is trusted whole a hold is no matter of distrust, and a list of safe actions waives nothing else.
    """
    seen = prediction.foresight
    if seen is None or not is_usable(ahead, prediction):
        return True
    is_wide = any(trusted_axes(view, ahead, s.tag) is None for s in ahead.sources.values())
    is_known = len(prediction.asked.standing) == 1
    return is_wide and (not is_known or not seen.eased or any(seen.eased))


def question(view: View, target: Target, ahead: Ahead) -> Question:
    """What to ask: from where each quantity is, trusted or not."""
    limits = target.limits
    said = view.command.value, limits.low, limits.high
    asked = _question(view, ahead, said, _standing(view, ahead))
    return replace(asked, tau_s=asked.horizon_s) if _stays(view, ahead) else asked


def _standing(view: View, ahead: Ahead) -> tuple[float, ...]:
    """Where the actuator may be without the command: where it is read to be, or at a value on its way; nothing where that is an interval.

    Not the ends of what doubt made: what is better than both may be worse than what lies between. The core acts only
    where it is one value: else it would ask again for what is on its way already.
    """
    source = ahead.sources.get(ahead.actuator)
    if source is None or not (found := _interval(view, ahead, source)).is_exact:
        return ()
    values = tuple(dict.fromkeys((found.centre, *reached(source, _coming(view, source.tag)))))
    most = 1 if view.site.is_core(view.command.principal) else MOST_STANDING
    return values if len(values) <= most else ()


def _stays(view: View, ahead: Ahead) -> bool:
    """True of what a watchdog does while something that is limited is neither read nor estimated.

    A backup law that goes by it cannot take over then, and what set the actuator cannot take it back either: it stays. What
    follows from another command declares its inputs, and is no act of a watchdog.
    """
    if not view.site.is_core(view.command.principal) or view.command.inputs:
        return False
    limited = (s.tag for n, s in ahead.sources.items() if n in ahead.limits)
    unread = (t for t in limited if trusted_axes(view, ahead, t) is None)
    return any(t not in view.context.virtual for t in unread)


def idle_question(at: At, ahead: Ahead) -> Question:
    """What to ask about no command: the same start, and all that is set stays so."""
    return _question(at, ahead, (0.0, 0.0, 0.0), ())


def _question(
    at: At, ahead: Ahead, said: tuple[float, float, float], standing: tuple[float, ...]
) -> Question:
    state = ((n, interval(at, ahead, n)) for n in ahead.sources)
    value, low, high = said
    return Question(
        model=ahead.model,
        digest=ahead.digest,
        state=tuple(sorted(state)),
        limits=tuple(sorted((n, least, most) for n, (least, most) in ahead.limits.items())),
        actuator=ahead.actuator,
        value=value,
        low=low,
        high=high,
        horizon_s=ahead.horizon_s,
        tau_s=ahead.tau_s,
        step_s=ahead.step_s,
        demand=ahead.demand,
        clock_s=at.now_ns % _DAY_NS // _CLOCK_NS * 60.0,
        is_each=ahead.is_each,
        standing=standing,
    )


def inputs(at: At, ahead: Ahead) -> Iterator[tuple[str, Axes, tuple[int, ...], str]]:
    """What a start rests on: tags, the labels they were taken with, their entries, and why the label is that.

    A tag that is not trusted now counts as it was when it was; one that never was adds nothing, since its whole range
    is tried.
    """
    for source in ahead.sources.values():
        axes = trusted_axes(at, ahead, source.tag)
        known = at.context.trusted.get(source.tag)
        instead = at.context.virtual.get(source.tag)
        if axes is not None:
            yield source.tag, axes, (at.frame.entry(source.tag),), "look-ahead starts from it"
        elif instead is not None:
            why = "look-ahead starts from what its virtual sensor says"
            yield source.tag, instead.axes, instead.entries, why
        elif known is not None:
            yield (
                source.tag,
                known.axes,
                known.entries,
                "look-ahead starts from where it was while trusted",
            )


def models(ahead: Ahead | None) -> tuple[Ahead, ...]:
    """It, and the second one where there is one."""
    return tuple(
        each for each in (ahead, None if ahead is None else ahead.second) if each is not None
    )


def rests_on(at: At, ahead: Ahead) -> tuple[str, ...]:
    """Tags whose readings a start rests on now: those that are trusted, and the meters of what stands in for others."""
    tags = sorted({s.tag for s in ahead.sources.values()})
    counting = [t for t in tags if trusted_axes(at, ahead, t) is not None]
    instead = [s for t, s in at.context.virtual.items() if t in tags and t not in counting]
    return tuple(dict.fromkeys((*counting, *(flow for s in instead for flow in s.sources))))


def trusted_axes(at: At, ahead: Ahead, tag: str) -> Axes | None:
    """Its label where it reaches what the class demands; None where it does not, or has no value."""
    value = at.frame.value(tag)
    if at.context.distrusted.get(tag, 0) > at.now_ns or value is None or not isfinite(value):
        return None
    axes, _ = at.frame.label_of(tag, at.now_ns)
    return axes if reaches(axes, ahead.demands) else None


def judge(ahead: Ahead, prediction: Prediction) -> Reason:
    """The rule on one answer."""
    asked, seen = prediction.asked, prediction.foresight
    why = prediction.why or unusable(ahead, asked, seen)
    if why or seen is None:
        sentence = f"no look-ahead by model `{ahead.model}`: {why or 'nothing came'}"
        return Reason(
            NAMES[0], Verdict.HOLD, sentence, "would be judged with an answer of the model"
        )
    laws = len(seen.laws)
    if any(not _regretted(seen, law) for law in range(laws)):
        return Reason(NAMES[0], Verdict.ALLOW, _inside(asked, seen))
    count = len(seen.commands) // laws
    is_certain = all(_regrets(seen, m, law) for m in range(count) for law in range(laws))
    verdict = Verdict.DENY if is_certain else Verdict.HOLD
    return Reason(NAMES[0], verdict, _leaves(asked, seen), _instead(asked, seen))


def is_usable(ahead: Ahead, prediction: Prediction) -> bool:
    """True where it is a whole, finite, certified answer."""
    seen = prediction.foresight
    return not prediction.why and seen is not None and not unusable(ahead, prediction.asked, seen)


def best_law(seen: Foresight) -> int:
    """The backup law that regrets the command in the fewest members."""
    return min(range(len(seen.laws)), key=lambda law: len(_regretted(seen, law)))


def is_safe(seen: Foresight) -> bool:
    """True where some backup law regrets the command in no member."""
    return any(not _regretted(seen, law) for law in range(len(seen.laws)))


def _regretted(seen: Foresight, law: int) -> list[int]:
    """The members that regret the command if this law follows it."""
    return [m for m in range(len(seen.commands) // len(seen.laws)) if _regrets(seen, m, law)]


def _regrets(seen: Foresight, member: int, law: int) -> bool:
    """Leaves the limits, further than the best backup now would, and is neither less far out than no command nor the same. NaN regrets."""
    laws, run = len(seen.laws), member * len(seen.laws) + law
    after = seen.commands[run].worst
    if seen.eased and seen.eased[run]:
        return False
    if seen.further:
        return seen.further[run]
    at_once = seen.backups[member * laws : (member + 1) * laws]
    best = min((b.worst for b in at_once), default=0.0)
    return not after <= max(0.0, best) + SLACK


def unusable(ahead: Ahead, asked: Question, seen: Foresight | None) -> str:
    """Why an answer is none; empty where it is one."""
    return "" if seen is None else next(_faults(ahead, asked, seen), "")


def _faults(ahead: Ahead, asked: Question, seen: Foresight) -> Iterator[str]:
    if seen.model != ahead.digest or asked.digest != ahead.digest:
        yield "the answer is of another model than the configured one"
    laws, runs = len(seen.laws), len(seen.commands)
    are_whole = all(len(of) in {0, runs} for of in (seen.backups, seen.eased, seen.further))
    if not laws or not runs or runs % laws or not are_whole:
        yield f"{runs} and {len(seen.backups)} runs by {laws} backup laws are no whole answer"
    if not seen.is_finite:
        yield "the answer has values that are not finite numbers"
    if not 0 <= seen.residual <= ahead.tolerance:
        told = f"residual {seen.residual:.3g}, tolerance {ahead.tolerance:g}"
        yield f"the runs break physics: {told}"
    if not seen.backups and leaves(seen.commands):
        yield "the answer does not say what backup now would do"


def _inside(asked: Question, seen: Foresight) -> str:
    nearest = max(seen.commands, key=lambda b: b.worst)
    minutes = min(b.at_s for b in seen.commands) / 60
    members = len(seen.commands) // len(seen.laws)
    where = (
        f"stays inside its limits for {asked.horizon_s / 60:g} min"
        if nearest.worst <= SLACK
        else f"leaves its limits in {minutes:.3g} min at the earliest, and {_no_worse(seen)}"
    )
    return (
        f"look-ahead: `{nearest.quantity}` {where} in {members} members, by {-nearest.worst:.1%} of its range at the nearest "
        f"(residual {seen.residual:.1e})"
    )


def _no_worse(seen: Foresight) -> str:
    if any(seen.eased):
        return "no command would leave them further or the same, or backup now no less"
    return "backup now would leave them no less"


def _leaves(asked: Question, seen: Foresight) -> str:
    laws = len(seen.laws)
    best = best_law(seen)
    regretting = _regretted(seen, best)
    worst = min((seen.commands[m * laws + best] for m in regretting), key=lambda b: b.at_s)
    count = len(seen.commands) // laws
    return (
        f"look-ahead: with {asked.value:g} for {asked.tau_s / 60:g} min and then backup `{seen.laws[best]}`, "
        f"`{worst.quantity}` leaves its limits in {worst.at_s / 60:.3g} min, by {worst.worst:.1%} of its range, in "
        f"{len(regretting)} of {count} members; backup now would not leave them so far"
    )


def _instead(asked: Question, seen: Foresight) -> str:
    if seen.allowed is None:
        return "no value was found that would be allowed; would be judged again with a narrower interval"
    sign = "<=" if seen.allowed < asked.value else ">="
    return f"would be allowed if {sign} {seen.allowed:g}"


def interval(at: At, ahead: Ahead, name: str) -> Interval:
    """Where a quantity is, in the model's unit; an actuator may also be where a command that passed before will have it."""
    source = ahead.sources[name]
    found = _interval(at, ahead, source)
    return reaching(source, found, _coming(at, source.tag))


def _coming(at: At, tag: str) -> tuple[float, ...]:
    """Values of permits for it that its reading may be older than, the newest last."""
    if not at.context.writes.get(tag):
        return ()
    return coming(at.site.plant, tag, at.context.writes_of(tag), at.now_ns)


def _interval(at: At, ahead: Ahead, source: Source) -> Interval:
    tag = source.tag
    value = at.frame.value(tag)
    if value is not None and trusted_axes(at, ahead, tag) is not None:
        return exact(source, value)
    instead = at.context.virtual.get(tag)
    if instead is not None:
        return estimated(source, instead)
    return widened(source, at.context.trusted.get(tag), at.now_ns)
