"""The core's side of witnesses: heads become witnessed, an absent one delays nothing, a contradiction is said."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.claims.site import Toy
from tests.unit.app.test_witness import ledger
from tests.unit.ledger.test_witness import KEY, LOGS
from twinvouch import verifier
from twinvouch.adapters.keys import SeededSigner
from twinvouch.adapters.witness_client import WitnessClient
from twinvouch.adapters.witness_store import WitnessStore
from twinvouch.app import witness as service
from twinvouch.app.config_witness import CosignerSettings, WitnessSettings
from twinvouch.app.witnessing import Witnessing
from twinvouch.core.errors import UnavailableError
from twinvouch.core.event import WitnessReported
from twinvouch.ledger.cosignature import WitnessKey

SEEDS = {"w1": b"\3" * 32, "w2": b"\4" * 32}


class Direct(httpx.BaseTransport):
    """The way to a witness without a network; `away` cuts it, `answer` replaces what comes back."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory
        self.store = WitnessStore(directory, name, SeededSigner(SEEDS[name]))
        self.away = False
        self.answer: httpx.Response | None = None
        self.asked = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self.away:
            raise httpx.ConnectError("no route")
        if self.answer is not None:
            return self.answer
        said = service._answer(self.store, LOGS, self.directory, request.read())
        return httpx.Response(said.status_code, content=bytes(said.body))


class Site:
    """A ledger, two witnesses, and what the core was told."""

    def __init__(self, tmp_path: Path, needed: int) -> None:
        self.place = ledger(tmp_path / "l", 5)
        self.ways = {name: Direct(tmp_path / name, name) for name in SEEDS}
        self.said: list[WitnessReported] = []
        self.now = 0.0
        keys = {n: WitnessKey(n, SeededSigner(s).public_key) for n, s in SEEDS.items()}
        self.texts = [key.text() for key in keys.values()]
        cosigners = tuple(CosignerSettings(key=text, url="http://w:1") for text in self.texts)
        settings = WitnessSettings(cosigners=cosigners, needed=needed, late_s=60)
        clients = [WitnessClient(keys[n], "http://w:1", transport=w) for n, w in self.ways.items()]
        self.asking = Witnessing(self.place, settings, clients, self.said.append, lambda: self.now)

    def witnessed(self, needed: int) -> int:
        policy = verifier.witness_policy(self.texts, needed)
        report = verifier.verify(self.place, KEY.text(), "", policy)
        assert report.ok, report.faults
        assert report.witnessed is not None
        return report.witnessed.size


@pytest.fixture
def site(tmp_path: Path) -> Callable[[int], Site]:
    return lambda needed: Site(tmp_path, needed)


def test_every_new_head_is_witnessed_once(site: Callable[[int], Site]) -> None:
    here = site(2)
    here.asking.look()
    assert here.witnessed(2) == 5
    asked = here.ways["w1"].asked
    here.asking.look()
    assert here.ways["w1"].asked == asked
    ledger(here.place, 300)
    here.asking.look()
    assert here.witnessed(2) == 305
    assert here.said == []


def test_a_core_that_begins_again_learns_what_was_cosigned(site: Callable[[int], Site]) -> None:
    here = site(1)
    here.asking.look()
    ledger(here.place, 4)
    again = Witnessing(here.place, here.asking.settings, here.asking.witnesses, here.said.append)
    assert again.witnessed == 5
    again.look()  # it asks from 0, and is told 5
    assert here.witnessed(1) == 9


def test_without_witnesses_the_core_goes_on_and_says_so_once(site: Callable[[int], Site]) -> None:
    here = site(2)
    here.ways["w2"].away = True
    for here.now in (0.0, 30.0, 61.0, 200.0):
        here.asking.look()
    assert [(e.late, e.size, e.witnessed) for e in here.said] == [(1, 5, 0)]
    here.ways["w2"].away = False
    here.asking.look()
    assert [e.late for e in here.said] == [1, 0]
    assert here.witnessed(2) == 5


def test_one_of_two_is_enough_where_one_is_needed(site: Callable[[int], Site]) -> None:
    here = site(1)
    here.ways["w2"].away = True
    here.asking.look()
    assert here.witnessed(1) == 5
    assert here.said == []


def test_a_witness_of_another_history_is_a_conflict(
    site: Callable[[int], Site], tmp_path: Path
) -> None:
    here = site(2)
    here.asking.look()
    forked = ledger(tmp_path / "fork", 9, fork=2)
    other = Witnessing(forked, here.asking.settings, here.asking.witnesses, here.said.append)
    other.look()
    other.look()
    assert [e.conflict.split(" has ")[0] for e in here.said] == ["witness `w1`", "witness `w2`"]
    assert "another history of the first 5 entries" in here.said[0].conflict
    short = Witnessing(
        ledger(tmp_path / "short", 3), here.asking.settings, here.asking.witnesses, here.said.append
    )
    short.look()
    assert "has cosigned 5 entries of this log, there are 3" in here.said[2].conflict


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=b""),
        httpx.Response(200, content=b"junk"),
        httpx.Response(200, content="— w1 AAAA\n".encode()),
        httpx.Response(200, content=b"x" * (1 << 17)),
        httpx.Response(409, content=b"-1"),
        httpx.Response(409, content=b"9" * 30),
        httpx.Response(500, content=b"\xff"),
        httpx.Response(302, headers={"location": "http://elsewhere"}),
    ],
)
def test_an_answer_that_is_none_counts_as_no_answer(
    site: Callable[[int], Site], answer: httpx.Response
) -> None:
    here = site(1)
    for way in here.ways.values():
        way.answer = answer
    here.asking.look()
    assert not (here.place / "checkpoint.witnessed").exists()
    for way in here.ways.values():
        way.answer = None
    here.asking.look()
    assert here.witnessed(2) == 5


def test_what_could_not_be_said_is_said_again(site: Callable[[int], Site]) -> None:
    here = site(1)

    def full(_: WitnessReported) -> None:
        raise UnavailableError("the inbox is full")

    here.asking.say = full
    for way in here.ways.values():
        way.away = True
    here.asking.look()
    here.now = 61.0
    here.asking.look()
    here.asking.say = here.said.append
    here.asking.look()
    assert [e.late for e in here.said] == [1]


def test_the_engine_enters_what_it_is_told(tmp_path: Path) -> None:
    toy = Toy(tmp_path)
    for event in (
        WitnessReported(toy.salt(), 1, 900, 17),
        WitnessReported(toy.salt(), 0, 900, 900),
        WitnessReported(toy.salt(), 0, 900, 17, "witness `w1` has cosigned another history"),
    ):
        toy.core.feed(event, toy.now)
    found = [f for _, _, f in toy.core.engine.memory.findings][-3:]
    assert [(f.rule, f.severity.name) for f in found] == [
        ("unwitnessed", "MEDIUM"), ("unwitnessed", "INFO"), ("witness_conflict", "CRITICAL"),
    ]  # fmt: skip
    assert "17 of 900 entries" in found[0].sentence


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"needed": 3}, "only 2 cosigners"),
        ({"cosigners": ()}, "at least 1"),
        ({"cosigners": ({"key": "x", "url": "http://w"},)}, "witness key"),
    ],
)
def test_a_policy_that_cannot_hold_is_refused(
    site: Callable[[int], Site], change: dict[str, object], why: str
) -> None:
    good = site(1).asking.settings.model_dump()
    with pytest.raises(ValueError, match=why):
        WitnessSettings.model_validate({**good, **change})
