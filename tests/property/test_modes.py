"""Read-only is proven by trying: whatever is read, said, approved, restored and restarted, no permit comes for an asset that may not be written."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.claims.site import make_site
from tests.unit.engine.tape import ACTION, MODES, Action, Tape, TapeCore
from twinvouch.core.event import Announce, Append, Deliver, Effect
from twinvouch.core.inventory import CommandClass, Role
from twinvouch.core.kind import Kind
from twinvouch.core.mode import Rung
from twinvouch.core.statement import Verb
from twinvouch.engine import Engine, modes
from twinvouch.wire.cbor import decode
from twinvouch.wire.mode import read_mode
from twinvouch.wire.permit import read_permit

RAISED = frozenset({Verb.AUTONOMOUS, Verb.SUPERVISED})
PEOPLE = ("ann", "bob", "cid")


class Watched(Tape):
    """A Tape on which bob and cid are engineers too, and that reads every effect as an auditor would: from entries alone."""

    def __init__(self) -> None:
        site = make_site()
        engineers = {
            n: replace(site.plant.principals[n], roles=frozenset({Role.ENGINEER})) for n in PEOPLE
        }
        plant = replace(site.plant, principals={**site.plant.principals, **engineers})
        self.built = replace(site, plant=plant, modes=replace(MODES, dwell_ns=0))
        self.rung: dict[str, int] = defaultdict(lambda: int(Rung.SUPERVISED))
        self.told: dict[str, int] = defaultdict(int)
        self.permits = self.changes = 0
        super().__init__()

    def open(self) -> None:
        self.site = self.built
        self.core: Any = TapeCore(self.built)
        feed = self.core.feed

        def listening(event: Any, now: int) -> Sequence[Effect]:
            effects: Sequence[Effect] = feed(event, now)
            for effect in effects:
                self.see(effect)
            return effects

        self.core.feed = listening

    def see(self, effect: Effect) -> None:
        if isinstance(effect, Append):
            content: Any = decode(effect.entry)
            if content[1] == Kind.ENTRY_MODE:
                _, _, _, _, _, asset, before, after, epoch, cause, until, parents = content
                assert before == self.rung[asset]
                assert (until > 0) is (after == Rung.AUTONOMOUS) or cause == modes.RULE
                if after == Rung.AUTONOMOUS and cause == modes.PERSON:
                    said = {
                        decode(self.core.state.entries[i])[5]
                        for i in parents
                        if i < len(self.core.state.entries)
                    }
                    assert len(parents) == 2
                    assert len(said) == 2, "two persons"
                self.rung[asset] = after
                self.changes += 1
                assert epoch > 0
        elif isinstance(effect, Announce):
            asset, epoch, _ = read_mode(effect.content, "toy")
            assert epoch >= self.told[asset], "epochs only grow"
            self.told[asset] = epoch
        elif isinstance(effect, Deliver):
            permit = read_permit(effect.content)
            asset = permit.tag.partition("/")[0]
            assert self.rung[asset] <= Rung.SUPERVISED, f"a permit in mode {self.rung[asset]}"
            assert permit.mode_epoch >= self.told[asset], "the actuator would refuse it"
            self.permits += 1

    def do_again_from_rows(self, _: object) -> None:
        """The process ends and begins again."""
        engine = Engine(self.site)
        engine.restore(self.core.state.rows)
        self.core.engine = engine


MOVES = st.tuples(
    st.sampled_from(PEOPLE), st.sampled_from(list(modes.VERBS)), st.just(0), st.sampled_from(["valve/opening", "pump/run"])
)  # fmt: skip
READ = st.just(("read", ("edge-1", 5.0, 0.0, 0)))
ASK = st.tuples(
    st.sampled_from(["valve/opening", "pump/run"]), st.sampled_from([0.5, 1.0, 0.0])
).map(lambda a: ("propose", (*a, "twin", True)))
APPROVE = st.tuples(
    st.sampled_from(PEOPLE), st.just(Verb.APPROVE), st.integers(0, 3), st.just("tank/level")
)
TRUST = st.tuples(
    st.sampled_from(PEOPLE), st.sampled_from([Verb.DISTRUST, Verb.RESTORE]), st.just(0), st.just("tank/level")
)  # fmt: skip
STEP = st.one_of(
    READ, ASK, ASK,
    MOVES.map(lambda a: ("say", a)), MOVES.map(lambda a: ("say", a)),
    APPROVE.map(lambda a: ("say", a)), TRUST.map(lambda a: ("say", a)),
    st.just(("again_from_rows", None)),
    st.sampled_from([0.2, 1.0, 6.0]).map(lambda s: ("wait", s)),
    ACTION,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, min_size=5, max_size=40))
def test_no_permit_exists_in_a_mode_that_forbids_it(play: list[Action]) -> None:
    tape = Watched()
    tape.play([("read", ("edge-1", 5.0, 0.0, 0)), *play])
    for asset, rung in tape.rung.items():
        assert tape.memory.mode_of(asset).rung == rung


def test_what_is_watched_for_in_plays_happens() -> None:
    """A permit where the mode lets one be, none below it, and one again: so the plays above are about something."""
    tape = Watched()
    read: Action = ("read", ("edge-1", 5.0, 0.0, 0))
    ask: list[Action] = [read, ("propose", ("valve/opening", 0.5, "twin", True))]
    down: Action = ("say", ("ann", Verb.ADVISORY, 0, "valve/opening"))
    up: Action = ("say", ("bob", Verb.SUPERVISED, 0, "valve/opening"))
    tape.play(ask)
    assert (tape.permits, tape.changes) == (1, 0)
    tape.play([down, ("wait", 6.0), *ask])
    assert (tape.permits, tape.changes) == (1, 1)
    tape.play([up, ("wait", 6.0), *ask])
    assert (tape.permits, tape.changes) == (2, 2)


def test_class_a_takes_its_asset_down_and_no_other() -> None:
    assert frozenset({CommandClass.A}) == MODES.on_distrust
