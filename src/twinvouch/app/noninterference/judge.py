"""What two runs of a pair come to: commands that low sources removed, delayed, created or changed.

The silent run is what is done without them. Whatever the other one does at a guarded actuator has to be done there too, with
the same words, and not later. What else there may be is counted by its kind (ADR 41), each with what it takes:

- `displaced`: the silent run refused it for rules over the past of its actuator alone, or clamped it to another step by its rate
  (which then may wait for other approvals), because of a command there that came out otherwise here. The actuator may take one step in that time, and takes the other one.
- `followed`: the core's own, after a write or a deadline there that came out otherwise here: low data had held something back.
- `safe`: two persons listed this very value, so that distrust may let it pass.
- `waived`: two persons broke the glass for whoever wrote it.
- `stood_in`: trust in a tag was taken away here and not there, and what trusted meters say of it refuses less than it said itself.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from twinvouch.app.noninterference import plant, script
from twinvouch.app.noninterference.emergency import is_listed
from twinvouch.app.noninterference.plant import World
from twinvouch.app.noninterference.play import Run, play
from twinvouch.app.noninterference.script import Propose
from twinvouch.app.noninterference.voice import HONEST, LIES, SILENT
from twinvouch.app.noninterference.watched import ON
from twinvouch.commands import break_glass, safe_action

VIOLATIONS: Final = ("created", "changed", "advanced")
EXCEPTIONS: Final = ("displaced", "followed", "safe", "waived", "stood_in")
HONEST_SHARE: Final = 7  # every so manieth pair, low sources tell the truth


OVER_THE_PAST = frozenset({"rate", "ramp", "travel", "count", "dwell"})
OVER_READINGS: Final = OVER_THE_PAST | {"interlock", "lookahead", "label"}
BREAK_GLASS: Final = break_glass.NAMES[0]
_PUT_RIGHT: Final = frozenset({"limits"})
_ANEW: Final = frozenset({"approval"})


@dataclass(frozen=True, slots=True)
class Difference:
    """A command of a pair that did not come out alike: `kind` is removed, delayed, an exception or a violation."""

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
        kind = _kind(command, silent, loud)
        if kind and tag in world.guarded:
            excepted = _excepted(world, command, silent, loud) if kind in VIOLATIONS else ""
            yield Difference(excepted or kind, command, tag)


def _kind(command: str, silent: Run, loud: Run) -> str:
    without, done = silent.done.get(command), loud.done.get(command)
    if done is None:
        return "" if without is None else "removed"
    if without is None:
        return "displaced" if _is_displaced(command, silent, loud) else "created"
    if done.words != without.words:
        return "displaced" if _is_clamped_elsewhere(command, silent, loud) else "changed"
    if done.at_ns == without.at_ns:
        return ""
    return "delayed" if done.at_ns > without.at_ns else "advanced"


def _excepted(world: World, command: str, silent: Run, loud: Run) -> str:
    """The exception that it is; empty for none."""
    tag, spoke = loud.done[command].tag, loud.spoke[command]
    if command in loud.own and loud.proposed[command] != ON:
        return "followed" if _is_otherwise_before(command, silent, loud) else ""
    if safe_action.ADMITTED in spoke and is_listed(world.site, tag, loud.proposed[command]):
        return "safe"
    if BREAK_GLASS in spoke and command in silent.proposed:
        return "waived"
    doubted = loud.instead[command] & silent.counted.get(command, frozenset())
    refused = silent.rules.get(command, frozenset())
    return "stood_in" if doubted and refused & OVER_READINGS else ""


def _is_displaced(command: str, silent: Run, loud: Run) -> bool:
    """Refused for what was permitted before alone, and what was permitted there before came out otherwise here.

    What a clamp puts right (a value above a limit) does not refuse by itself; nor does that people have not approved the
    value yet to which the rate clamped it.
    """
    is_clamped = "rate" in silent.clamps.get(command, ())
    put_right = (_PUT_RIGHT & {*loud.clamps.get(command, ())}) | (_ANEW if is_clamped else set())
    rules = silent.rules.get(command, frozenset()) - put_right
    is_for_its_past = rules <= OVER_THE_PAST and (bool(rules) or is_clamped)
    return is_for_its_past and _is_otherwise_before(command, silent, loud)


def _is_clamped_elsewhere(command: str, silent: Run, loud: Run) -> bool:
    """Both took a step as long as the rate allows, from what was permitted before, of which something was not here."""
    both = (silent.clamps.get(command, ()), loud.clamps.get(command, ()))
    is_by_rate = any("rate" in by for by in both)
    return is_by_rate and _is_otherwise_before(command, silent, loud)


def _is_otherwise_before(command: str, silent: Run, loud: Run) -> bool:
    """True where the runs did not carry out alike all that they did at the same actuator before."""
    done = loud.done[command]
    before = {
        other
        for run in (silent, loud)
        for other, was in run.done.items()
        if was.tag == done.tag and was.at_ns <= done.at_ns and other != command
    }
    return any(silent.done.get(other) != loud.done.get(other) for other in before)


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
        commands=len(guarded),
        executed_silent=sum(c in silent.done for c in guarded),
        executed=sum(c in loud.done for c in guarded),
        clamped=sum(bool(loud.clamps.get(c)) for c in guarded if c in loud.done),
        other_verdict=len(other),
        pairs_other_verdict=bool(other),
        closed_loops=len(loops),
        closed_loops_that_differ=len(followed),
        closed_loops_executed=sum(c in loud.done for c in followed),
    )
    for command in guarded:
        numbers.update(f"last_{verdict}" for verdict in loud.verdicts.get(command, ())[-1:])
    return numbers
