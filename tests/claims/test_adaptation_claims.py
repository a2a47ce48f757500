"""C33 of docs/explanation/threat-model.md: who teaches a lie slowly is told; nothing is learned from what is doubted."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.claims.site import PLANT, START, Toy, make_site, signer
from tests.claims.test_detection_claims import IDS, LEVEL, ROOF, asked, course
from twinvouch.adapters import detector_files, model_files
from twinvouch.app.signed_model import About, sign
from twinvouch.core.batch import Quality
from twinvouch.core.event import ModelSubmitted
from twinvouch.core.inventory import key_id
from twinvouch.core.site import SECOND
from twinvouch.core.statement import Verb
from twinvouch.core.table import Table
from twinvouch.readings.detect import adapt
from twinvouch.readings.detect.detector import ADAPTED, Detector
from twinvouch.readings.detect.learn import learn
from twinvouch.readings.detect.learned import Learned

HOUR = 3600 * SECOND
FIRST = START - START % (24 * HOUR)
PER_DAY = 0.3
DAYS = 25
FEW = 3  # enough where nothing is to move


@cache
def learned() -> Learned:
    return learn(Table(IDS, FIRST + np.arange(-2000, 0) * HOUR, course(2000, 1)))


def toy_with(folder: Path, per_day: float = PER_DAY) -> Toy:
    files = detector_files.write(folder / "model", learned(), {})
    model = detector_files.model("normal", files, folder)
    site = make_site()
    site = replace(site, detector=Detector(model, site.plant, per_day))
    toy = Toy(folder, site, now=FIRST)
    sealed = sign(files, About("normal", "1", toy.now, 90), PLANT, signer("modeller"))
    came = model_files.examine(files)
    toy.core.feed(ModelSubmitted(toy.salt(), "10.0.0.5", sealed, came), toy.now)
    return toy


def taught(toy: Toy, days: int = DAYS, rate: float = 0.1, quality: Quality | None = None) -> None:
    """So many days of a reading an hour of both edges; the level rises by `rate` of its usual error a day."""
    usual = float((adapt.usual(learned()) * learned().columns.scale)[IDS.index(LEVEL)])
    begun = -((FIRST - toy.now) // HOUR)  # the next whole hour
    for n, row in enumerate(course(24 * days, 2 + begun)):
        t_ns = FIRST + (begun + n) * HOUR
        toy.now = t_ns + SECOND // 10
        values = dict(zip(IDS, row.tolist(), strict=True))
        values[LEVEL] += rate * usual * (begun + n) / 24
        of_fast: dict[str, Any] = {"t_ns": [t_ns], "values": {k: values[k] for k in IDS[:4]}}
        if quality is not None:
            of_fast["quality"] = np.full((1, 4), quality, np.uint8)
        toy.read(**of_fast)
        toy.read("edge-2", "slow", t_ns=[t_ns], values={ROOF: values[ROOF]})


def distances(toy: Toy) -> np.ndarray:
    memo = toy.memory.memos.get(ADAPTED)
    if memo is None:
        return np.zeros(len(IDS))
    found: np.ndarray = memo.as_value(adapt.begin(len(IDS))).by
    return found


def told(toy: Toy) -> list[str]:
    return [f.sentence for _, _, f in toy.memory.findings if f.rule == "adaptation" and f.severity]


def test_c33_a_lie_that_is_taught_slowly_is_told_once_and_commands_nothing_over_a_restart(
    tmp_path: Path,
) -> None:
    toy = toy_with(tmp_path)
    taught(toy)
    assert "residual" not in toy.rules()
    (sentence,) = [s for s in told(toy) if LEVEL in s]
    assert "learn again from readings you trust" in sentence
    assert "since 20" in sentence
    usual = adapt.usual(learned())[IDS.index(LEVEL)]
    far = distances(toy)[IDS.index(LEVEL)] / usual
    assert adapt.TOLD * adapt.LIMIT < far <= adapt.LIMIT
    assert far <= PER_DAY * DAYS
    assert asked(toy) == "held"
    by = distances(toy)
    toy.core.close()
    toy.open()
    assert np.array_equal(distances(toy), by)
    assert asked(toy) == "held"
    taught(toy, 1)
    assert len([s for s in told(toy) if LEVEL in s]) == 1
    assert asked(toy) == "held"


def test_c33_an_honest_plant_is_learned_from_and_commands(tmp_path: Path) -> None:
    toy = toy_with(tmp_path)
    taught(toy, 12, rate=0.0)
    assert distances(toy).any()
    assert told(toy) == []
    assert asked(toy) == "permitted"


def test_c33_switched_off_nothing_is_learned_and_what_was_is_forgotten(tmp_path: Path) -> None:
    toy = toy_with(tmp_path)
    taught(toy, 5)
    assert distances(toy).any()
    toy.core.close()
    detector = toy.site.detector
    assert detector is not None
    model = detector_files.model("normal", detector_files.contents(tmp_path / "model"), tmp_path)
    toy.site = replace(toy.site, detector=Detector(model, toy.site.plant))
    toy.open()
    taught(toy, 2, rate=0.0)
    assert np.array_equal(distances(toy), np.zeros(len(IDS)))
    state = toy.memory.memos["detection/state"]
    assert np.allclose(state.value.offset, 0.0, atol=1e-12)


@pytest.mark.parametrize("subject", [LEVEL, "edge-1", key_id(signer("edge-1").public_key).hex()])
def test_c33_from_what_a_person_distrusts_nothing_is_learned(tmp_path: Path, subject: str) -> None:
    toy = toy_with(tmp_path)
    assert toy.say("ann", Verb.DISTRUST, subject, life_s=FEW * 86_400)[0].code == 200
    taught(toy, FEW)
    assert np.array_equal(distances(toy), np.zeros(len(IDS)))


@pytest.mark.parametrize("quality", [Quality.UNCERTAIN, Quality.BAD])
def test_c33_from_what_a_rule_doubts_nothing_is_learned(tmp_path: Path, quality: Quality) -> None:
    toy = toy_with(tmp_path)
    taught(toy, FEW, quality=quality)
    assert np.array_equal(distances(toy), np.zeros(len(IDS)))


def test_c33_under_a_ticket_nothing_is_learned(tmp_path: Path) -> None:
    toy = toy_with(tmp_path)
    assert toy.say("bob", Verb.MAINTENANCE, "valve", life_s=FEW * 86_400)[0].code == 200
    taught(toy, FEW)
    assert np.array_equal(distances(toy), np.zeros(len(IDS)))


def test_c33_from_batches_that_are_refused_nothing_is_learned(tmp_path: Path) -> None:
    """A stranger's lies about the level, between the honest readings, move nothing by a hair."""
    honest, attacked = toy_with(tmp_path / "one"), toy_with(tmp_path / "two")
    for _ in range(4):
        taught(honest, 1, rate=0.0)
        taught(attacked, 1, rate=0.0)
        content = attacked.content(values={LEVEL: 5.5})
        assert attacked.send(attacked.sealed(content, signer("edge-2"))).code != 200
    assert np.array_equal(distances(attacked), distances(honest))
    assert distances(attacked).any()
