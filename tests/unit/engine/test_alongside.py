"""Two engines on one log: without a difference in what is known there is none in what they do."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.claims.site import START, signer
from tests.unit.engine.tape import PLAYS, SITE, TAGS, Action, Tape, leaves
from tests.unit.engine.test_rows import LONG, everything
from twinvouch.core.command import CORE, Command, Input
from twinvouch.core.event import Event, Rewound, StatementReceived
from twinvouch.core.kind import Purpose
from twinvouch.core.site import SECOND
from twinvouch.core.statement import Statement, Verb
from twinvouch.engine import Engine
from twinvouch.engine import rows as stored
from twinvouch.engine.alongside import Alongside
from twinvouch.engine.differing import Differing, estimates, memos, tags
from twinvouch.engine.renumbered import NOWHERE, Renumbered
from twinvouch.wire.cose import seal
from twinvouch.wire.statement import write_statement

SALT = b"r" * 16
CALM: list[Action] = [("start", "one"), *[("read", ("edge-1", 5.0, 0.0, 0))] * 3]
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


def is_of_trust(action: Action) -> bool:
    """What another word takes back or cuts short, and a rewind upholds."""
    name, argument = action
    return name == "doubt" or (name == "say" and argument[1] in {Verb.DISTRUST, Verb.RESTORE})


@settings(max_examples=150, deadline=None)
@given(PLAYS, st.integers(0, 40), TAGS, st.sampled_from([1, 5, 3600]))
def test_a_disavowal_is_forward_distrust_said_when_it_began(
    actions: Sequence[Action], fork: int, tag: str, seconds: int
) -> None:
    plays = [a for a in [*LONG, *actions] if not is_of_trust(a)]
    events = taped(plays)
    fork = min(fork, len(events))
    now_ns = events[fork - 1][1] if fork else START
    until_ns = now_ns + seconds * SECOND
    one = run_with(events, fork, rewound(tag, now_ns, until_ns - 1), now_ns)
    two = run_with(events, fork, said_at(tag, now_ns, until_ns), now_ns)
    assert told(one.new.memory) == told(two.new.memory)


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


def fed(both: Alongside, tape: Tape, done: int) -> Differing:
    """Both with everything that the tape has since event `done`."""
    differing = Differing(both.old.memory, both.new.memory)
    for event, now_ns in tape.core.events[done:]:
        differing.look(*both.feed(event, now_ns))
    return differing


def test_inputs_are_found_though_the_ledger_has_other_entries() -> None:
    """Held commands leave more entries or fewer; what is declared later is still the same batch."""
    tape = Tape().play(CALM)
    done = len(tape.core.events)
    both = both_after(tape.core.events)
    now_ns = both.new.memory.now_ns
    both.new.feed(rewound("tank/level", now_ns, now_ns + SECOND), now_ns)
    tape.propose("valve/opening", 0.55)  # allowed as it was, held as it would have been
    tape.wait(700)  # longer than a service remembers
    tape.play([("read", ("edge-1", 5.0, 0.0, 0))] * 3)
    tape.propose("valve/opening", 0.6)
    differing = fed(both, tape, done)
    of = both.new.memory.renumbered.of
    assert any(of(n) not in {n, NOWHERE} for n in range(both.old.memory.size))
    last = list(both.new.memory.records.values())[-1]
    assert (last.command.value, last.status.value) == (0.6, "permitted")
    [only] = differing.otherwise()
    assert (only.record.command.value, only.is_executed) == (0.55, True), (
        "it may have been carried out"
    )
    assert [d.record.status.value for d in (only.old, only.new) if d is not None] == [
        "permitted",
        "held",
    ]


def test_a_report_on_another_permit_for_the_same_command_is_on_its_own() -> None:
    """As it was the command waited for a person; as it would have been it was allowed at once."""
    tape = Tape().play(CALM)
    before = len(tape.core.events)
    both = both_after(tape.core.events)
    tape.say("ann", Verb.DISTRUST, "tank/level")
    tape.propose("valve/opening", 0.6)
    tape.say("ann", Verb.RESTORE, "tank/level")
    tape.do_say(("ann", Verb.APPROVE, 0, ""))
    assert tape.issued, [r.decision.why for r in tape.memory.records.values()]
    tape.report(tape.issued[-1])
    events = tape.core.events[before:]
    both.old.feed(*events[0])  # the distrust: the new lineage knows better
    for event, now_ns in events[1:]:
        both.feed(event, now_ns)
    old, new = (list(m.records.values())[-1] for m in (both.old.memory, both.new.memory))
    assert old.permit_nonce != new.permit_nonce
    assert (old.status.value, new.status.value) == ("executed", "executed")
    assert both.passed.permits == 1
    assert both.passed.outcomes == 0


def test_what_went_the_same_way_is_forgotten_and_the_rest_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("twinvouch.engine.differing.MOST", 2)
    tape = Tape().play(CALM)
    done = len(tape.core.events)
    both = both_after(tape.core.events)
    now_ns = both.new.memory.now_ns
    both.new.feed(rewound("tank/flow", now_ns, FAR), now_ns)
    for n in range(6):
        tape.play([("read", ("edge-1", 5.0, 0.0, 0))])
        tag = "tank/flow" if n % 2 else "tank/level"
        tape.propose("valve/opening", 0.5 + n / 100, inputs=(tag,))
        nonces = [
            r.permit_nonce for r in tape.memory.records.values() if r.status.value == "permitted"
        ]
        if nonces:
            tape.report(nonces[-1])
    tape.wait(1000)  # what is held ends
    differing = fed(both, tape, done)
    assert len(differing.otherwise()) + sum(differing.more.values()) == 3
    assert len(differing.told[0].commands) <= 3


def test_places_beyond_the_fork() -> None:
    numbers = Renumbered(10)
    numbers.put(10, 11)
    numbers.put(13, 12)
    assert [numbers.of(n) for n in (0, 9, 10, 11, 12, 13, 14, -1)] == [0, 9, 11, -1, -1, 12, -1, -1]
    assert list(numbers.entries([9, 10, 12])) == [9, 11]
    assert numbers.inputs((Input("a", 13), Input("b", 9))) == (Input("a", 12), Input("b", 9))
    said = Command("a" * 32, CORE, "valve/opening", 0.0, "", 0, (Input("a", 13),), "", signed=False)
    assert numbers.of_command(said) == said.inputs  # of this ledger
    assert numbers.of_command(replace(said, signed=True)) == (Input("a", 12),)
    assert numbers.of_command(replace(said, principal="twin")) == (Input("a", 12),)
    same = Renumbered.unchanged()
    assert [same.of(n) for n in (0, 7)] == [0, 7]
    assert list(same.entries([3, 2])) == [3, 2]
