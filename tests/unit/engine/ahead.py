"""The claims plant with a tank model on its valve: `valve/opening` as the pump's speed, full-on."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tests.claims.site import Toy, make_site
from twinvouch.app.foresight import Foreseer, in_turn
from twinvouch.app.lookahead_process import answer
from twinvouch.app.model_class import Made, make
from twinvouch.core.event import Effect, Simulate, SimulationDone
from twinvouch.core.lookahead import Ahead, Question, Source
from twinvouch.core.site import SECOND, Site
from twinvouch.wire.lookahead import read_question, write_foresight

REFERENCE = "twinvouch.twin.tank:Tank"
NUMBERS = {"area_m2": 100.0, "pump_m3h": 100.0, "demand_m3h": 40.0, "low_m": 0.0, "high_m": 10.0}
TANK: Made = make(REFERENCE, b"", NUMBERS)
VALVE, PUMP, LEVEL = "valve/opening", "pump/run", "tank/level"


def ahead(**but: Any) -> Ahead:
    usual = Ahead(
        model="net",
        digest=TANK.digest,
        actuator="speed",
        sources={
            "level": Source(LEVEL, 0.0, 10.0, 0.01, 0.2),
            "run": Source(PUMP, 0.0, 1.0, factor=0.0, offset=1.0),
            "speed": Source(VALVE, 0.0, 1.0),
        },
        limits={"level": (1.0, 9.0)},
        demands=(100, 150, 100, 0),
        horizon_s=6 * 3600.0,
        tau_s=3600.0,
        step_s=600.0,
        demand=0.06,
        is_each=False,
        deadline_ns=2 * SECOND,
        tolerance=1e-6,
        window_ns=60 * SECOND,
    )
    return replace(usual, **but)


def site(**but: Any) -> Site:
    """Class C by its valve, class A (two approvals) by its pump."""
    pump = {"actuator": "run", "demands": (100, 200, 200, 0)}
    return replace(make_site(), ahead={VALVE: ahead(**but), PUMP: ahead(**{**pump, **but})})


in_place = in_turn(partial(answer, TANK.model))  # what workers do, here


def foreseen(question: Question) -> bytes:
    return write_foresight(Foreseer(TANK.model, in_place).foresee(question, float("inf")))


class AheadToy(Toy):
    """A Toy whose models are asked by hand."""

    def __init__(self, directory: Path, of: Site | None = None) -> None:
        super().__init__(directory, site() if of is None else of)

    def answer(self, effects: Sequence[Effect], **but: Any) -> list[Effect]:
        """Answer the one question among these effects; `but` replaces fields of the answer."""
        (asked,) = (e for e in effects if isinstance(e, Simulate))
        told = {
            "ident": asked.ident,
            "foresight": foreseen(read_question(asked.question)),
            "why": "",
            "digest": TANK.digest,
            **but,
        }
        return list(self.core.feed(SimulationDone(self.salt(), **told), self.now))


def questions(effects: Sequence[Effect]) -> list[Question]:
    return [read_question(e.question) for e in effects if isinstance(e, Simulate)]
