"""The claims plant with two models on its pump, which is of class A: a tank, and one of another class that drains faster."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tests.unit.engine.ahead import NUMBERS, PUMP, AheadToy
from tests.unit.engine.ahead import site as plain
from twinvouch.app.foresight import Foreseer, in_turn
from twinvouch.app.lookahead_process import answer
from twinvouch.app.model_class import Made, make
from twinvouch.core.event import Effect, Simulate, SimulationDone
from twinvouch.core.lookahead import Question
from twinvouch.core.site import Site
from twinvouch.twin.tank import Tank
from twinvouch.wire.lookahead import read_question, write_foresight


class Pond(Tank):
    """Another opinion: what the pump gives is `more` of what the tank thinks."""

    def __init__(self, data: bytes, numbers: Mapping[str, float]) -> None:
        more = numbers.get("more", 1.0)
        kept = {n: v for n, v in numbers.items() if n != "more"}
        super().__init__(data, {**kept, "pump_m3h": kept["pump_m3h"] * more})


POND = "tests.unit.engine.second:Pond"


def pond(more: float) -> Made:
    return make(POND, b"", {**NUMBERS, "more": more})


class SecondToy(AheadToy):
    """Whose pump has a second model that thinks the pump gives `more`."""

    def __init__(self, directory: Path, more: float = 1.0) -> None:
        self.other = pond(more)
        super().__init__(directory, site(self.other))

    def answer_second(self, effects: Sequence[Effect], **but: Any) -> list[Effect]:
        """Answer the question to the second model."""
        (asked,) = (e for e in effects if isinstance(e, Simulate))
        told = {
            "ident": asked.ident,
            "foresight": self.foreseen_by_other(read_question(asked.question)),
            "why": "",
            "digest": self.other.digest,
            **but,
        }
        return list(self.core.feed(SimulationDone(self.salt(), **told), self.now))

    def foreseen_by_other(self, question: Question) -> bytes:
        """What the second model answers."""
        foreseer = Foreseer(self.other.model, in_turn(partial(answer, self.other.model)))
        return write_foresight(foreseer.foresee(question, float("inf")))


def site(other: Made) -> Site:
    of = plain()
    first = of.ahead[PUMP]
    second = replace(first, model="other", digest=other.digest)
    return replace(of, ahead={**of.ahead, PUMP: replace(first, second=second)})
