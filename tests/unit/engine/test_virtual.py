"""A level that is distrusted is replaced by its mass balance: for look-ahead, interlock and label, until it counts again."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.claims.site import permits, published
from tests.unit.engine.ahead import PUMP, VALVE, questions
from tests.unit.engine.virtual import FLOW, LEVEL, TANK, VirtualToy, site
from twinvouch.core.command import Input
from twinvouch.core.declared import Declarations, Redundancy, by_group
from twinvouch.core.inventory import CommandClass, Domains
from twinvouch.core.kind import Kind, Purpose
from twinvouch.core.mode import Rung
from twinvouch.core.site import SECOND, Site
from twinvouch.core.statement import Verb
from twinvouch.core.virtual import Instead
from twinvouch.engine import Engine, modes
from twinvouch.wire.cbor import decode
from twinvouch.wire.command import write_command
from twinvouch.wire.cose import seal

HOUR = 3600
BESIDE = "roof/temperature"  # of another station, and taken for a gauge of the level


@pytest.fixture
def toy(tmp_path: Path) -> VirtualToy:
    return VirtualToy(tmp_path)


def doubt(toy: VirtualToy, hours: float = 8) -> None:
    toy.say("ann", Verb.DISTRUST, LEVEL, life_s=int(hours * HOUR))


def entries(toy: VirtualToy, kind: Kind) -> list[list[object]]:
    state = toy.core.state
    told = [decode(raw) for raw in state.leaves(0, state.leaf_count())]
    return [e for e in told if e[1] == kind]


def test_while_it_counts_nothing_stands_in(toy: VirtualToy) -> None:
    toy.live()
    assert toy.shown()["state"] == "counts"
    assert entries(toy, Kind.ENTRY_VIRTUAL) == []


def test_a_distrusted_level_is_replaced_at_once_and_told_with_the_next_tick(
    toy: VirtualToy,
) -> None:
    toy.live()
    doubt(toy)
    before = toy.shown()
    assert (before["state"], before["entry"]) == ("stands_in", None)
    effects = toy.wait(1)
    (told,) = published(effects, "virtual")
    assert (told["tag"], told["turn"]) == (LEVEL, "stands_in")
    now = toy.shown()
    assert now["entry"] == told["entry"]
    assert now["value"] == pytest.approx(5.0, abs=0.02)
    assert 0 < now["time_to_blind_s"] <= 8 * HOUR
    assert toy.rules()[-1] == "virtual_sensor"
    (entry,) = entries(toy, Kind.ENTRY_VIRTUAL)
    assert entry[5:7] == [LEVEL, "stands_in"]
    assert entry[7], "the batches that it started from are its parents"


def test_it_follows_the_meter_and_not_what_the_tag_says(toy: VirtualToy) -> None:
    toy.live()
    doubt(toy)
    toy.live(60, flow=1.0, says=2.0)
    assert toy.shown()["value"] == pytest.approx(5.0 + 0.6, abs=0.06)
    assert toy.memory.frame.value(LEVEL) == 2.0, "the raw value is kept and shown"


def test_a_command_that_rests_on_it_is_permitted_with_the_label_of_its_meters(
    toy: VirtualToy,
) -> None:
    toy.live()
    doubt(toy)
    toy.live(10)
    answer, effects = toy.propose(VALVE, 0.6, inputs=())
    (permit,) = permits(effects)
    record = toy.memory.records[str(answer.body["id"])]
    assert permit.tag == VALVE
    stands_in = toy.shown()["entry"]
    assert stands_in in record.decision.parents
    assert toy.memory.frame.entry(LEVEL) in record.decision.parents, "as the batch of its meter"
    assert record.decision.axes[1] >= 150


def test_a_command_that_declares_what_the_tag_says_is_held(toy: VirtualToy) -> None:
    toy.live()
    doubt(toy)
    toy.live(10)
    answer, effects = toy.propose(VALVE, 0.6, inputs=(LEVEL,))
    assert permits(effects) == []
    assert "distrusted by a person" in str(answer.body["why"])


def test_a_command_that_declares_the_entry_from_which_it_stands_in_is_permitted(
    toy: VirtualToy,
) -> None:
    toy.live()
    doubt(toy)
    toy.live(10)
    from dataclasses import replace

    from tests.claims.site import PLANT, signer
    from twinvouch.core.event import CommandProposed

    command = toy.command(VALVE, 0.6, inputs=())
    command = replace(command, inputs=(Input(LEVEL, toy.shown()["entry"]),))
    content = write_command(command, PLANT)
    raw = seal(content, signer=signer("twin"), plant=PLANT, purpose=Purpose.COMMAND)
    effects = toy.core.feed(CommandProposed(toy.salt(), "p", raw, ""), toy.now)
    assert len(permits(effects)) == 1
    record = toy.memory.records[command.id]
    assert record.decision.axes[0] > 100, "it has declared its inputs"


def test_who_has_read_the_raw_value_lately_is_held(toy: VirtualToy) -> None:
    toy.live()
    doubt(toy)
    toy.live(10)
    toy.ask("twin", "readTags", (LEVEL,), LEVEL)
    _, effects = toy.propose(VALVE, 0.6, inputs=())
    assert permits(effects) == []


def test_who_has_read_the_value_for_control_is_not(toy: VirtualToy) -> None:
    toy.live()
    doubt(toy)
    toy.live(10)
    assert toy.ask_virtual().code == 200
    assert set(toy.memory.seen["twin"]) == {FLOW}
    _, effects = toy.propose(VALVE, 0.6, inputs=())
    assert len(permits(effects)) == 1
    (query,) = entries(toy, Kind.ENTRY_QUERY)[-1:]
    assert toy.shown()["entry"] in [p if isinstance(p, int) else p[0] for p in query[9][0]]


def test_while_the_tag_counts_the_value_for_control_is_the_reading(toy: VirtualToy) -> None:
    toy.live()
    toy.ask_virtual()
    assert set(toy.memory.seen["twin"]) == {LEVEL}
    assert toy.ask_virtual("visitor").code in {200, 403}
    assert toy.ask_virtual("").code == 403


def test_the_interlock_must_hold_at_both_ends(tmp_path: Path) -> None:
    toy = VirtualToy(tmp_path, site(high=9.9))
    toy.level = 8.985
    toy.live()
    doubt(toy)
    toy.live(10)
    assert toy.shown()["low"] < 9.0 <= toy.shown()["high"]
    answer, effects = toy.propose(VALVE, 0.6, inputs=())
    assert permits(effects) == []
    assert "interlock" in str(answer.body["why"])
    assert "may be" in str(answer.body["why"])


def test_what_the_tag_says_cannot_deny_by_the_interlock_either(toy: VirtualToy) -> None:
    toy.live()
    doubt(toy)
    toy.live(10, says=9.9)
    _, effects = toy.propose(VALVE, 0.6, inputs=())
    assert len(permits(effects)) == 1


def test_look_ahead_starts_from_its_interval(tmp_path: Path) -> None:
    toy = VirtualToy(tmp_path, site(looks_ahead=True))
    toy.live()
    doubt(toy)
    toy.live(10, says=2.0)
    _, effects = toy.propose(VALVE, 0.6, inputs=())
    (asked,) = questions(effects)
    start, shown = dict(asked.state)["level"], toy.shown()
    assert (start.low, start.centre, start.high) == (shown["low"], shown["value"], shown["high"])
    assert len(permits(toy.answer(effects))) == 1


def test_an_answer_from_before_its_meter_was_distrusted_does_not_count(tmp_path: Path) -> None:
    toy = VirtualToy(tmp_path, site(looks_ahead=True))
    toy.live()
    doubt(toy)
    toy.live(10)
    _, effects = toy.propose(VALVE, 0.6, inputs=())
    toy.say("ann", Verb.DISTRUST, FLOW, life_s=HOUR)
    assert permits(toy.answer(effects)) == []


def test_it_goes_blind_at_a_limit_and_the_asset_steps_down_one_mode(tmp_path: Path) -> None:
    toy = VirtualToy(tmp_path, site(high=5.5))
    toy.live()
    doubt(toy)
    toy.live(60, flow=1.0)
    assert toy.shown()["state"] == "blind"
    assert toy.memory.mode_of("valve").rung is Rung.ADVISORY
    turns = [e[6] for e in entries(toy, Kind.ENTRY_VIRTUAL)]
    assert turns == ["stands_in", "blind"]
    _, effects = toy.propose(VALVE, 0.6, inputs=())
    assert permits(effects) == []


def test_it_goes_blind_after_the_longest_time(tmp_path: Path) -> None:
    toy = VirtualToy(tmp_path, site(max_blind_ns=200 * 10**9))
    toy.live()
    doubt(toy)
    toy.live(120)
    assert toy.shown()["state"] == "stands_in"
    assert toy.shown()["time_to_blind_s"] < 80
    toy.live(120)
    assert toy.shown()["state"] == "blind"


def test_it_goes_blind_when_its_meter_is_distrusted_too(toy: VirtualToy) -> None:
    toy.live()
    doubt(toy)
    toy.live(10)
    toy.say("bob", Verb.DISTRUST, FLOW, life_s=HOUR)
    toy.wait(1)
    assert toy.shown()["state"] == "blind"


def following(*, is_beside: bool = False) -> Site:
    """The valve rests on the level by its virtual sensor alone; `is_beside`: another station's tag tells of the level, too."""
    of = site()
    valve = of.plant.tags[VALVE]
    assert valve.limits is not None
    bare = replace(
        valve, limits=replace(valve.limits, interlock="", interlock_tags=(), controlled=())
    )
    told = Declarations(redundancy=(Redundancy("tank", (LEVEL, BESIDE), 400.0, 10 * SECOND),))
    groups = {name: group.ids for name, group in of.plant.groups.items()}
    apart = {
        tag: replace(of.plant.tags[tag], domains=Domains(*[f"{name}-{n}" for n in range(5)]))
        for tag, name in ((LEVEL, "own"), (FLOW, "own"), (BESIDE, "other"))
    }
    plant = replace(of.plant, tags={**of.plant.tags, VALVE: bare, **apart})
    if is_beside:
        plant = replace(plant, declared=by_group(groups, told))
    rules = replace(of.modes, on_distrust=frozenset({CommandClass.C}))
    return replace(of, modes=rules, plant=plant, interlocks={})


def rung(toy: VirtualToy) -> Rung:
    return toy.memory.mode_of("valve").rung


@pytest.mark.parametrize("order", [(LEVEL, FLOW), (FLOW, LEVEL)])
def test_an_asset_steps_down_at_the_word_that_leaves_nothing_to_stand_in(
    tmp_path: Path, order: tuple[str, str]
) -> None:
    toy = VirtualToy(tmp_path, following())
    toy.live()
    toy.say("ann", Verb.DISTRUST, order[0], life_s=HOUR)
    toy.live(10)
    assert rung(toy) is Rung.SUPERVISED, "an honest doubt of one of them stops nothing"
    toy.say("bob", Verb.DISTRUST, order[1], life_s=HOUR)
    assert rung(toy) is Rung.ADVISORY, "at once, before a tick and before anybody commands"
    _, effects = toy.propose(VALVE, 0.6, inputs=())
    assert permits(effects) == []
    toy.core.close()
    toy.open()
    toy.live(30)
    assert rung(toy) is Rung.ADVISORY


def test_a_tag_that_tells_of_the_same_level_is_a_source_too(tmp_path: Path) -> None:
    toy = VirtualToy(tmp_path, following(is_beside=True))
    assert toy.memory.beside[LEVEL].witnesses == (((BESIDE,), 400.0),)
    toy.live()
    for tag in (LEVEL, FLOW):
        toy.say("ann", Verb.DISTRUST, tag, life_s=HOUR)
    assert rung(toy) is Rung.SUPERVISED
    toy.say("bob", Verb.DISTRUST, BESIDE, life_s=HOUR)
    assert rung(toy) is Rung.ADVISORY


def test_where_no_class_follows_distrust_only_going_blind_takes_it_down(tmp_path: Path) -> None:
    of = following()
    toy = VirtualToy(tmp_path, replace(of, modes=replace(of.modes, on_distrust=frozenset())))
    toy.live()
    for tag in (LEVEL, FLOW):
        toy.say("ann", Verb.DISTRUST, tag, life_s=HOUR)
    assert rung(toy) is Rung.SUPERVISED


def test_what_was_left_without_sources_returns_when_the_level_counts_again(tmp_path: Path) -> None:
    toy = VirtualToy(tmp_path, following())
    toy.live()
    for tag in (LEVEL, FLOW):
        toy.say("ann", Verb.DISTRUST, tag, life_s=60)
    assert rung(toy) is Rung.ADVISORY
    digest = modes.shown("valve", toy.memory.mode_of("valve"))
    answer, _ = toy.say("ann", Verb.SUPERVISED, "valve", shown=digest)
    assert answer.code == 403, "nobody raises it while all are distrusted"
    toy.live(120)
    assert rung(toy) is Rung.SUPERVISED


def test_it_ends_when_the_tag_has_counted_again_for_a_minute_and_the_mode_returns(
    tmp_path: Path,
) -> None:
    toy = VirtualToy(tmp_path, site(high=5.5))
    toy.live()
    doubt(toy, hours=0.05)
    toy.live(60, flow=1.0)
    assert toy.memory.mode_of("valve").rung is Rung.ADVISORY
    toy.live(240)
    assert toy.shown()["state"] == "counts"
    assert [e[6] for e in entries(toy, Kind.ENTRY_VIRTUAL)] == ["stands_in", "blind", "ended"]
    assert toy.memory.mode_of("valve").rung is Rung.SUPERVISED
    assert toy.memory.episodes == {}


def test_a_tag_that_is_short_for_a_moment_does_not_begin_a_second_episode(toy: VirtualToy) -> None:
    toy.live()
    doubt(toy, hours=0.01)
    toy.live(60)
    doubt(toy, hours=0.01)
    toy.live(60)
    assert [e[6] for e in entries(toy, Kind.ENTRY_VIRTUAL)] == ["stands_in"]


def test_without_a_window_of_history_nothing_stands_in(toy: VirtualToy) -> None:
    toy.live(30)
    doubt(toy)
    toy.live(60)
    assert toy.shown()["state"] == "none"
    assert entries(toy, Kind.ENTRY_VIRTUAL) == []


def test_a_disavowal_forgets_what_was_said_in_its_time(tmp_path: Path) -> None:
    from tests.claims.disavowals import Doubting

    class Both(VirtualToy, Doubting):
        pass

    toy = Both(tmp_path)
    toy.live(70)
    since = toy.now
    toy.live(70, says=8.0)
    toy.disavow("ann", LEVEL, since_ns=since)
    toy.wait(1)
    assert toy.shown()["value"] == pytest.approx(5.0, abs=0.05)
    assert toy.shown()["high"] < 5.5


def test_it_is_in_the_state_and_a_restart_keeps_it(toy: VirtualToy) -> None:
    toy.live()
    doubt(toy)
    toy.live(30, flow=1.0)
    rows, _ = toy.core.state.load()
    again = Engine(toy.site)
    again.restore(rows)
    assert again.memory.tracks == toy.memory.tracks
    assert again.memory.episodes == toy.memory.episodes
    assert TANK.tag in again.memory.tracks


def test_an_actuator_of_another_class_steps_down_only_where_it_rests_on_it(
    tmp_path: Path,
) -> None:
    toy = VirtualToy(tmp_path, site(high=5.5))
    toy.live()
    doubt(toy)
    toy.live(60, flow=1.0)
    assert toy.memory.mode_of(PUMP.partition("/")[0]).rung is Rung.SUPERVISED


def test_at_any_moment_a_restart_goes_on_as_if_it_had_not_been(toy: VirtualToy) -> None:
    """Rows at a moment, and the events after it, give the same rows, entries and messages."""
    fed: list[tuple[object, int]] = []
    moments: list[tuple[int, dict[str, bytes]]] = []
    feed = toy.core.feed

    def keep(event: object, now_ns: int) -> object:
        if len(fed) % 7 == 0:
            moments.append((len(fed), dict(toy.core.state.load()[0])))
        fed.append((event, now_ns))
        return feed(event, now_ns)

    toy.core.feed = keep
    toy.live(90)
    doubt(toy, hours=0.02)
    toy.live(40, flow=1.0, says=2.0)
    toy.propose(VALVE, 0.6, inputs=())
    toy.say("bob", Verb.DISTRUST, FLOW, life_s=20)
    toy.live(120)
    turns = [e[6] for e in entries(toy, Kind.ENTRY_VIRTUAL)]
    assert turns == ["stands_in", "blind", "ended"]
    last = toy.core.state.load()[0]
    for count, rows in moments[::4]:
        again, kept = Engine(toy.site), dict(rows)
        again.restore(rows)
        for event, now_ns in fed[count:]:
            again.feed(event, now_ns)  # type: ignore[arg-type]
            kept |= {k: v for k, v in again.drain().items() if v is not None}
        assert {k: v for k, v in kept.items() if k in last} == last


ROOF = "roof/temperature"


def driven_site() -> Site:
    """Its flow is what the roof is warmer than 290 K, in K; a station of its own reads that."""
    flow = replace(TANK.flows[0], instead=Instead(-290.0, ((ROOF, 1.0),)))
    whole = TANK.curves[frozenset()]
    return site(flows=(flow,), instead={frozenset({FLOW}): whole}, gap_ns=300 * SECOND)


def warm(toy: VirtualToy, kelvin: float, times: int = 15) -> None:
    for _ in range(times):
        toy.wait(0.9)
        toy.read("edge-2", "slow", values={ROOF: kelvin}, rows=1)


def test_where_its_meter_is_distrusted_too_what_drives_the_flow_stands_in(tmp_path: Path) -> None:
    toy = VirtualToy(tmp_path, driven_site())
    warm(toy, 290.0)
    toy.live()
    warm(toy, 290.0)
    doubt(toy)
    toy.say("bob", Verb.DISTRUST, FLOW, life_s=HOUR)
    toy.wait(1)
    shown = toy.shown()
    assert (shown["state"], shown["sources"], shown["lost"]) == ("stands_in", [ROOF], [FLOW])
    warm(toy, 290.5)
    assert toy.shown()["value"] > shown["value"], "the tank fills"
    again = Engine(toy.site)
    again.restore(toy.core.state.load()[0])
    assert again.memory.tracks == toy.memory.tracks
    assert [tag for tag, _ in again.memory.tracks[LEVEL].marks[-1].driven] == [ROOF]
    toy.say("ann", Verb.DISTRUST, ROOF, life_s=HOUR)
    toy.wait(1)
    assert toy.shown()["state"] == "blind"
