"""C42 of docs/explanation/threat-model.md: low-trust data creates and changes no command; exceptions are what was signed."""

from collections import Counter
from dataclasses import replace
from typing import Any

from twinvouch.app.noninterference import plant, script
from twinvouch.app.noninterference.judge import differences, pair
from twinvouch.app.noninterference.plant import PERSONS
from twinvouch.app.noninterference.play import Done, Run, play
from twinvouch.app.noninterference.script import Propose
from twinvouch.app.noninterference.voice import LIES


def test_c42_what_low_sources_say_creates_and_changes_no_command() -> None:
    """Pairs of other seeds than the property test's; a violation names its seed."""
    seeds = (*range(50_000, 50_040), 631)  # 631: the core asked again for what was on its way
    found = [pair(seed) for seed in seeds]
    assert {p.seed: p.violations for p in found if p.violations} == {}
    assert any(d.kind == "removed" for p in found for d in p.differences), "it can matter"
    assert sum(p.numbers["executed"] for p in found) > 10


def test_c42_what_passes_without_trust_is_what_was_signed() -> None:
    """Exceptions happen, all parts are in play, and nothing else passes."""
    kinds: Counter[str] = Counter()
    numbers: Counter[str] = Counter()
    for seed in range(50_100, 50_130):
        found = pair(seed)
        assert found.violations == ()
        kinds.update(d.kind for d in found.differences)
        numbers.update(found.numbers)
    assert kinds["waived"] + kinds["listed"] > 0
    assert min(numbers[n] for n in ("estimates_stood_in", "glass_used", "safe_actions")) > 0


def test_c42_an_exception_is_a_command_of_who_broke_the_glass_or_a_listed_value() -> None:
    seen: Counter[str] = Counter()
    for seed in range(50_100, 50_130):
        world = plant.draw(seed)
        story = script.draw(seed, world)
        run = play(story, world, LIES, {})
        said = {step.id: step for _, step in story.steps if isinstance(step, Propose)}
        for command, kind in run.excepted.items():
            seen[kind] += 1
            if kind == "waived":
                assert said[command].service == PERSONS[0]
            elif kind == "listed":
                values = {s.value for s in world.site.safe[said[command].tag]}
                assert run.proposed[command] in values
    assert min(seen["waived"], seen["listed"]) > 0


def _run(done: tuple[str, ...], **but: Any) -> Run:
    tag, each = "act-0/position", {}
    for n, command in enumerate(done):
        each[command] = Done(tag, n, (0, 0))
    return Run(each, targets=dict.fromkeys(("a", "b"), tag), **but)


def test_c42_spared_is_what_only_writes_that_were_held_back_had_lowered() -> None:
    world = replace(plant.draw(0), guarded=frozenset({"act-0/position"}))

    def kinds(silent: Run, loud: Run) -> dict[str, str]:
        return {d.command: d.kind for d in differences(world, silent, loud)}

    by_mode = {"b": frozenset({"mode"})}
    lowered = _run(("a",), rules=by_mode, unshown={"a": "act-0"})
    assert kinds(lowered, _run(("b",))) == {"a": "removed", "b": "spared"}
    assert kinds(lowered, _run(("a", "b"))) == {"b": "created"}
    elsewhere = _run(("a",), rules=by_mode, unshown={"a": "act-1"})
    assert kinds(elsewhere, _run(("b",)))["b"] == "created"
    for rules in ({"mode", "label"}, {"interlock"}, set()):
        other = _run(("a",), rules={"b": frozenset(rules)}, unshown={"a": "act-0"})
        assert kinds(other, _run(("b",)))["b"] == "created", rules


def test_c42_displaced_by_look_ahead_is_what_starts_from_where_the_actuator_is() -> None:
    tag = "act-0/position"
    seeds = (plant.draw(seed) for seed in range(200))
    tried = next(w for w in seeds if any("run" in a.sources for a in w.site.ahead.values()))
    own = next(a for a in tried.site.ahead.values() if "run" in a.sources)
    itself = replace(own, sources={**own.sources, "run": replace(own.sources["run"], tag=tag)})

    def kind(rules: set[str], ahead: Any, at_ns: int = 0) -> str:
        site = replace(tried.site, ahead=ahead)
        world = replace(tried, site=site, guarded=frozenset({tag}))
        silent = _run(("a",), judged={"b": [(at_ns, frozenset(rules))]})
        return {d.command: d.kind for d in differences(world, silent, _run(("b",)))}["b"]

    assert kind({"lookahead"}, {tag: itself}) == "displaced"
    assert kind({"lookahead", "approval"}, {tag: itself}) == "displaced"
    assert kind({"lookahead"}, {tag: own}) == "created", "it starts from another actuator"
    assert kind({"lookahead"}, {}) == "created"
    assert kind({"lookahead", "label"}, {tag: itself}) == "created"
    assert kind({"approval"}, {tag: itself}) == "created"
    assert kind({"lookahead"}, {tag: itself}, at_ns=1) == "created", "said later than executed here"
