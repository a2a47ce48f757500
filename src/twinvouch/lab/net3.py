"""What the demo measures and moves on EPANET Net3: about thirty registers, their ranges and rates.

Ranges are what the tanks and pumps can physically do. Rates are per second of the accelerated clock:
four times the largest change between two scans seen in 8 plant days of clean runs (pump 10 off, on,
switched by level, switched every 15 minutes, at speeds 0.8 to 1.1), so a clean run gives no finding.
`survey` in tests/unit/lab/test_waterworks.py measures them again.
"""

from dataclasses import dataclass
from enum import Enum, auto

from twinvouch.core.inventory import Encoding, Point, Table

PLANT = "net3"
DEVICE = "plc-1"
IDENTITY = {0: b"twinvouch", 1: b"NET3", 2: b"1.0", 4: b"virtual plant"}  # function 43/14
UNIT = 1
METER = 2  # a second unit behind the same address: what is measured, and nothing else
STEP_S = 60  # plant seconds that one tick computes
TICK_S = 0.1  # wall seconds between ticks: 600 plant seconds a second
TANKS = ("1", "2", "3")
TWIN_PUMP = "10"  # Lake source: the file's time control is removed, only commands move it
PLANT_PUMP = "335"  # River source: the file's control by the level of tank 1 stays
RUN, SPEED = "pump-10/run", "pump-10/speed"
LEVEL = "tank-1/level"  # what the demo's controller keeps in its band
PERIODS_S = {"tanks": 0.2, "pressures": 0.4, "flows": 0.4}


class Source(Enum):
    """Where the value of a register comes from."""

    LEVEL = auto()
    PRESSURE = auto()
    FLOW = auto()
    RUN = auto()
    SPEED = auto()
    TOWER = auto()  # not of the network: `of` is what the tower calls it


@dataclass(frozen=True, slots=True)
class Register:
    """One tag: EPANET object, place on the controller, unit, range, rate (units per wall second)."""

    tag: str
    source: Source
    of: str  # EPANET id, or an attribute of the tower
    point: Point
    unit: str
    low: float
    high: float
    rate: float
    group: str
    dtype: str
    writable: bool = False


def _input(address: int, encoding: Encoding, scale: float = 1.0) -> Point:
    return Point(DEVICE, UNIT, Table.INPUT, address, encoding, scale)


def _level(number: int, low: float, high: float, rate: float) -> Register:
    point = _input(2 * (number - 1), Encoding.F32)
    tag = f"tank-{number}/level"
    return Register(tag, Source.LEVEL, str(number), point, "m", low, high, rate, "tanks", "f4")


def _flow(place: int, asset: str, low: float, high: float, rate: float) -> Register:
    group = "tanks" if asset.startswith("pump") else "flows"
    point = _input(20 + 2 * place, Encoding.F32)
    link = asset.partition("-")[2]
    return Register(f"{asset}/flow", Source.FLOW, link, point, "m3/h", low, high, rate, group, "f4")


def _pressure(place: int, node: str, low: float, high: float, rate: float) -> Register:
    point = _input(100 + place, Encoding.I16, 0.1)
    tag = f"node-{node}/pressure"
    return Register(tag, Source.PRESSURE, node, point, "kPa", low, high, rate, "pressures", "f8")


def _run(address: int, pump: str, *, writable: bool) -> Register:
    point = Point(DEVICE, UNIT, Table.COIL, address, Encoding.BIT)
    tag = f"pump-{pump}/run"
    return Register(tag, Source.RUN, pump, point, "", 0.0, 1.0, 100.0, "tanks", "u1", writable)


REGISTERS = (
    _level(1, 0.03, 9.79, 0.5),
    _level(2, 1.98, 12.29, 0.5),
    _level(3, 1.21, 10.83, 0.3),
    _run(0, TWIN_PUMP, writable=True),
    _run(1, PLANT_PUMP, writable=False),
    Register(
        SPEED,
        Source.SPEED,
        TWIN_PUMP,
        Point(DEVICE, UNIT, Table.HOLDING, 0, Encoding.U16, 0.001),
        "",
        0.0,
        2.0,
        100.0,
        "tanks",
        "f8",
        writable=True,
    ),
    _flow(0, "pump-10", -1.0, 1200.0, 16000.0),
    _flow(1, "pump-335", -1.0, 3600.0, 62000.0),
    _flow(2, "pipe-20", -1500.0, 1200.0, 20000.0),
    _flow(3, "pipe-40", -900.0, 600.0, 12000.0),
    _flow(4, "pipe-50", -400.0, 400.0, 3000.0),
    _flow(5, "pipe-60", 1000.0, 3600.0, 24000.0),
    _flow(6, "pipe-101", -1.0, 1200.0, 16000.0),
    _flow(7, "pipe-173", 900.0, 2800.0, 12000.0),
    _flow(8, "pipe-229", 700.0, 1600.0, 3000.0),
    _flow(9, "pipe-330", -1.0, 2400.0, 38000.0),
    _pressure(0, "10", -60.0, 450.0, 7000.0),
    _pressure(1, "15", 200.0, 550.0, 2000.0),
    _pressure(2, "35", 330.0, 540.0, 1000.0),
    _pressure(3, "60", 590.0, 690.0, 500.0),
    _pressure(4, "61", 600.0, 1000.0, 6000.0),
    _pressure(5, "101", 220.0, 540.0, 3000.0),
    _pressure(6, "117", 340.0, 560.0, 1500.0),
    _pressure(7, "151", 300.0, 520.0, 1600.0),
    _pressure(8, "173", 390.0, 580.0, 1100.0),
    _pressure(9, "199", 370.0, 550.0, 1000.0),
    _pressure(10, "211", 340.0, 490.0, 600.0),
    _pressure(11, "237", 320.0, 460.0, 500.0),
    _pressure(12, "263", 380.0, 580.0, 1400.0),
)
BY_TAG = {register.tag: register for register in REGISTERS}
