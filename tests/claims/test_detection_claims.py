"""C32 of docs/explanation/threat-model.md: what a learned model calls a lie commands nothing; a ticket never makes it trusted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.claims.site import PLANT, START, Toy, make_site, signer
from twinvouch.adapters import detector_files, model_files
from twinvouch.app.signed_model import About, sign
from twinvouch.core.event import ModelSubmitted
from twinvouch.core.site import SECOND
from twinvouch.core.statement import Verb
from twinvouch.core.table import Table
from twinvouch.readings.detect.detector import Detector
from twinvouch.readings.detect.learn import learn
from twinvouch.readings.detect.learned import Learned

IDS = ("pump/run", "tank/flow", "tank/level", "valve/opening", "roof/temperature")
LEVEL, ROOF = "tank/level", "roof/temperature"


def course(rows: int, seed: int) -> np.ndarray:  # type: ignore[type-arg]
    """A level that wanders, and a flow and a temperature that follow it closely; pump and valve stand still."""
    chance = np.random.default_rng(seed)
    level = np.empty(rows)
    level[0] = 5.0
    for n in range(1, rows):
        level[n] = 5.0 + 0.95 * (level[n - 1] - 5.0) + 0.1 * chance.normal()
    flow = 0.3 * level + 0.01 * chance.normal(size=rows)
    roof = 285.0 + level + 0.05 * chance.normal(size=rows)
    still = np.zeros(rows)
    return np.column_stack((still, flow, level, still + 0.5, roof)).round(3)


@pytest.fixture(scope="module")
def learned() -> Learned:
    return learn(Table(IDS, START + np.arange(1500) * SECOND, course(1500, 1)))


def toy_with(folder: Path, learned: Learned, *, submitted: bool = True) -> Toy:
    files = detector_files.write(folder / "model", learned, {})
    model = detector_files.model("normal", files, folder)
    site = make_site()
    toy = Toy(folder, replace(site, detector=Detector(model, site.plant)))
    sealed = sign(files, About("normal", "1", toy.now, 30), PLANT, signer("modeller"))
    if submitted:
        came = model_files.examine(files)
        toy.core.feed(ModelSubmitted(toy.salt(), "10.0.0.5", sealed, came), toy.now)
    return toy


def lived(toy: Toy, seconds: int, seed: int, lie: float = 0.0) -> None:
    """So many seconds of readings of both edges; the level lies from the middle on."""
    for n, row in enumerate(course(seconds, seed)):
        toy.now += SECOND - SECOND // 5
        values = dict(zip(IDS, row.tolist(), strict=True))
        if n >= seconds // 2:
            values[LEVEL] += lie
        t_ns = [toy.now - toy.now % SECOND]
        toy.read(t_ns=t_ns, values={k: values[k] for k in IDS[:4]})
        toy.read("edge-2", "slow", t_ns=t_ns, values={ROOF: values[ROOF]})


def asked(toy: Toy, tag: str = "valve/opening") -> str:
    """What becomes of a command that rests on the level, and what is said against it."""
    said = toy.propose(tag, 0.6 if tag == "valve/opening" else 1.0)[0].body
    return str(said["status"])


def test_c32_an_honest_level_commands(tmp_path: Path, learned: Learned) -> None:
    toy = toy_with(tmp_path, learned)
    lived(toy, 60, 2)
    assert "residual" not in toy.rules()
    assert asked(toy) == "permitted"


def test_c32_a_lie_inside_every_limit_commands_nothing_over_a_restart(
    tmp_path: Path, learned: Learned
) -> None:
    toy = toy_with(tmp_path, learned)
    lived(toy, 60, 2, lie=0.9)
    assert not {"range", "rate"} & set(toy.rules())
    assert {f.subject for _, _, f in toy.memory.findings if f.rule == "residual"} == {LEVEL}
    assert asked(toy) == "held"
    toy.core.close()
    toy.open()
    assert asked(toy) == "held"
    lived(toy, 2, 3, lie=0.9)
    assert asked(toy) == "held"


def test_c32_under_a_ticket_it_is_a_candidate_and_not_of_the_highest_class(
    tmp_path: Path, learned: Learned
) -> None:
    toy = toy_with(tmp_path, learned)
    lived(toy, 10, 4)
    assert toy.say("bob", Verb.MAINTENANCE, "valve", life_s=600)[0].code == 200
    lived(toy, 60, 2, lie=0.9)
    rules = {f.rule for _, _, f in toy.memory.findings if f.subject == LEVEL}
    assert "operating_change" in rules
    assert "residual" not in rules
    assert asked(toy) == "permitted"  # class C
    assert asked(toy, "pump/run") == "held"  # class A, and its trust is what is missing
    decision = max(toy.memory.records.values(), key=lambda r: r.entry).decision
    assert "plausibility" in str(decision.why)


@pytest.mark.parametrize(
    ("person", "verb", "subject", "life_s", "why"),
    [
        ("cid", Verb.MAINTENANCE, "tank", 60, "policy"),
        ("bob", Verb.MAINTENANCE, "nowhere", 60, "no tag and no asset"),
        ("bob", Verb.RECALIBRATION, LEVEL, 31 * 86_400, "at most 30 days"),
    ],
)
def test_c32_a_ticket_is_of_somebody_who_may_bounded_and_about_something(
    tmp_path: Path, learned: Learned, person: str, verb: Verb, subject: str, life_s: int, why: str
) -> None:
    toy = toy_with(tmp_path, learned)
    said = toy.say(person, verb, subject, life_s=life_s)[0]
    assert said.code == 403
    assert why in str(said.body["why"])
    assert not toy.memory.tickets


def test_c32_a_ticket_is_used_once_and_ends(tmp_path: Path, learned: Learned) -> None:
    toy = toy_with(tmp_path, learned)
    nonce = b"n" * 16
    assert toy.say("bob", Verb.SETPOINT, "valve/opening", nonce=nonce)[0].code == 200
    assert toy.say("bob", Verb.SETPOINT, "valve/opening", nonce=nonce)[0].code == 403
    assert [t.tags for t in toy.memory.tickets.values()] == [("valve/opening",)]
    toy.wait(3 * 86_400)
    assert not toy.memory.tickets


def test_c32_a_model_that_gate_2_has_not_admitted_judges_nothing(
    tmp_path: Path, learned: Learned
) -> None:
    toy = toy_with(tmp_path, learned, submitted=False)
    lived(toy, 60, 2, lie=0.9)
    assert "residual" not in toy.rules()
    assert not toy.memory.memos


def test_c32_what_people_work_on_commands_nothing_of_the_highest_class_whatever_it_reads(
    tmp_path: Path, learned: Learned
) -> None:
    """An attack under the cover of a ticket may go unseen; it is never admitted at the highest class."""
    toy = toy_with(tmp_path, learned)
    lived(toy, 10, 4)
    assert asked(toy, "pump/run") == "held"  # for its approvals alone
    assert "plausibility" not in newest_why(toy)
    assert toy.say("bob", Verb.MAINTENANCE, "tank", life_s=600)[0].code == 200
    lived(toy, 10, 2, lie=0.5)
    assert asked(toy) == "permitted"  # class C
    assert asked(toy, "pump/run") == "held"
    assert "plausibility" in newest_why(toy)
    toy.wait(700)
    lived(toy, 30, 5)
    assert asked(toy, "pump/run") == "held"
    assert "plausibility" not in newest_why(toy)


def newest_why(toy: Toy) -> str:
    return str(max(toy.memory.records.values(), key=lambda r: r.entry).decision.why)
