"""The claims plant with a virtual sensor of its level: `tank/flow` fills it, in m3/s at 100 m2."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.claims.site import make_site
from tests.unit.engine.ahead import PUMP, VALVE, AheadToy, ahead
from twinvouch.core.event import QueryAsked
from twinvouch.core.mode import ModeRules
from twinvouch.core.site import SECOND, Site
from twinvouch.core.virtual import HOUR_NS, Curve, Flow, Virtual

LEVEL, FLOW = "tank/level", "tank/flow"
TANK = Virtual(
    tag=LEVEL,
    levels=(0.0, 10.0),
    volumes=(0.0, 1000.0),
    flows=(Flow(FLOW, 1.0, 0.0),),
    error=0.02,
    curves={frozenset(): Curve((1.0, 8.0), (0.1, 0.8))},
    low=1.0,
    high=9.0,
    max_blind_ns=8 * HOUR_NS,
    window_ns=60 * SECOND,
    settle_ns=60 * SECOND,
    gap_ns=30 * SECOND,
    demands=(100, 150, 100, 0),
    assets=("valve",),
)


def site(*, looks_ahead: bool = False, **but: Any) -> Site:
    models = {VALVE: ahead(), PUMP: ahead(actuator="run")} if looks_ahead else {}
    modes = ModeRules(return_ns=5 * SECOND)
    return replace(make_site(), virtual={LEVEL: replace(TANK, **but)}, ahead=models, modes=modes)


class VirtualToy(AheadToy):
    """A Toy whose level is known for two minutes; the tank rises by 1 cm in 1 s while `flow` is 1."""

    def __init__(self, directory: Path, of: Site | None = None) -> None:
        super().__init__(directory, site() if of is None else of)
        self.level = 5.0

    def live(self, seconds: int = 120, *, flow: float = 0.0, says: float | None = None) -> None:
        """Batches every five seconds; the level says the truth, or what it is told to."""
        for _ in range(seconds // 5):
            self.wait(4.9)
            self.level += flow * 5 / 100
            told = self.level if says is None else says
            self.read(values={LEVEL: told, FLOW: flow}, rows=1)

    def shown(self) -> Any:
        from twinvouch.app.api.virtual_view import shown

        return shown(self.memory, LEVEL)

    def ask_virtual(self, who: str = "twin") -> Any:
        from tests.claims.site import reply

        query = QueryAsked(self.salt(), who, "readVirtual", LEVEL, "test")
        return reply(self.core.feed(query, self.now))
