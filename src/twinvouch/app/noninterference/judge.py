"""What two runs of a pair come to: commands that low sources removed, delayed, created or changed.

The silent run is what is done without them. Whatever the other one does at a guarded actuator has to be done there too, with
the same words, and not later. One exception is allowed and counted, `displaced`: a command that the silent run refused for
rules over the past of its actuator alone, or clamped to another step by its rate, because of an earlier command there that low data held back here. Nothing new is
made possible by it: the actuator may take one step in that time, and takes the other one. So it is where look-ahead, which starts
from where the actuator is, was against it in the silent run because of that earlier command.

`spared` is one that the silent run refused for a mode alone, which an earlier write had lowered because it did not show; low data
held that write back here, so nobody knows yet that the plant does not do what it is told. In that mode, and before that write,
it would have been executed there, too.

Three more are what the plant's owner signed to be so (ADR 31 and 35), each counted by its name: `waived` under break-glass,
`listed` as a safe action, `followed` where the core answers a write that nothing superseded, because low data held back what
would have. What comes after one of these at the same actuator has another past, and may be displaced by it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from twinvouch.app.noninterference import plant, script
from twinvouch.app.noninterference.plant import World
from twinvouch.app.noninterference.play import Run, play
from twinvouch.app.noninterference.script import Propose
from twinvouch.app.noninterference.voice import HONEST, LIES, SILENT

VIOLATIONS: Final = ("created", "changed", "advanced")
EXCEPTIONS: Final = ("displaced", "spared", "waived", "listed", "followed")
HONEST_SHARE: Final = 7  # every so manieth pair, low sources tell the truth


OVER_THE_PAST = frozenset({"rate", "ramp", "travel", "count", "dwell"})
_PUT_RIGHT: Final = frozenset({"limits"})


@dataclass(frozen=True, slots=True)
class Difference:
    """A command of a pair that did not come out alike: `kind` is removed, delayed, one of EXCEPTIONS or of VIOLATIONS."""

    kind: str
    command: str
    tag: str


@dataclass(frozen=True, slots=True)
class Pair:
    """One pair: how its commands differ, and figures that tell whether they could have."""

    seed: int
    differences: tuple[Difference, ...]
    numbers: Counter[str] = field(default_factory=Counter)

    @property
    def violations(self) -> tuple[Difference, ...]:
        """What low-trust data must not bring about."""
        return tuple(d for d in self.differences if d.kind in VIOLATIONS)


def pair(seed: int) -> Pair:
    """Draw a plant and a script, and play it twice: low sources say nothing, and they say something."""
    world = plant.draw(seed)
    story = script.draw(seed, world)
    kept: dict[tuple[str, int], bytes] = {}
    silent = play(story, world, SILENT, kept)
    loud = play(story, world, HONEST if seed % HONEST_SHARE == 0 else LIES, kept)
    found = tuple(differences(world, silent, loud))
    return Pair(seed, found, _numbers(world, story, silent, loud))


def differences(world: World, silent: Run, loud: Run) -> Iterator[Difference]:
    """Of every command to a guarded actuator that the runs did not carry out alike."""
    own = {command: done.tag for run in (silent, loud) for command, done in run.done.items()}
    for command, tag in sorted({**own, **silent.targets}.items()):
        kind = _kind(world, command, silent, loud)
        if kind and tag in world.guarded:
            yield Difference(kind, command, tag)


def _kind(world: World, command: str, silent: Run, loud: Run) -> str:
    without, done = silent.done.get(command), loud.done.get(command)
    if done is None:
        return "" if without is None else "removed"
    if without is None:
        held_back = _by_what_was_held_back(world, command, silent, loud)
        return _excepted(command, silent, loud) or held_back
    if done.words != without.words:
        is_clamped = _is_clamped_elsewhere(command, silent, loud)
        return _excepted(command, silent, loud) or ("displaced" if is_clamped else "changed")
    if done.at_ns == without.at_ns:
        return ""
    if done.at_ns > without.at_ns:
        return "delayed"
    return _excepted(command, silent, loud) or "advanced"


def _excepted(command: str, silent: Run, loud: Run) -> str:
    """What lets it pass by design; what follows from a write does so only where something that would supersede it was held back."""
    kind = loud.excepted.get(command, "")
    return "" if kind == "followed" and not _is_past_other(command, silent, loud) else kind


def _by_what_was_held_back(world: World, command: str, silent: Run, loud: Run) -> str:
    is_tried = _starts_from_itself(world, loud.done[command].tag)
    if _is_displaced(command, silent, loud) or (
        is_tried and _is_tried_elsewhere(command, silent, loud)
    ):
        return "displaced"
    return "spared" if _is_spared(command, silent, loud) else "created"


def _is_spared(command: str, silent: Run, loud: Run) -> bool:
    """Refused for the mode alone, and every write that took its asset down for not showing was held back here."""
    asset = loud.done[command].tag.partition("/")[0]
    lowered = [c for c, of in silent.unshown.items() if of == asset]
    is_by_mode = silent.rules.get(command) == frozenset({"mode"})
    return is_by_mode and bool(lowered) and all(c not in loud.done for c in lowered)


def _is_displaced(command: str, silent: Run, loud: Run) -> bool:
    """Refused for what was permitted before alone, and of what was permitted there before something was not here.

    What a clamp puts right (a value above a limit) does not refuse by itself.
    """
    put_right = _PUT_RIGHT & {*loud.clamps.get(command, ())}
    rules = silent.rules.get(command, frozenset()) - put_right
    return _is_past_other(command, silent, loud) and bool(rules) and rules <= OVER_THE_PAST


def _starts_from_itself(world: World, tag: str) -> bool:
    """Its look-ahead starts from where the actuator itself is, and is on its way to."""
    ahead = world.site.ahead.get(tag)
    return ahead is not None and any(s.tag == tag for s in ahead.sources.values())


def _is_tried_elsewhere(command: str, silent: Run, loud: Run) -> bool:
    """Look-ahead was against it when it was executed here, from another place of the actuator, since something was held back.

    What persons approve is what they are shown: an answer that goes on changing keeps an approval from counting.
    """
    at_ns = loud.done[command].at_ns
    before = [rules for then_ns, rules in silent.judged.get(command, ()) if then_ns <= at_ns]
    rules = before[-1] if before else frozenset[str]()
    is_against = "lookahead" in rules and rules <= OVER_THE_PAST | {"lookahead", "approval"}
    return is_against and _is_past_other(command, silent, loud)


def _is_clamped_elsewhere(command: str, silent: Run, loud: Run) -> bool:
    """Both took a step as long as the rate allows, from what was permitted before, of which something was not here."""
    both = (silent.clamps.get(command, ()), loud.clamps.get(command, ()))
    is_by_rate = any("rate" in by for by in both)
    return is_by_rate and _is_past_other(command, silent, loud)


def _is_past_other(command: str, silent: Run, loud: Run) -> bool:
    """Of what was permitted before at the same actuator something was not here, or later; or was by an exception alone."""
    done = loud.done[command]
    before = (
        other
        for other, was in silent.done.items()
        if was.tag == done.tag and was.at_ns <= done.at_ns and other != command
    )
    if any(o not in loud.done or loud.done[o].at_ns > silent.done[o].at_ns for o in before):
        return True
    return any(
        other not in silent.done and loud.done[other].tag == done.tag
        for other in loud.excepted
        if other != command and loud.done[other].at_ns <= done.at_ns
    )


def _numbers(world: World, story: script.Script, silent: Run, loud: Run) -> Counter[str]:
    guarded = [c for c, tag in silent.targets.items() if tag in world.guarded]
    other = [c for c in guarded if silent.verdicts.get(c) != loud.verdicts.get(c)]
    loops = {
        step.id
        for _, step in story.steps
        if isinstance(step, Propose) and step.follows and step.id in guarded
    }
    followed = [c for c in loops if silent.proposed[c] != loud.proposed[c]]
    numbers = Counter(
        events=silent.events + loud.events,
        low_readings=loud.low_readings,
        watched=bool(world.site.watchdogs),
        own_silent=len(silent.own),
        own=len(loud.own),
        simulated=loud.simulated,
        mode_changes=loud.moved,
        has_estimate=bool(world.site.virtual),
        by_estimate=len(loud.estimated),
        by_exception=len(loud.excepted),
        commands=len(guarded),
        executed_silent=sum(c in silent.done for c in guarded),
        executed=sum(c in loud.done for c in guarded),
        clamped=sum(bool(loud.clamps.get(c)) for c in guarded if c in loud.done),
        other_verdict=len(other),
        pairs_other_verdict=bool(other),
        closed_loops=len(loops),
        closed_loops_that_differ=len(followed),
        closed_loops_executed=sum(c in loud.done and c not in loud.excepted for c in followed),
    )
    numbers.update(loud.in_play)
    for command in guarded:
        numbers.update(f"last_{verdict}" for verdict in loud.verdicts.get(command, ())[-1:])
    return numbers
