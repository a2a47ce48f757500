"""A water tower beside the network: a booster pump fills it, people empty it. Simulated as one balance, not by EPANET.

Small, so that it runs over within two plant hours of a wrong command; the tanks of Net3 do not run over by their pumps.
Its level and its pump are at the controller. What fills and empties it is metered by a second station, which has a level
gauge of its own: that is what a lie at the first one does not reach. The pump has a curve, the demand has a day, both
meters are off and a leak is metered by nobody; whoever guards it knows none of that.
"""

from dataclasses import dataclass
from math import pi, sin
from typing import Final

from twinvouch.core.inventory import Encoding, Point, Table
from twinvouch.lab import net3
from twinvouch.lab.net3 import DEVICE, METER, UNIT, Register, Source

STATION: Final = "plc-2"
LEVEL, BOOSTER = "tower/level", "booster/run"
GAUGE, INFLOW, OUTFLOW = "station-2/level", "station-2/inflow", "station-2/outflow"
RIM_M: Final = 6.0
LIMITS_M: Final = (0.5, 5.5)
AREA_M2: Final = 100.0
PERIODS_S: Final = {"tower": 0.4, "station-2": 0.4}
_START_M: Final = 4.8  # long enough for a controller that comes late
_THIRSTY_M: Final = 1.5  # below it people get less
_HOUR_S: Final = 3_600.0
_DAY_S: Final = 24 * _HOUR_S


@dataclass(slots=True)
class Tower:
    """What is true of it: level in m, flows in m3/h; attributes that begin with `told` are what its instruments say."""

    level: float = _START_M
    runs: bool = False
    inflow: float = 0.0
    outflow: float = 0.0
    spilled_m3: float = 0.0
    clock_s: float = 0.0

    def step(self, seconds: float) -> None:
        """So many plant seconds further."""
        self.clock_s += seconds
        self.inflow = 162.0 - 3.0 * self.level if self.runs else 0.0
        demand = 75.0 * (1.0 + 0.1 * sin(2 * pi * self.clock_s / _DAY_S))
        self.outflow = demand * min(1.0, self.level / _THIRSTY_M)
        leak = 0.4 if self.level > 0 else 0.0
        self.level += (self.inflow - self.outflow - leak) * seconds / _HOUR_S / AREA_M2
        over = max(0.0, self.level - RIM_M)
        self.spilled_m3 += over * AREA_M2
        self.level = max(0.0, self.level - over)

    @property
    def told_gauge(self) -> float:
        """The second station's level gauge."""
        return self.level + 0.02

    @property
    def told_inflow(self) -> float:
        """Its meter at the pump."""
        return 1.01 * self.inflow

    @property
    def told_outflow(self) -> float:
        """Its meter at the way out."""
        return 0.985 * self.outflow


def _register(tag: str, of: str, point: Point, unit: str, high: float, rate: float) -> Register:
    group = "tower" if point.device == DEVICE else "station-2"
    is_bit = point.encoding is Encoding.BIT
    dtype = "u1" if is_bit else "f4"
    return Register(
        tag, Source.TOWER, of, point, unit, 0.0, high, rate, group, dtype, writable=is_bit
    )


def _second(address: int) -> Point:
    return Point(STATION, METER, Table.INPUT, address, Encoding.F32)


# The unit of flow is not one that the product knows: a second of its clock is 600 of the plant. Rates as in `net3`.
FLOW_UNIT: Final = "m3 per plant hour"
REGISTERS: Final = (
    _register(LEVEL, "level", Point(DEVICE, UNIT, Table.INPUT, 200, Encoding.F32), "m", 6.5, 0.6),
    _register(BOOSTER, "runs", Point(DEVICE, UNIT, Table.COIL, 2, Encoding.BIT), "", 1.0, 100.0),
    _register(GAUGE, "told_gauge", _second(202), "m", 6.5, 0.6),
    _register(INFLOW, "told_inflow", _second(204), FLOW_UNIT, 250.0, 4_000.0),
    _register(OUTFLOW, "told_outflow", _second(206), FLOW_UNIT, 150.0, 800.0),
)
BY_TAG: Final = net3.BY_TAG | {register.tag: register for register in REGISTERS}
