"""A model that expires at work: it goes on, is told once a run, and status shows it."""

from pathlib import Path

from tests.claims.site import Toy
from tests.claims.test_adaptation_claims import taught, toy_with
from twinvouch.app.api import views
from twinvouch.core.event import Started

DAY_S = 86_400
VALID_DAYS = 90


def expiries(toy: Toy) -> list[str]:
    return [f.sentence for _, _, f in toy.memory.findings if f.rule == "model_expired"]


def started(toy: Toy) -> None:
    site = toy.site
    toy.core.feed(Started(toy.salt(), site.config_digest, site.policy.digest, "b"), toy.now)


def test_it_is_told_once_and_again_after_a_start(tmp_path: Path) -> None:
    toy = toy_with(tmp_path)
    started(toy)
    toy.wait((VALID_DAYS - 1) * DAY_S)
    assert expiries(toy) == []
    assert views.status(toy.memory)["model"]["expired"] is False  # type: ignore[call-overload,index]
    toy.wait(DAY_S)
    toy.wait(DAY_S)
    (sentence,) = expiries(toy)
    assert sentence.startswith("model `normal` is at work in gate 1 and expired on 20")
    toy.core.close()
    toy.open()  # what a crash leaves behind: no word of a start yet
    toy.wait(1)
    assert len(expiries(toy)) == 1
    started(toy)
    toy.wait(1)
    toy.wait(1)
    assert len(expiries(toy)) == 2


def test_it_goes_on_judging(tmp_path: Path) -> None:
    toy = toy_with(tmp_path)
    toy.wait(VALID_DAYS * DAY_S)
    taught(toy, 1)
    assert len(expiries(toy)) == 1
    told = views.status(toy.memory)["model"]
    assert isinstance(told, dict)
    assert (told["at_work"], told["expired"]) == (True, True)
    assert "detection/state" in toy.memory.memos


def test_without_a_model_nothing_is_told(toy: Toy) -> None:
    toy.wait(1000 * DAY_S)
    assert expiries(toy) == []
    assert views.status(toy.memory)["model"] is None
