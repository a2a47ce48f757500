"""The grid as the guard knows it: loads by area, each area its own station; flows of the ties by phasor meters of a fourth.

What an area generates, less what it uses and what leaves over its ties, is nothing: a balance that a station which lies about its
loads cannot keep, however well the flows that it tells itself fit its loads.
"""

import json
from collections.abc import Mapping, Sequence
from random import Random
from typing import Final

from twinvouch.core.declared import Balance, Take, Term
from twinvouch.core.inventory import CommandClass
from twinvouch.core.lookahead import Source
from twinvouch.core.past import Joint, Past
from twinvouch.core.site import SECOND
from twinvouch.lab.range.grid_true import (
    AREAS,
    BUSES,
    GENERATORS,
    LINES,
    LOADS,
    TIES,
    GridTrue,
)
from twinvouch.lab.range.plants import Lever, Lookout, Sector, Sensor, Wish

SUMMED: Final = {area: tuple(f"bus-{b}/load" for b in buses) for area, buses in AREAS.items()}
_LEAST_MW: Final = 2.0  # that the dispatcher changes
# of a rate, that the guard keeps free: a line may carry a fifth less than is declared, by a rating that is 3 % off, and flows are by reactances that are 10 % off
_MARGIN: Final = 0.25
_TEN_MINUTES_NS: Final = 600 * SECOND


def sector() -> Sector:
    """Nine buses in three areas."""
    return Sector(
        name="grid",
        domains={**{f"rtu-{a}": (f"area-{a}",) for a in AREAS}, "pmu": ("ties",), "rtu-switch": ("switch",)},
        sensors=tuple(_sensors()),
        levers=tuple(_levers()),
        redundancies=(),
        balances=tuple(_balances()),
        lookout=_lookout(),
        laws=("dispatch",),
        make=GridTrue,
        operator=Dispatcher,
        sources=("twinvouch.lab.range.grid_true",),
        hours=20.0,
        attack_h=4.0,
        wishes=2,
    )  # fmt: skip


class Dispatcher:
    """Fits Operator: every area's generator follows the loads that its own station tells, and half of what the others lack."""

    looks = tuple(tag for tags in SUMMED.values() for tag in tags)

    def __init__(self, chance: Random) -> None:
        self._chance, self._share = chance, 0.0

    def shift(self, by: float) -> None:
        """So much of its load more from area b, less from c."""
        self._share += by

    def wishes(self, shown: Mapping[str, float | None]) -> Sequence[Wish]:
        """An area of which he does not see every load is left as it is."""
        found = []
        for area, tags in SUMMED.items():
            now = shown[f"gen-{area}/power"]
            loads = [shown[t] for t in tags]
            if now is None or any(mw is None for mw in loads):
                continue
            moved = {"a": 0.0, "b": self._share, "c": -self._share}[area]
            wanted = sum(mw or 0.0 for mw in loads) * (1 + moved) + self._chance.uniform(-3.0, 3.0)
            wanted = round(min(max(wanted, 0.0), GENERATORS[area][1]), 1)
            if abs(wanted - now) >= _LEAST_MW:
                found.append((abs(wanted - now), Wish(f"gen-{area}/power", wanted, tags)))
        open_lines = [n for n in LINES if (shown[f"line-{n}/closed"] or 0.0) < 0.5]
        closes = [Wish(f"line-{n}/closed", 1.0, (f"line-{n}/closed",)) for n in open_lines]
        return [*closes, *(wish for _, wish in sorted(found, key=lambda each: -each[0]))]


def _sensors() -> list[Sensor]:
    found = [
        Sensor(f"bus-{b}/load", "MW", 0.0, 2.5 * LOADS[b], f"area-{a}", share=0.005)
        for a, buses in AREAS.items()
        for b in buses
    ]
    found += [Sensor(f"tie-{n}/flow", "MW", -150.0, 150.0, "ties", noise=0.3) for n in TIES]
    found.append(Sensor("gen-a/slack", "MW", -400.0, 400.0, "ties", noise=0.3))
    return found


def _levers() -> list[Lever]:
    found = [
        Lever(f"gen-{g}/power", "MW", 0.0, high, "switch", model=f"gen:{g}", past=Past(writes=20))
        for g, (_, high) in GENERATORS.items()
    ]
    names = [f"line-{n}/closed" for n in LINES]
    for n, tag in zip(LINES, names, strict=True):
        others = tuple(t for t in names if t != tag)
        together = Past(joints=(Joint("lines", others, low_sum=len(LINES) - 1.0),), writes=6)
        found.append(
            Lever(tag, "1", 0.0, 1.0, "switch", CommandClass.B, f"line:{n}", past=together)
        )
    return found


def _balances() -> list[Balance]:
    found = []
    for area, tags in SUMMED.items():
        terms = [Term(tag, -1.0, Take.MEAN) for tag in tags]
        terms.append(Term(f"gen-{area}/power", 1.0, Take.MEAN))
        if area == "a":
            terms.append(Term("gen-a/slack", 1.0, Take.MEAN))
        for tie, (first, second) in TIES.items():
            if area in {first, second}:
                sign = -1.0 if area == first else 1.0
                terms.append(Term(f"tie-{tie}/flow", sign, Take.MEAN))
        found.append(Balance(f"area-{area}", tuple(terms), 12.0, _TEN_MINUTES_NS, "MW"))
    return found


def _lookout() -> Lookout:
    loads = {
        f"load:{b}": Source(f"bus-{b}/load", 0.0, 1.6 * LOADS[b], error=0.03 * LOADS[b], drift_per_h=0.2 * LOADS[b])
        for b in BUSES
    }  # fmt: skip
    power = {f"gen:{g}": Source(f"gen-{g}/power", 0.0, high) for g, (_, high) in GENERATORS.items()}
    lines = {f"line:{n}": Source(f"line-{n}/closed", 0.0, 1.0) for n in LINES}
    return Lookout(
        "twinvouch.twin.grid:Grid",
        file,
        {},
        {**loads, **power, **lines},
        {"loading": (-1.0, 1.0 - _MARGIN)},
        horizon_s=3_600.0,
        tau_s=1_800.0,
        demand=0.05,
        tolerance=1e-6,
    )


def file() -> bytes:
    """The grid as its file has it."""
    told = {
        "buses": list(BUSES),
        "lines": {n: {"from": a, "to": b, "x": x, "rate_mw": rate} for n, (a, b, x, rate) in LINES.items()},
        "generators": {g: {"bus": bus, "high_mw": high} for g, (bus, high) in GENERATORS.items()},
    }  # fmt: skip
    return json.dumps(told).encode()
