"""The water network as the guard knows it: its tags, what is declared of them, its model, and the operator of the control room.

Three stations tell of the tanks, each its own failure domain: level transmitters, pressure gauges at their feet (here in feet of
water), and meters of what flows in. A fourth has the pumps. The guard's model is the file as wntr ships it, without its controls.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from math import pi
from random import Random
from typing import Final

from twinvouch.core.declared import Balance, Redundancy, Take, Term
from twinvouch.core.lookahead import Source
from twinvouch.core.past import Past
from twinvouch.core.site import SECOND
from twinvouch.core.virtual import Curve, Flow, Instead, Virtual
from twinvouch.lab.epanet import network_file
from twinvouch.lab.range.net3_true import (
    DIAMETERS,
    FILL,
    GPM_PER_CFS,
    LIMITS,
    PUMPS,
    RANGES,
    STARTS,
    Net3True,
)
from twinvouch.lab.range.plants import (
    Commissioning,
    Lever,
    Lookout,
    Sector,
    Sensor,
    Watch,
    Wish,
)

HOUR_NS: Final = 3_600 * SECOND
_WINDOW_NS: Final = 5 * HOUR_NS // 2  # that a lie may have lasted when it is found
LEVELS: Final = tuple(f"tank-{t}/level" for t in RANGES)
# of a range, that the guard's limits lie inside the plant's: about half of what the fitted model is off after an hour (root mean
# square 1.1, 1.5 and 0.45 %, calibration seeds 100 to 105); of tank 2, the smallest, all of it, since most that was unsafe was there
MARGINS: Final = {"1": 0.006, "2": 0.015, "3": 0.0025}
FT_PER_H: Final = 4.0  # a level moves no faster
# inflow of a tank by what its pumps do, gpm: base, and gains of DRIVERS, by least squares over the honest days of calibration seeds
# 100 to 111; and half widths, feet, that held 98 % of the errors at 1, 4, 8 and 16 h on their runs, half of them with pumps that were
# switched at random or stood, and with speeds beyond the operator's
DRIVERS: Final = tuple(f"pump-{p}/{what}" for what in ("run", "speed") for p in PUMPS)
DRIVEN: Final = {
    "1": ((-5675.5, 962.4, 2178.6, 1018.0, 2510.2), (1.52, 4.35, 6.25, 11.1)),
    "2": ((-1034.8, 314.7, 593.4, -124.8, 536.8), (2.03, 5.97, 8.18, 10.7)),
    "3": ((-13668.1, 1833.7, 9169.8, 1903.1, 4614.4), (0.86, 2.89, 4.31, 5.34)),
}
_SLOWEST, _FASTEST = 0.85, 1.1  # that the operator sets
_LEAST = 0.02  # that he changes


def sector() -> Sector:
    """Net3 with two pumps and three tanks."""
    return Sector(
        name="net3",
        domains={e: (e.removeprefix("rtu-"),) for e in ("rtu-levels", "rtu-gauges", "rtu-flows", "rtu-pumps")},
        sensors=tuple(_sensors()),
        levers=tuple(_levers()),
        redundancies=tuple(
            Redundancy(f"tank-{t}", (f"tank-{t}/level", f"tank-{t}/gauge"), 1.9, 300 * SECOND)
            for t in RANGES
        ),
        balances=tuple(_balances()),
        lookout=_lookout(),
        laws=("fill",),
        make=Net3True,
        operator=ControlRoom,
        sources=("twinvouch.lab.range.net3_true", "twinvouch.lab.epanet", "twinvouch.lab.epanet_model"),
        virtual=tuple(_virtual(t) for t in RANGES),
        safe=tuple((f"pump-{p}/run", to, 2) for to in (1.0, 0.0) for p in PUMPS),
        watch=Watch(900.0, 5_400.0, tuple((f"pump-{p}/run", to) for to in (1.0, 0.0) for p in PUMPS)),
        commissioning=Commissioning(
            partial(Net3True, is_before=True),
            {
                **{f"tank:{t}": f"tank-{t}/level" for t in RANGES},
                **{f"{what}:{p}": f"pump-{p}/{what}" for p in PUMPS for what in ("run", "speed")},
            },
            {f"inflow:{t}": f"tank-{t}/inflow" for t in RANGES},
        ),
        hours=20.0,
        attack_h=4.0,
    )  # fmt: skip


class ControlRoom:
    """Fits Operator: on and off by the mean of the tanks that are shown, trims of the speeds between."""

    looks = LEVELS

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self.middle = 0.57  # of the tanks' fill, that he wants

    def shift(self, by: float) -> None:
        """Of the fill."""
        self.middle += by

    def wishes(self, shown: Mapping[str, float | None]) -> Sequence[Wish]:
        """Nothing where he sees no level."""
        seen = {t: (shown[t], RANGES[t[5]]) for t in LEVELS if shown[t] is not None}
        shares = {t: ((v or 0.0) - lo) / (hi - lo) for t, (v, (lo, hi)) in seen.items()}
        if not shares:
            return ()
        mean, looked = sum(shares.values()) / len(shares), tuple(shares)
        found = [*self._switches(shown, mean, shares), *self._trims(shown, mean)]
        return [Wish(tag, value, looked) for tag, value in found]

    def _switches(
        self, shown: Mapping[str, float | None], mean: float, shares: Mapping[str, float]
    ) -> Sequence[tuple[str, float]]:
        highest, lowest = max(shares.values()), min(shares.values())
        found = []
        for pump, band in (("335", 0.1), ("10", 0.06)):
            is_on = (shown[f"pump-{pump}/run"] or 0.0) > 0.5
            is_low, is_high = mean < self.middle - band or lowest < 0.2, mean > self.middle + band
            if is_low and not is_on:
                found.append((f"pump-{pump}/run", 1.0))
            elif (is_high or highest > 0.9) and is_on and lowest > 0.25:
                found.append((f"pump-{pump}/run", 0.0))
        return found

    def _trims(self, shown: Mapping[str, float | None], mean: float) -> Sequence[tuple[str, float]]:
        wanted = 1.0 + 0.6 * (self.middle - mean) + self._chance.uniform(-0.03, 0.03)
        wanted = round(min(max(wanted, _SLOWEST), _FASTEST), 2)
        pumps = self._chance.sample(PUMPS, len(PUMPS))
        speeds = [(f"pump-{p}/speed", shown[f"pump-{p}/speed"] or 0.0) for p in pumps]
        return [(tag, wanted) for tag, now in speeds if abs(now - wanted) >= _LEAST]


def _sensors() -> list[Sensor]:
    found = []
    for t, (lo, hi) in RANGES.items():
        level = Sensor(f"tank-{t}/level", "ft", lo - 1, hi + 1, "levels", 0.005, noise=0.05)
        gauge = Sensor(f"tank-{t}/gauge", "ft", lo - 4, hi + 4, "gauges", noise=0.35, bias=0.25)
        flow = Sensor(f"tank-{t}/inflow", "gpm", -9e3, 9e3, "flows", share=0.02, share_bias=0.01)
        found += [level, gauge, flow]
    return found


def _levers() -> list[Lever]:
    runs = Past(starts=STARTS, dwell_on_ns=240 * SECOND, dwell_off_ns=240 * SECOND)
    trims = Past(ramp=0.3, ramp_ns=HOUR_NS)
    found = []
    for p in PUMPS:
        run, speed = f"pump-{p}/run", f"pump-{p}/speed"
        found.append(Lever(run, "1", 0.0, 1.0, "pumps", model=f"run:{p}", past=runs, shows=0.02))
        found.append(
            Lever(speed, "1", 0.6, 1.2, "pumps", model=f"speed:{p}", past=trims, shows=0.02)
        )
    return found


def _balances() -> list[Balance]:
    """What flows into a tank is what its gauge gains, over an hour and over six.

    Levels are left to what is redundant: meters that were doubted with them could not stand in for them.
    """
    found = []
    for t, diameter in DIAMETERS.items():
        per_foot = (
            pi / 4 * diameter**2 / 3_600 * GPM_PER_CFS
        )  # gpm for an hour that raise it a foot
        for hours, feet in ((1, 2.4), (6, 2.6)):
            terms = (
                Term(f"tank-{t}/inflow", 1.0, Take.MEAN),
                Term(f"tank-{t}/gauge", -per_foot / hours, Take.CHANGE),
            )
            tolerance = feet * per_foot / hours
            found.append(Balance(f"tank-{t}-{hours}h", terms, tolerance, hours * HOUR_NS, "gpm"))
    return found


def _virtual(t: str) -> Virtual:
    """By its metered inflow. Widths are 1.3 times what held 98 % of the errors on calibration seeds 100 to 111; without meter and pumps 95 %."""
    (base, *gains), driven = DRIVEN[t]
    pumps = Instead(base, tuple(zip(DRIVERS, gains, strict=True)))
    area, meter = pi / 4 * DIAMETERS[t] ** 2, f"tank-{t}/inflow"
    low, high = LIMITS[f"tank-{t}/level"]
    lo, hi = RANGES[t]
    return Virtual(
        tag=f"tank-{t}/level",
        levels=(lo - 2.0, hi + 2.0),
        volumes=(0.0, area * (hi - lo + 4.0)),
        flows=(Flow(meter, 1.0 / GPM_PER_CFS, 0.0, instead=pumps),),
        error=0.15,
        curves={
            frozenset(): Curve((1.0, 4.0, 16.0), (0.07, 0.17, 0.25)),
            frozenset({meter}): Curve((1.0, 4.0, 16.0), (3.0, 7.0, 11.0)),
        },
        instead={frozenset({meter}): Curve((1.0, 4.0, 8.0, 16.0), driven)},
        low=low,
        high=high,
        max_blind_ns=24 * HOUR_NS,
        window_ns=_WINDOW_NS,
        settle_ns=_WINDOW_NS,
        gap_ns=700 * SECOND,
    )


def _lookout() -> Lookout:
    tanks = {
        f"tank:{t}": Source(f"tank-{t}/level", lo, hi, error=0.3, drift_per_h=FT_PER_H)
        for t, (lo, hi) in RANGES.items()
    }
    pumps = {
        f"{what}:{p}": Source(f"pump-{p}/{what}", 0.0, 1.2)
        for p in PUMPS
        for what in ("run", "speed")
    }
    limits = {}
    for t, (lo, hi) in RANGES.items():
        low, high = LIMITS[f"tank-{t}/level"]
        margin = MARGINS[t] * (hi - lo)
        limits[f"tank:{t}"] = (low + margin, high - margin)
    return Lookout(
        "twinvouch.adapters.epanet_ahead:Epanet",
        uncontrolled,
        {"fill": FILL},
        {**tanks, **pumps},
        limits,
        horizon_s=6 * 3_600.0,
        tau_s=3_600.0,
        demand=0.08,
        tolerance=0.02,
    )


def uncontrolled() -> bytes:
    """The input file without its simple controls, so that commands move both pumps."""
    kept, section = [], ""
    for line in network_file("Net3").read_text("latin-1").splitlines():
        section = line.strip() if line.startswith("[") else section
        if section != "[CONTROLS]" or not line.lower().startswith("link"):
            kept.append(line)
    return "\n".join(kept).encode("latin-1")
