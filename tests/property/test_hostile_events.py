"""Nothing that arrives makes the engine raise: bytes from anybody, and from anybody's own key, as any kind of event."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.claims.site import NAMES, PLANT, START, reply, signer, stranger
from tests.property.strategies import MUTATIONS, mutated
from tests.unit.engine.tape import SITE, Tape
from twinvouch.core.command import OutcomeStatus
from twinvouch.core.event import (
    AdviceGiven,
    BatchReceived,
    CommandProposed,
    Deliver,
    DisavowalTraced,
    Event,
    ModelSubmitted,
    OutcomeReported,
    QueryAsked,
    Started,
    StatementReceived,
    Tick,
)
from twinvouch.core.kind import Kind, Purpose
from twinvouch.core.site import SECOND
from twinvouch.engine import Engine
from twinvouch.wire.cbor import encode
from twinvouch.wire.cose import seal

LAST = 2**63 - 1
PURPOSES = [v for k, v in vars(Purpose).items() if k.isupper()]
NUMBERS = st.one_of(
    st.sampled_from([0, 1, 2, 3, 2**31, LAST, LAST + 1, -1, -(2**63), START, START + SECOND]),
    st.integers(-(2**64), 2**64 - 1),
)
REALS = st.one_of(
    st.sampled_from([0.0, 0.5, 1.0, 1e300, -1e308, float("nan"), float("inf"), -0.0, 5e-324]),
    st.floats(),
)
TEXTS = st.one_of(
    st.sampled_from(
        ["", PLANT, *NAMES, "fast", "tank/level", "valve/opening", "pump/run", "1", "m"]
    ),
    st.sampled_from(["approve", "reject", "distrust", "restore", "executed", "unknown"]),
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.just("x" * 1001),
)
OCTETS = st.one_of(
    st.sampled_from([b"", bytes(16), bytes(32), b"\xff" * 33]), st.binary(max_size=40)
)
ARRAYS = st.one_of(
    st.lists(st.integers(-(2**63), LAST), max_size=12).map(lambda v: np.array(v, np.int64)),
    st.lists(REALS, max_size=12).map(lambda v: np.array(v, np.float64)),
    st.lists(st.integers(0, 255), max_size=12).map(lambda v: np.array(v, np.uint8)),
)
LEAVES = st.one_of(NUMBERS, REALS, TEXTS, OCTETS, ARRAYS, st.none(), st.booleans())
ITEMS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)


def contents(kind: Kind, *fields: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """Contents of a kind, mostly of the right form; now and then any element is anything."""
    usual = st.tuples(*[st.one_of(f, f, f, f, ITEMS) for f in fields]).map(list)
    head = st.sampled_from([[1, int(kind), PLANT]] * 8 + [[1, 99, PLANT], [2, int(kind), "other"]])
    return st.builds(lambda h, f: encode([*h, *f]), head, usual)


NONCES = st.one_of(st.binary(min_size=16, max_size=16), st.just(b"n" * 16))
TIMES = st.one_of(st.sampled_from([START, START + SECOND, 0, LAST]), st.integers(0, LAST))
IDS = st.sampled_from(["twin", "ann", "bob", "edge-1", "actuator-1"])
TAG = st.sampled_from(["valve/opening", "pump/run", "tank/level", "no/tag"])
INPUT = st.tuples(TAG, st.one_of(st.integers(0, 3), st.sampled_from([LAST]))).map(list)
COMMANDS = contents(
    Kind.COMMAND,
    IDS,
    NONCES,
    TAG,
    REALS,
    st.sampled_from(["1", "m", ""]),
    TIMES,
    st.lists(INPUT, max_size=5),
    TEXTS,
)
ADVICE = contents(
    Kind.ADVICE,
    IDS,
    NONCES,
    st.one_of(TAG, st.sampled_from(["tank", "pump", "hall"])),
    TEXTS,
    st.one_of(REALS, st.none()),
    st.sampled_from(["1", "m", ""]),
    TIMES,
    st.one_of(TIMES, st.just(START + 60 * SECOND)),
    st.lists(INPUT, max_size=5),
)
DOUBTED = st.sampled_from([str(n) for n in range(20)])
STATEMENTS = contents(
    Kind.STATEMENT,
    IDS,
    st.sampled_from(
        ["approve", "reject", "distrust", "restore", "maintenance", "confirm", "withdraw"]
    ),
    st.one_of(TAG, st.just((b"n" * 16).hex()), DOUBTED),
    TEXTS,
    st.one_of(st.just(b""), st.binary(min_size=32, max_size=32)),
    NONCES,
    TIMES,
    TIMES,
)
DISAVOWALS = contents(
    Kind.DISAVOWAL,
    IDS,
    st.one_of(TAG, IDS, TEXTS),
    TIMES,
    TIMES,
    TEXTS,
    st.binary(min_size=32, max_size=32),
    NONCES,
    TIMES,
    TIMES,
)
OUTCOMES = contents(
    Kind.OUTCOME,
    NONCES,
    st.sampled_from([s.value for s in OutcomeStatus]),
    st.lists(st.integers(0, 65_535), max_size=3),
    TEXTS,
    TIMES,
)
MANIFESTS = contents(
    Kind.MANIFEST,
    TEXTS,
    TEXTS,
    st.dictionaries(TEXTS, st.binary(min_size=32, max_size=32), max_size=2),
    st.lists(TAG, max_size=2),
    st.lists(st.integers(0, LAST), max_size=2),
    st.dictionaries(TEXTS, REALS, max_size=2),
    TIMES,
    TIMES,
)
COLUMNS = {name: group.digest for name, group in SITE.plant.groups.items()}


@st.composite
def batches(draw: st.DrawFn) -> bytes:
    """Batches of the fast group, with cells and times of any value."""
    rows = draw(st.integers(1, 4))
    near = st.integers(START - 9 * SECOND, START + 9 * SECOND)
    when = st.one_of(near, st.sampled_from([-(2**63), LAST, 0]))
    t = np.array(draw(st.lists(when, min_size=rows, max_size=rows)), np.int64)
    cells = np.array(draw(st.lists(REALS, min_size=4 * rows, max_size=4 * rows)))
    codes = st.lists(
        st.integers(0, draw(st.sampled_from([3, 255]))), min_size=4 * rows, max_size=4 * rows
    )
    quality = draw(st.one_of(st.none(), codes.map(lambda v: np.array(v, np.uint8))))
    epoch, seq = draw(st.sampled_from([0, 0, 1, LAST])), draw(st.sampled_from([0, 1, 2, 5, LAST]))
    head = [1, 1, PLANT, "edge-1", epoch, seq, bytes(32), 0, "fast", COLUMNS["fast"]]
    return encode([*head, t, [cells], quality])


CONTENTS = st.one_of(
    batches(),
    COMMANDS,
    ADVICE,
    STATEMENTS,
    DISAVOWALS,
    OUTCOMES,
    MANIFESTS,
    ITEMS.map(encode),
    st.binary(max_size=60),
)
SIGNERS = st.sampled_from([*map(signer, NAMES), stranger()])
PURPOSE_OF = {
    BatchReceived: Purpose.READINGS,
    CommandProposed: Purpose.COMMAND,
    AdviceGiven: Purpose.ADVICE,
    StatementReceived: Purpose.STATEMENT,
    OutcomeReported: Purpose.OUTCOME,
    ModelSubmitted: Purpose.MODEL,
}


@st.composite
def raws(draw: st.DrawFn, event_type: type) -> bytes:
    """Sealed contents, by anybody, mostly of the event's own purpose; now and then damaged on the way."""
    content = draw(CONTENTS)
    usual = PURPOSE_OF[event_type]
    purpose = draw(st.sampled_from([usual, usual, usual, *PURPOSES]))
    raw = seal(content, signer=draw(SIGNERS), plant=PLANT, purpose=purpose)
    return mutated(raw, draw(MUTATIONS)) if draw(st.integers(0, 4)) == 0 else raw


def _events(event_type: type, **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Event]:
    return st.builds(
        event_type, salt=st.just(b"s" * 16), peer=st.just("peer"), raw=raws(event_type), **more
    )


FILES = st.lists(st.tuples(TEXTS, st.binary(min_size=32, max_size=32), TEXTS), max_size=3).map(
    tuple
)
QUESTIONS = st.builds(
    QueryAsked,
    salt=st.just(b"s" * 16),
    principal=TEXTS,
    action=st.one_of(st.sampled_from(["readTags", "stream", "takePermits", "readAdvice"]), TEXTS),
    resource=TEXTS,
    purpose=TEXTS,
    tags=st.lists(TEXTS, max_size=4).map(tuple),
)
VOUCHED = st.builds(
    lambda kind, **more: kind(**more),
    st.sampled_from([CommandProposed, AdviceGiven]),
    salt=st.just(b"s" * 16),
    peer=st.just("peer"),
    raw=CONTENTS,
    token_of=st.one_of(IDS, TEXTS.filter(bool)),
)
COUNTS = st.lists(st.tuples(TEXTS, st.integers(0, LAST)), max_size=3).map(tuple)
TRACED = st.builds(
    DisavowalTraced,
    salt=st.just(b"s" * 16),
    entry=st.integers(0, 20),
    first=st.integers(0, LAST),
    sources=st.integers(0, LAST),
    touched=st.one_of(st.integers(0, 3), st.integers(0, LAST)),
    counts=COUNTS,
    highest=st.one_of(st.sampled_from(["", "A", "C", "Z"]), TEXTS),
    models=COUNTS,
    readers=st.lists(st.tuples(st.one_of(IDS, TEXTS), st.integers(0, LAST), TIMES), max_size=3).map(
        tuple
    ),
    digest=OCTETS,
    listed=st.binary(max_size=40),
)
EVENTS = st.one_of(
    _events(BatchReceived),
    _events(CommandProposed, token_of=st.just("")),
    _events(AdviceGiven, token_of=st.just("")),
    VOUCHED,
    _events(StatementReceived),
    _events(OutcomeReported),
    _events(ModelSubmitted, files=FILES),
    QUESTIONS,
    TRACED,
    st.builds(Tick, salt=st.just(b"s" * 16)),
    st.builds(Started, st.just(b"s" * 16), OCTETS, OCTETS, st.text(max_size=9)),
)
WAITS = st.one_of(st.integers(0, 10 * SECOND), st.sampled_from([0, 61 * SECOND, 3600 * SECOND]))


def begun() -> Tape:
    """An engine that knows every edge, holds a command, and waits for the report on a permit."""
    tape = Tape()
    tape.read()
    tape.read("edge-2", "slow")
    tape.propose("pump/run", 1.0)
    tape.propose("valve/opening", 0.6)
    tape.advise("pump/run")
    for is_traced in (True, False):
        tape.disavow("ann", traced=is_traced)
    return tape


BEGUN = begun()


def engine() -> Engine:
    made = Engine(SITE)
    made.restore(BEGUN.core.state.rows)
    return made


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(EVENTS, WAITS), min_size=1, max_size=6))
def test_nothing_hostile_raises_and_everything_asked_is_answered(
    events: list[tuple[Event, int]],
) -> None:
    made, now = engine(), BEGUN.now
    for event, wait in events:
        now += wait
        effects = made.feed(event, now)
        assert 200 <= reply(effects).code < 500  # a tick too: who lets time pass waits for it
        made.drain()
    again = Engine(SITE)
    again.restore(BEGUN.core.state.rows)
    assert again.memory.size == BEGUN.memory.size


FORGED: dict[str, Callable[[bytes], Event]] = {
    "batch": lambda raw: BatchReceived(b"s" * 16, "peer", raw),
    "command": lambda raw: CommandProposed(b"s" * 16, "peer", raw, ""),
    "advice": lambda raw: AdviceGiven(b"s" * 16, "peer", raw, ""),
    "statement": lambda raw: StatementReceived(b"s" * 16, "peer", raw),
    "outcome": lambda raw: OutcomeReported(b"s" * 16, "peer", raw),
    "model": lambda raw: ModelSubmitted(b"s" * 16, "peer", raw, ()),
}


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(FORGED)), CONTENTS, st.sampled_from(PURPOSES))
def test_a_key_that_is_not_enrolled_moves_nothing(kind: str, content: bytes, purpose: str) -> None:
    made = engine()
    raw = seal(content, signer=stranger(), plant=PLANT, purpose=purpose)
    effects = made.feed(FORGED[kind](raw), BEGUN.now + 1)
    assert reply(effects).code == 401
    assert not [e for e in effects if isinstance(e, Deliver)]
    rows = made.drain()
    assert set(rows) <= {"engine", "tallies", "findings"}
