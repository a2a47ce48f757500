"""The stored form of the engine's memory: what comes back after a restart is what was there."""

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.claims.site import Toy, published
from tests.unit.engine.tape import PLAYS, SITE, Action, Tape, leaves
from twinvouch.adapters.committer import recover
from twinvouch.core.event import Deliver, Effect, Publish, Reply, Tick
from twinvouch.engine import Engine
from twinvouch.engine import rows as stored
from twinvouch.engine.memory import Memory

LONG: list[Action] = [
    ("start", "one"),
    ("read", ("edge-2", 5.0, 0.0, 0)),
    ("read", ("edge-1", 5.0, 0.0, 0)),
    ("read", ("edge-1", 5.0, 0.0, 1)),
    ("read", ("edge-1", 12.0, 1.0, 0)),
    ("again", 2),
    ("again", 0),
    ("damage", (40, 1)),
    ("damage", (40, 1)),
    ("stranger", "pump/run"),
    ("ask", ("twin", "readTags", ("tank/flow",))),
    ("wait", 1.0),
    ("read", ("edge-1", 5.0, 0.0, 0)),
    ("wait", 61.0),
    ("read", ("edge-1", 5.0, 0.0, 0)),
    ("propose", ("valve/opening", 0.6, "twin", True)),
    ("propose", ("pump/run", 1.0, "twin", True)),
    ("advise", ("valve/opening", "twin", True, 3600.0)),
    ("advise", ("pump", "ann", True, 3600.0)),
    ("advise", ("roof/temperature", "twin", False, 1.0)),
    ("ask", ("twin", "readAdvice", ())),
    ("say", ("bob", "distrust", 0, "tank/flow")),
    ("doubt", ("ann", "roof/temperature", 100.0, True)),
    ("doubt", ("ann", "edge-1", 100.0, True)),
    ("doubt", ("ann", "tank/level", 0.1, False)),
    ("say", ("bob", "isolated", 0, "roof/temperature")),
    ("say", ("ann", "autonomous", 0, "valve/opening")),
    ("say", ("bob", "distrust", 0, "tank/level")),
    ("wait", 1.0),
    ("propose", ("valve/opening", 0.6, "twin", True)),
    ("say", ("ann", "restore", 0, "tank/level")),
    ("damage", (40, 1)),
    ("damage", (40, 1)),
    ("model", ("a", "modeller", True)),
    ("model", ("b", "ann", True)),
    ("report", (0, "executed", "actuator-1")),
    ("wait", 6.0),
]


def everything(memory: Memory) -> Mapping[str, bytes]:
    """Every row there is, whether it changed or not."""
    memory.dirty |= {
        "engine", "findings", "nonces", "distrusted", "modes", "tallies", "streams", "signed", "tickets",
        "unjudged", *(f"watched/{s}" for s in memory.watched), *(f"hands/{g}" for g in memory.hands),
        "forgotten", "steady", "safe_used", "glasses", "misuses",
        *(f"write/{t}/{w.permit}" for t, ws in memory.past.writes.items() for w in ws),
        *(f"link/{e}" for e in memory.links),
        *(f"frame/{g}" for g in memory.site.plant.groups),
        *(f"command/{c}" for c in memory.records),
        *(f"advice/{a}" for a in memory.advice),
        *(f"disavowal/{d}" for d in memory.disavowals),
        *(f"arrival/{a}" for a in memory.arrivals),
        *(f"seen/{p}" for p in memory.seen),
        *(f"marks/{p}" for p in {*memory.answered, *memory.streamed}),
        *(f"model/{m}" for m in memory.models),
        *(f"memo/{key}" for key in memory.memos),
        *(f"{t}/{k}" for t in ("asked", "awaited", "trusted", "watching") for k in getattr(memory, t)),
        *(f"use/{kid.hex()}.{hour}" for kid, hours in memory.uses.items() for hour in hours),
        *(["keys"] if memory.ring else []),
    }  # fmt: skip
    return {key: row for key, row in stored.drain(memory).items() if row is not None}


def typed(actions: list[Action]) -> list[Action]:
    """Names of enumerations as their members, as hypothesis gives them."""
    from twinvouch.core.command import OutcomeStatus
    from twinvouch.core.statement import Verb

    kinds = {"say": (1, Verb), "report": (1, OutcomeStatus)}
    changed = []
    for name, argument in actions:
        if name in kinds:
            place, kind = kinds[name]
            argument = (*argument[:place], kind(argument[place]), *argument[place + 1 :])  # noqa: PLW2901
        changed.append((name, argument))
    return changed


def seen(effects: list[Effect]) -> list[Effect]:
    """What others see of an event; blobs that are kept already may be kept again."""
    return [e for e in effects if isinstance(e, Reply | Publish | Deliver)]


def restarted(rows: Mapping[str, bytes]) -> Engine:
    engine = Engine(SITE)
    engine.restore(rows)
    return engine


def test_the_long_play_touches_everything_there_is() -> None:
    m = Tape().play(typed(LONG)).memory
    assert {r.status.value for r in m.records.values()} >= {"executed", "held"}
    assert m.modes["roof"].rung.label == "isolated"
    assert m.modes["valve"].asked
    assert m.modes["pump"].stepped
    stands = {g.judged.standing.value for g in m.advice.values()}
    assert stands == {"withheld", "labelled", "expired"}
    counted = {name.partition(":")[2] for name in m.counts if name.startswith("finding:")}
    assert counted >= {"gap", "reorder", "range", "unpermitted_actuation", "stale"}
    assert {d.stage.value for d in m.disavowals.values()} == {"in_effect", "waiting", "tracing"}
    assert {r.response for r in m.records.values()} >= {"awaited"}
    for table in (
        m.awaited,
        m.links,
        m.arrivals,
        m.seen,
        m.distrusted,
        m.nonces,
        m.tallies,
        m.models,
        m.uses,
    ):
        assert table, "a table that is empty proves nothing"


@settings(max_examples=40, deadline=None)
@given(PLAYS)
def test_restoring_all_drained_rows_gives_the_same_memory(play: list[Action]) -> None:
    tape = Tape().play(typed(LONG)).play(play)
    live = everything(tape.memory)
    assert everything(restarted(tape.core.state.rows).memory) == live
    drained = tape.core.state.rows
    assert {key: live[key] for key in drained} == drained, "nothing changed without being drained"


@settings(max_examples=40, deadline=None)
@given(PLAYS, PLAYS)
def test_an_engine_goes_on_after_a_restart_as_if_there_had_been_none(
    before: list[Action], after: list[Action]
) -> None:
    tape = Tape().play(typed(LONG)).play(before)
    engine = restarted(tape.core.state.rows)
    began = len(tape.core.events)
    tape.play(after)
    replayed = [engine.feed(event, now) for event, now in tape.core.events[began:]]
    again = [leaf for effects in replayed for leaf in leaves(effects)]
    first = tape.core.state.entries[len(tape.core.state.entries) - len(again) :]
    assert again == first, "byte-identical leaves"
    assert everything(engine.memory) == everything(tape.memory)


@settings(max_examples=40, deadline=None)
@given(PLAYS)
def test_replaying_the_events_from_nothing_gives_the_same_leaves_rows_and_effects(
    play: list[Action],
) -> None:
    tape = Tape()
    told: list[Effect] = []
    feed = tape.core.feed

    def listening(event: object, now: int) -> object:
        effects = feed(event, now)
        told.extend(seen(effects))
        return effects

    tape.core.feed = listening
    tape.play(typed(LONG)).play(play)
    engine = Engine(SITE)
    effects = [e for event, now in tape.core.events for e in engine.feed(event, now)]
    assert leaves(effects) == tape.core.state.entries
    assert [repr(e) for e in seen(effects)] == [repr(e) for e in told]
    assert everything(engine.memory) == everything(tape.memory)


@settings(max_examples=40, deadline=None)
@given(PLAYS, st.integers(0, 60))
def test_what_the_state_has_not_seen_comes_back_from_the_log(play: list[Action], lag: int) -> None:
    """A crash after the log was synced and before the state was committed."""
    tape = Tape().play(typed(LONG)).play(play)
    core = tape.core
    whole = everything(tape.memory)
    at = max(0, len(core.log.kept) - lag)
    behind = Tape()
    for event, now in core.events[:at]:
        behind.core.feed(event, now)
    behind.core.log.kept = list(core.log.kept)
    engine = Engine(SITE)
    assert recover(engine, behind.core.log, behind.core.state) == len(core.log.kept) - at
    assert behind.core.state.entries == core.state.entries
    assert everything(engine.memory) == whole
    assert behind.core.state.end == len(core.log.kept)


def test_a_core_with_files_closed_and_opened_again_has_the_same_ledger(toy: Toy) -> None:
    for _ in range(3):
        toy.read("edge-2", "slow")
        toy.read(values={"tank/level": 12.0})
        _, effects = toy.propose("valve/opening", 0.6)
        assert published(effects, "command")
        before, size = everything(toy.memory), toy.memory.size
        root = toy.core.ledger.root
        toy.core.close()
        toy.open()
        assert everything(toy.memory) == before
        assert (toy.memory.size, toy.core.ledger.root) == (size, root)


def test_silence_is_told_in_the_same_order_whoever_came_first() -> None:
    """Findings are hashed into a leaf in their order: it must not depend on when the process began."""
    tape = Tape()
    tape.read("edge-2", "slow")
    tape.read("edge-1", "fast")
    engine = restarted(tape.core.state.rows)
    now = tape.now + 3_600_000_000_000
    event = Tick(b"s" * 16)
    assert leaves(engine.feed(event, now)) == leaves(tape.core.feed(event, now))


def test_a_refusal_that_was_told_is_over_after_its_minute_also_over_a_restart() -> None:
    tape = Tape().play([("damage", (40, 1)), ("wait", 61.0)])
    engine = restarted(tape.core.state.rows)
    assert engine.memory.tallies == tape.memory.tallies == {}
