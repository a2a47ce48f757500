"""What a disavowal of an edge, a model or a stream's past comes to in the engine's memory."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.claims.disavowals import Doubting, doubting_site
from tests.claims.site import START, published
from tests.unit.engine.ahead import site as looking
from twinvouch.core.disavowal import Stage
from twinvouch.core.event import DisavowalTraced
from twinvouch.core.site import SECOND
from twinvouch.core.statement import Verb
from twinvouch.engine.disavowals import read_disavowed, write_disavowed
from twinvouch.queries.memory import recent, spoiled


@pytest.fixture
def toy(tmp_path: Path) -> Doubting:
    return Doubting(tmp_path)


def traced(toy: Doubting, **but: object) -> DisavowalTraced:
    none = DisavowalTraced(
        toy.salt(), toy.last.entry, 0, 1, 1, (("batch", 1),), "", (), (), bytes(32), b""
    )
    return replace(none, **but)  # type: ignore[arg-type]


def zero(toy: Doubting, tag: str) -> bool:
    return not toy.memory.frame.label((tag,), toy.now).axes.any()


def test_an_edge_that_was_bad_takes_all_its_tags_along_and_no_others(toy: Doubting) -> None:
    toy.read()
    toy.read("edge-2", "slow")
    toy.disavow("ann", "edge-1")
    assert toy.last.stage is Stage.IN_EFFECT
    assert {t for t in toy.site.plant.tags if zero(toy, t)} == {*toy.site.plant.groups["fast"].ids}
    fast, slow = (toy.memory.arrivals[n] for n in sorted(toy.memory.arrivals))
    assert not fast.axes.any()
    assert slow.axes.any()


def test_only_what_was_received_in_that_time_counts_as_nothing(toy: Doubting) -> None:
    toy.read()
    toy.wait(1)
    toy.read()
    toy.disavow("ann", until_ns=START + SECOND // 2)
    toy.say("ann", Verb.RESTORE, "tank/level")
    assert not zero(toy, "tank/level")


def test_what_a_stream_showed_then_counts_as_nothing_until_the_window_has_passed(
    toy: Doubting,
) -> None:
    toy.read()
    toy.ask("twin", "stream", ("tank/level", "tank/flow"))
    toy.read()
    toy.wait(30)
    toy.read()
    toy.disavow("ann", until_ns=START + SECOND)
    seen = recent(toy.memory.seen["twin"], toy.now, toy.site.commands.read_memory_ns)
    assert not any(seen["tank/level"])
    assert any(seen["tank/flow"])


def test_a_model_that_rests_on_it_is_marked_until_it_is_submitted_again(toy: Doubting) -> None:
    toy.read()
    toy.memory.models["m"] = {"name": "m", "entry": 7}
    toy.disavow("ann", traced=False)
    toy.core.feed(traced(toy, models=(("m", 7), ("m", 3), ("gone", 2))), toy.now)
    assert toy.memory.models["m"]["disavowed"] == toy.last.entry
    findings = [f for _, _, f in toy.memory.findings if f.rule == "disavowal"]
    assert [f.subject for f in findings] == ["tank/level", "m"]
    toy.say("ann", Verb.WITHDRAW, toy.last.id)
    assert "disavowed" not in toy.memory.models["m"]


def test_a_class_below_the_configured_one_needs_nobody_else(toy: Doubting) -> None:
    toy.read()
    for highest, stage in (("", "in_effect"), ("B", "in_effect"), ("A", "waiting")):
        toy.disavow("ann", traced=False)
        told = toy.core.feed(traced(toy, highest=highest), toy.now)
        assert [m["stage"] for m in published(told, "disavowal")] == [stage]


def test_what_is_stored_comes_back(toy: Doubting) -> None:
    toy.read()
    toy.ask("twin", "readTags", ("tank/level",))
    for is_traced in (True, False):
        toy.disavow("ann", traced=is_traced)
        assert read_disavowed(write_disavowed(toy.last)) == toy.last


def test_what_is_over_is_forgotten_beyond_a_number_and_what_is_in_effect_is_not(
    toy: Doubting,
) -> None:
    toy.read()
    toy.disavow("ann")
    first = toy.last.id
    for _ in range(101):
        toy.disavow("ann", traced=False)
        toy.core.feed(traced(toy), toy.now)
        toy.say("ann", Verb.WITHDRAW, toy.last.id)
    assert len(toy.memory.disavowals) == 101
    assert first in toy.memory.disavowals


def test_spoiled_keeps_what_came_later() -> None:
    seen = {"a": ((1, (9, 9)), (5, (8, 8))), "b": ((1, (7, 7)),)}
    assert spoiled(seen, {"a", "c"}, 3) == {
        "a": ((3, (0, 0)), (5, (8, 8))),
        "b": ((1, (7, 7)),),
    }


def test_look_ahead_forgets_where_a_tag_was_in_the_time_that_is_disavowed(tmp_path: Path) -> None:
    """Of what was trusted then nothing counts as trusted any more: it starts from all that the tag can be."""
    ahead = replace(doubting_site(), ahead=looking().ahead)
    toy = Doubting(tmp_path, ahead)
    toy.read()
    toy.wait(1)
    toy.read(values={"tank/level": 8.0})
    known = toy.memory.trusted["tank/level"]
    assert (known.now.low, known.now.high) == (5.0, 8.0)
    toy.disavow("ann", since_ns=toy.now + SECOND, until_ns=toy.now + 2 * SECOND)
    assert toy.memory.trusted["tank/level"] == known, "it said nothing in that time"
    toy.disavow("ann", since_ns=toy.now - SECOND, until_ns=toy.now)
    assert "tank/level" not in toy.memory.trusted
    assert "pump/run" in toy.memory.trusted
    rows, _ = toy.core.state.load()
    assert "trusted/tank/level" not in rows
