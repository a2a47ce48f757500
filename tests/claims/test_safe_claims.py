"""C48 of docs/explanation/threat-model.md: lying to sensors keeps no listed safe action from being done, and the list is no way around the gate."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.claims.site import Toy, make_site, permits, reply, signer
from tests.unit.engine.ahead import AheadToy, ahead, foreseen, questions
from tests.unit.engine.ahead import site as ahead_site
from twinvouch.core.event import DiskChanged, Effect
from twinvouch.core.lookahead import Branch
from twinvouch.core.safe import Safe
from twinvouch.core.site import SECOND, Site
from twinvouch.core.statement import Verb
from twinvouch.wire.lookahead import read_foresight, write_foresight

CLOSE = Safe("valve", "valve/opening", 0.0, per_hour=2, digest=b"\x11" * 32)
STOP = Safe("pump", "pump/run", 0.0, per_hour=2, digest=b"\x22" * 32)
LISTS = {s.tag: (s,) for s in (CLOSE, STOP)}


def slow_free(of: Site) -> Site:
    """The claims plant, its valve without a rate: how far a step is plays no part here."""
    valve = of.plant.tags["valve/opening"]
    assert valve.limits is not None
    free = replace(valve, limits=replace(valve.limits, rate=float("inf")))
    plant = replace(of.plant, tags={**of.plant.tags, "valve/opening": free})
    return replace(of, plant=plant, safe=LISTS)


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    made = Toy(tmp_path / "core", slow_free(make_site()))
    made.read()
    return made


def blind(toy: Toy) -> None:
    """The level lies, a person distrusts it, and then nothing comes any more."""
    toy.read(values={"tank/level": 9.9})
    toy.say("bob", Verb.DISTRUST, "tank/level", life_s=3600)
    toy.wait(60)


def test_c48_a_spoofed_and_distrusted_sensor_stops_nothing_that_two_persons_listed(
    toy: Toy,
) -> None:
    blind(toy)
    assert toy.propose("pump/run", 1.0)[0].body["status"] == "held"
    answer, effects = toy.propose("pump/run", 0.0)
    assert answer.body["status"] == "permitted", answer.body
    assert permits(effects)[0].words == (0,)
    assert "2222222222222222" in str(answer.body["why"])
    answer, effects = toy.propose("valve/opening", 0.0)
    assert answer.body["status"] == "permitted", "its interlock asks the level, which lies"
    assert toy.propose("valve/opening", 0.1)[0].body["status"] == "denied"


def test_c48_without_the_list_the_same_command_waits(tmp_path: Path) -> None:
    toy = Toy(tmp_path / "core", replace(slow_free(make_site()), safe={}))
    toy.read()
    blind(toy)
    assert toy.propose("pump/run", 0.0)[0].body["status"] == "held"
    assert toy.propose("valve/opening", 0.0)[0].body["status"] == "denied"


def test_c48_a_full_disk_stops_it_not_and_it_is_recorded(toy: Toy) -> None:
    blind(toy)
    toy.core.feed(DiskChanged(toy.salt(), 1, 10, 1000, 0), toy.now)
    assert toy.propose("valve/opening", 0.6)[0].body["status"] == "denied"
    before = toy.memory.size
    answer, effects = toy.propose("pump/run", 0.0)
    assert answer.body["status"] == "permitted"
    assert toy.memory.size == before + 3, "command, decision, permit"
    toy.core.close()
    toy.open()
    assert toy.memory.records[str(answer.body["id"])].permit_nonce == permits(effects)[0].nonce


def test_c48_beyond_its_number_it_is_a_finding_and_an_ordinary_command(toy: Toy) -> None:
    blind(toy)
    for _ in range(2):
        assert toy.propose("pump/run", 0.0)[0].body["status"] == "permitted"
        toy.wait(60)
    toy.core.close()
    toy.open()
    answer, effects = toy.propose("pump/run", 0.0)
    assert (answer.body["status"], permits(effects)) == ("held", [])
    assert toy.rules().count("safe_action_abuse") == 1
    toy.wait(3600)
    assert toy.propose("pump/run", 0.0)[0].body["status"] == "permitted"


def test_c48_who_may_not_propose_and_who_is_not_known_has_no_safe_actions(toy: Toy) -> None:
    blind(toy)
    answer, effects = toy.propose("pump/run", 0.0, principal="visitor")
    assert (answer.body["status"], permits(effects)) == ("denied", [])
    answer, effects = toy.propose("pump/run", 0.0, by=signer("visitor"))
    assert (answer.code, permits(effects)) == (401, [])
    toy.say("ann", Verb.ISOLATED, "pump")
    answer, effects = toy.propose("pump/run", 0.0)
    assert (answer.body["status"], permits(effects)) == ("denied", [])


class Modelled(AheadToy):
    """A core whose pump has a model; answers are made by hand."""

    def __init__(self, directory: Path, *, is_blind: bool = True) -> None:
        of = slow_free(ahead_site())
        super().__init__(directory, replace(of, ahead={"pump/run": ahead(actuator="run")}))
        self.read()
        if is_blind:
            blind(self)

    def regretted(
        self, effects: Any, *, but: int, eased: tuple[int, ...] | None = None
    ) -> list[Effect]:
        """The answer that says that all members `but` so many are worse for it, with every law; `eased` are needed to be so."""
        (q,) = questions(effects)
        seen = read_foresight(foreseen(q))
        count, spared = len(seen.commands), but * len(seen.laws)
        inside = Branch(-0.2, 600.0, "level")
        bad = tuple(replace(inside, worst=-0.2 if n < spared else 0.2) for n in range(count))
        told = replace(seen, commands=bad, backups=(inside,) * count)
        if eased is not None:
            told = replace(told, eased=tuple(n // len(seen.laws) in eased for n in range(count)))
        return self.answer(effects, foresight=write_foresight(told))


def test_c48_one_member_that_does_not_regret_it_admits_it(tmp_path: Path) -> None:
    toy = Modelled(tmp_path / "core")
    answer, effects = toy.propose("pump/run", 0.0)
    assert answer.body["status"] == "held"
    assert permits(toy.regretted(effects, but=1))


@pytest.mark.parametrize(("eased", "status"), [((), "held"), ((0,), "permitted")])
def test_c48_where_some_member_is_worse_for_it_some_member_has_to_need_it(
    eased: tuple[int, ...], status: str, tmp_path: Path
) -> None:
    toy = Modelled(tmp_path / "core")
    _, effects = toy.propose("pump/run", 0.0)
    answered = toy.regretted(effects, but=2, eased=eased)
    assert reply(answered).body["status"] == status
    assert len(permits(answered)) == len(eased)


def test_c48_a_start_that_is_trusted_whole_leaves_nothing_to_waive(tmp_path: Path) -> None:
    toy = Modelled(tmp_path / "core", is_blind=False)
    _, effects = toy.propose("pump/run", 0.0)
    answered = toy.regretted(effects, but=1)
    assert permits(answered) == []
    assert reply(answered).body["status"] == "held"


def test_c48_what_every_member_regrets_is_abuse_and_denied(tmp_path: Path) -> None:
    toy = Modelled(tmp_path / "core")
    _, effects = toy.propose("pump/run", 0.0)
    answered = toy.regretted(effects, but=0)
    assert permits(answered) == []
    assert reply(answered).body["status"] == "denied"
    assert toy.rules().count("safe_action_abuse") == 1


@pytest.mark.parametrize("why", ["the worker died", ""])
def test_c48_no_answer_of_the_model_is_none_against_it(tmp_path: Path, why: str) -> None:
    toy = Modelled(tmp_path / "core")
    _, effects = toy.propose("pump/run", 0.0)
    # its deadline, and what the core waits beyond
    answered = toy.answer(effects, foresight=b"", why=why) if why else toy.wait(8)
    assert permits(answered)


def test_c48_trust_that_comes_and_goes_does_not_keep_it_waiting(tmp_path: Path) -> None:
    toy = Modelled(tmp_path / "core")
    toy.say("ann", Verb.RESTORE, "tank/level")
    toy.read()
    toy.propose("pump/run", 0.0)
    _, moved = toy.say("bob", Verb.DISTRUST, "tank/level", life_s=60)
    assert len(questions(moved)) == 1, "the question is put again when trust changes"
    assert permits(toy.answer(moved)), "and its answer releases it, though trust changed meanwhile"


def test_c48_an_answer_that_started_from_what_went_stale_does_not_count_against_it(
    tmp_path: Path,
) -> None:
    toy = Modelled(tmp_path / "core")
    toy.say("ann", Verb.RESTORE, "tank/level")
    toy.read()
    _, effects = toy.propose("pump/run", 0.0)
    toy.now += 6 * SECOND
    answered = toy.regretted(effects, but=0)
    assert permits(answered)
    assert toy.memory.counts["simulation:outdated"] == 1


def test_c48_the_state_is_the_same_after_a_replay_of_its_log(toy: Toy) -> None:
    blind(toy)
    toy.propose("pump/run", 0.0)
    used = dict(toy.memory.safe_used)
    assert used == {STOP.key: (toy.now,)}
    toy.core.close()
    toy.open()
    assert toy.memory.safe_used == used
