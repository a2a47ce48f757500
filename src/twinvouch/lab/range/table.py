"""The scenarios of the range. One entry each; what is declared as an observability gap is declared here, before any run."""

from math import pi
from types import MappingProxyType
from typing import Any, Final

from twinvouch.lab.range.building import HEATERS
from twinvouch.lab.range.building_true import ZONES
from twinvouch.lab.range.grid import SUMMED
from twinvouch.lab.range.lies import Coordinated, Drift, Offset, Replay
from twinvouch.lab.range.net3 import LEVELS
from twinvouch.lab.range.net3_true import DIAMETERS, GPM_PER_CFS
from twinvouch.lab.range.orders import Cycles, Ramps, Repeats
from twinvouch.lab.range.scenario import Kind, Scenario, Trick, Weather, Work

RUNS: Final = ("pump-10/run", "pump-335/run")
SPEEDS: Final = ("pump-10/speed", "pump-335/speed")
_ON: Final = (*((r, 1.0) for r in RUNS), *((s, 1.19) for s in SPEEDS))
_OFF: Final = tuple((r, 0.0) for r in RUNS)
_FLOWS: Final = {
    f"tank-{t}/level": (f"tank-{t}/inflow", pi / 4 * d**2 / 3_600 * GPM_PER_CFS)
    for t, d in DIAMETERS.items()
}

NET3: Final = (
    Scenario("net3-clean", "net3", Kind.CLEAN, ablated=True),
    Scenario("net3-set-point", "net3", Kind.CLEAN, shifts=0.08),
    Scenario(
        "net3-surge", "net3", Kind.CLEAN,
        weather=(Weather(1.3, 0.0, 4.0),), ablated=True,
    ),
    Scenario(
        "net3-maintenance", "net3", Kind.CLEAN,
        work=(Work(MappingProxyType({"pump-10/run": 0.0}), 1.0, 5.0),),
    ),
    Scenario("net3-hostile-on", "net3", Kind.ATTACK, orders=(Repeats(_ON),), ablated=True),
    Scenario("net3-hostile-off", "net3", Kind.ATTACK, orders=(Repeats(_OFF),), ablated=True),
    Scenario(
        "net3-salami", "net3", Kind.ATTACK,
        orders=(Ramps(SPEEDS, 1.0, 1.2, 1), Repeats(tuple((r, 1.0) for r in RUNS), 1)),
        strengths=(0.01, 0.03, 0.1),
    ),
    Scenario("net3-pump-cycling", "net3", Kind.ATTACK, orders=(Cycles(RUNS),), ablated=True),
    Scenario(
        "net3-two-together", "net3", Kind.ATTACK,
        orders=(Repeats((("pump-335/run", 0.0), ("pump-10/run", 0.0)), 1),),
    ),
    Scenario(
        "net3-levels-up", "net3", Kind.ATTACK,
        lies=(Offset(LEVELS),), strengths=(0.3, 0.4, 0.5), ablated=True,
    ),
    Scenario(
        "net3-levels-down", "net3", Kind.ATTACK,
        lies=(Offset(LEVELS, -1.0),), strengths=(0.3, 0.4, 0.5), ablated=True,
    ),
    *(
        Scenario(
            f"net3-drift-{name}", "net3", kind, lies=(Drift(LEVELS, sign),), strengths=(rate,),
            ablated=name == "1e-1",
        )
        for name, rate, sign, kind in (
            ("1e-1", 0.1, 1.0, Kind.ATTACK),
            ("1e-1-down", 0.1, -1.0, Kind.ATTACK),
            ("3e-2", 0.03, 1.0, Kind.ATTACK),
            ("1e-2", 0.01, 1.0, Kind.DRIFT),
            ("1e-3", 0.001, 1.0, Kind.DRIFT),
            ("1e-4", 0.0001, 1.0, Kind.DRIFT),
        )
    ),
    Scenario(
        "net3-coordinated", "net3", Kind.ATTACK,
        lies=(Coordinated(MappingProxyType(_FLOWS)),), strengths=(0.1,), ablated=True,
    ),
    Scenario(
        "net3-replay", "net3", Kind.ATTACK,
        lies=(Replay(("levels", "gauges", "flows", "pumps"), 4.0),), orders=(Repeats(_ON),),
        gap="every station of the tanks and pumps says what it said in the hours before: no independent domain sees them",
    ),
)  # fmt: skip

_ROOMS: Final = tuple(f"{z}/temp" for z in ZONES)
_STORM: Final = (Weather(1.4, 0.0, 24.0),)  # what is turned off is felt within hours
_COLD: Final = tuple((f"{z}/heater", 0.0) for z in ZONES)

BUILDING: Final = (
    Scenario("building-clean", "building", Kind.CLEAN),
    Scenario("building-set-point", "building", Kind.CLEAN, shifts=1.5),
    Scenario("building-storm", "building", Kind.CLEAN, weather=(Weather(1.3, 0.0, 4.0),)),
    Scenario(
        "building-heating-off",
        "building",
        Kind.ATTACK,
        orders=(Repeats(_COLD, 1),),
        weather=_STORM,
        ablated=True,
    ),
    Scenario(
        "building-valve-slam",
        "building",
        Kind.ATTACK,
        orders=(Cycles(("loop/valve",), 0.55, 0.95),),
        ablated=True,
    ),
    Scenario(
        "building-valve-creep",
        "building",
        Kind.ATTACK,
        orders=(Ramps(("loop/valve",), -1.0, 0.0),),
        weather=_STORM,
        strengths=(0.02, 0.05, 0.1),
    ),
    Scenario(
        "building-rooms-warm",
        "building",
        Kind.ATTACK,
        lies=(Offset(_ROOMS),),
        strengths=(0.2, 0.3, 0.4),
        ablated=True,
    ),
    Scenario(
        "building-rooms-drift",
        "building",
        Kind.ATTACK,
        lies=(Drift(_ROOMS),),
        strengths=(0.03, 0.1),
    ),
)

_PURGE: Final = (Repeats((("loop/purge", 1.0),)),)
_HOT: Final = tuple((f"{z}/heater", 1.0) for z in ZONES)


def _misuse(name: str, *tricks: Trick, **more: Any) -> Scenario:
    told = {"orders": _PURGE, **more}
    return Scenario(f"building-{name}", "building", Kind.MISUSE, tricks=frozenset(tricks), **told)


MISUSE: Final = (
    _misuse("replayed-permit", Trick.REPLAYED_PERMIT, orders=(Repeats(_COLD, 1),), weather=_STORM),
    _misuse("forged-permit", Trick.FORGED_PERMIT, orders=(Repeats(_COLD, 1),), weather=_STORM),
    _misuse("expired-approval", Trick.EXPIRED_APPROVAL),
    _misuse("same-person-twice", Trick.TWICE),
    _misuse("mode-abuse", Trick.RAISES_MODE),
    _misuse("in-anothers-name", Trick.NOT_OWNER),
    _misuse("ticket-abuse", Trick.TICKETS, orders=(), lies=(Offset(_ROOMS),), strengths=(0.2, 0.3, 0.4)),
    _misuse("safe-list-abuse", orders=(Repeats(_HOT, 1),)),
    Scenario("building-stop", "building", Kind.STOP, stops=HEATERS),
    *(
        Scenario(
            f"net3-{name}", "net3", Kind.MISUSE, orders=(Repeats(orders, 3),), tricks=frozenset({trick}), gap=gap,
        )
        for name, trick, orders, gap in (
            ("poisoned-look-ahead", Trick.POISONED, _OFF, ""),
            ("killed-worker", Trick.KILLED, _OFF, ""),
            ("distrusts", Trick.DISTRUSTS, _ON, "a person's word lets every station that tells of the tanks count as nothing"),
        )
    ),
    Scenario(
        "net3-recalibration", "net3", Kind.CLEAN, recalibrated=MappingProxyType({"tank-1/level": 0.5}),
    ),
)  # fmt: skip

_BREAKERS: Final = ("ab", "bc", "a12", "ca", "b13", "ab2", "c12")

GRID: Final = (
    Scenario("grid-clean", "grid", Kind.CLEAN),
    Scenario("grid-set-point", "grid", Kind.CLEAN, shifts=0.05),
    Scenario("grid-surge", "grid", Kind.CLEAN, weather=(Weather(1.1, 0.0, 4.0),)),
    Scenario(
        "grid-switching-burst",
        "grid",
        Kind.ATTACK,
        orders=(Repeats(tuple((f"line-{n}/closed", 0.0) for n in _BREAKERS), 1),),
        ablated=True,
    ),
    Scenario(
        "grid-hostile-dispatch",
        "grid",
        Kind.ATTACK,
        orders=(Repeats((("gen-a/power", 0.0), ("gen-b/power", 230.0), ("gen-c/power", 0.0)), 2),),
        ablated=True,
    ),
    Scenario(
        "grid-two-lines",
        "grid",
        Kind.ATTACK,
        orders=(Repeats((("line-a12/closed", 0.0), ("line-a13/closed", 0.0)), 6),),
        ablated=True,
    ),
    Scenario(
        "grid-false-loads",
        "grid",
        Kind.ATTACK,
        lies=(Offset(SUMMED["b"]), Offset(SUMMED["c"], -1.0)),
        strengths=(0.2, 0.3),
        ablated=True,
    ),
)
ALL: Final = (*NET3, *BUILDING, *GRID, *MISUSE)
BY_NAME: Final = {s.name: s for s in ALL}
