"""The claims plant with the tank model on its valve, and a watchdog that may open it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.unit.engine.ahead import LEVEL, VALVE, AheadToy, ahead
from tests.unit.engine.ahead import site as plain
from twinvouch.core.event import Effect, Simulate
from twinvouch.core.finding import Finding
from twinvouch.core.safe import Safe
from twinvouch.core.site import SECOND, Site
from twinvouch.core.watchdog import Response, SafeAction, Watchdog

EVERY_S = 60
TURN_NS = EVERY_S * SECOND
MODEL = "net"


def watchdog(response: Response = Response.SAFE_ACTION, **but: Any) -> Watchdog:
    usual = Watchdog(
        ahead=ahead(actuator="", window_ns=60 * SECOND),
        every_ns=EVERY_S * SECOND,
        warn_s=3600.0,
        response=response,
        safe=(SafeAction(VALVE, 0.5),),
        unanswered=3,
        assets=("valve",),
    )
    return replace(usual, **but)


def site(response: Response = Response.SAFE_ACTION, **but: Any) -> Site:
    of = plain()
    dog = watchdog(response, **but)
    listed = tuple(Safe("valve", a.tag, a.value, 6) for a in dog.safe)
    return replace(of, watchdogs={MODEL: dog}, ahead={VALVE: of.ahead[VALVE]}, safe={VALVE: listed})


class WatchedToy(AheadToy):
    """Falls from a level of choice, or stands."""

    def __init__(self, directory: Path, of: Site | None = None) -> None:
        super().__init__(directory, site() if of is None else of)

    def turn(self, level: float, valve: float = 0.0, **but: Any) -> list[Effect]:
        """A reading, and a tick in the next turn of the watchdog; with what it asked."""
        self.now = (self.now // TURN_NS + 1) * TURN_NS - SECOND
        self.read(values={LEVEL: level, VALVE: valve}, **but)
        return self.wait(2)

    def answered(self, level: float, valve: float = 0.0) -> list[Effect]:
        """The same, and what the model's answer brought about."""
        return self.answer(self.turn(level, valve))

    def told(self, rule: str) -> list[Finding]:
        return [f for _, _, f in self.memory.findings if f.rule == rule]


def idle(effects: Sequence[Effect]) -> list[Simulate]:
    return [e for e in effects if isinstance(e, Simulate)]
