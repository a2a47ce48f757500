"""Two engines on one log: without a difference in what is known there is none in what they do."""

from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.claims.site import START, signer
from tests.unit.engine.tape import PLAYS, SITE, TAGS, Action, Tape, leaves
from tests.unit.engine.test_rows import LONG, everything
from twinvouch.core.event import Effect, Event, Rewound, StatementReceived
from twinvouch.core.kind import Purpose
from twinvouch.core.site import SECOND
from twinvouch.core.statement import Statement, Verb
from twinvouch.engine import Engine
from twinvouch.engine import rows as stored
from twinvouch.engine.alongside import Alongside
from twinvouch.engine.differing import Differing, estimates, memos, tags
from twinvouch.wire.cose import seal
from twinvouch.wire.statement import write_statement

SALT = b"r" * 16
FAR = START + 10**18


def taped(actions: Sequence[Action]) -> list[tuple[Event, int]]:
    return Tape().play(actions).core.events


def both_after(events: Sequence[tuple[Event, int]]) -> Alongside:
    """An engine that has seen these events, and one that is its copy."""
    old, new = Engine(SITE), Engine(SITE)
    for event, now_ns in events:
        old.feed(event, now_ns)
    new.restore({k: v for k, v in old.drain().items() if v is not None})
    return Alongside(old, new)


def rewound(tag: str, since_ns: int, until_ns: int) -> Rewound:
    return Rewound(SALT, b"", "toy/0", 0, bytes(32), 0, tag, since_ns, until_ns)


@settings(max_examples=150, deadline=None)
@given(PLAYS, st.integers(0, 30))
def test_without_a_disavowal_both_do_the_same(actions: Sequence[Action], fork: int) -> None:
    events = taped([*LONG, *actions])
    fork = min(fork, len(events))
    both = both_after(events[:fork])
    differing = Differing(both.old.memory, both.new.memory)
    for event, now_ns in events[fork:]:
        old, new = both.feed(event, now_ns)
        assert leaves(old) == leaves(new)
        differing.look(old, new)
    assert everything(both.old.memory) == everything(both.new.memory)
    assert (differing.otherwise(), differing.stood()) == ([], [])
    assert not any(told.counts for told in differing.told)
    a, b = both.old.memory, both.new.memory
    assert (tags(a, b), estimates(a, b), memos(a, b)) == ({}, {}, [])
    assert both.passed.outcomes == 0


def said_at(tag: str, since_ns: int, until_ns: int) -> StatementReceived:
    """Forward distrust as a person would have said it."""
    said = Statement("ann", Verb.DISTRUST, tag, "", b"", b"n" * 16, since_ns, until_ns)
    raw = seal(write_statement(said, "toy"), signer=signer("ann"), plant="toy", purpose=Purpose.STATEMENT)  # fmt: skip
    return StatementReceived(SALT, "", raw)


def run_with(
    events: Sequence[tuple[Event, int]], fork: int, first: Event, now_ns: int
) -> Alongside:
    both = both_after(events[:fork])
    both.new.feed(first, now_ns)
    for event, at_ns in events[fork:]:
        both.feed(event, at_ns)
    return both


def told(memory: stored.Memory) -> Mapping[str, bytes]:
    """What the two ways of saying it share: all but the statement's own traces, and its end."""
    mine = {"engine", "nonces", "distrusted", "upheld"}
    return {k: v for k, v in everything(memory).items() if k not in mine and not k.startswith("use/")}  # fmt: skip


def is_about(event: Event) -> bool:
    """A person's later word about trust: what a rewind knows stays, what a person said a person takes back."""
    return isinstance(event, StatementReceived)


@settings(max_examples=150, deadline=None)
@given(PLAYS, st.integers(0, 40), TAGS, st.sampled_from([1, 5, 3600]))
def test_a_disavowal_is_forward_distrust_said_when_it_began(
    actions: Sequence[Action], fork: int, tag: str, seconds: int
) -> None:
    plays = [a for a in [*LONG, *actions] if not (a[0] == "say" and a[1][1] in {Verb.DISTRUST, Verb.RESTORE})]  # fmt: skip
    events = taped(plays)
    fork = min(fork, len(events))
    now_ns = events[fork - 1][1] if fork else START
    until_ns = now_ns + seconds * SECOND
    one = run_with(events, fork, rewound(tag, now_ns, until_ns - 1), now_ns)
    two = run_with(events, fork, said_at(tag, now_ns, until_ns), now_ns)
    assert told(one.new.memory) == told(two.new.memory)


def effects_of(both: Alongside, event: Event, now_ns: int) -> tuple[list[Effect], list[Effect]]:
    return both.feed(event, now_ns)


def test_no_word_of_a_person_takes_back_what_a_rewind_knows() -> None:
    tape = Tape().play(LONG)
    tape.say("ann", Verb.RESTORE, "tank/level")
    tape.say("ann", Verb.DISTRUST, "tank/level", life_s=1)
    *before, restored, shorter = tape.core.events
    both = both_after(before)
    now_ns = both.new.memory.now_ns
    both.new.feed(rewound("tank/level", now_ns, now_ns + 10 * SECOND), now_ns)
    for event, at_ns in (restored, shorter):
        both.feed(event, at_ns)
        assert both.new.memory.distrusted["tank/level"] == now_ns + 10 * SECOND + 1
    assert both.new.memory.label(["tank/level"]).axes.max() == 0
