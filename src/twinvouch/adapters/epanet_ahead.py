"""A water network as look-ahead steps it: EPANET runs it, Hazen-Williams and mass balance certify what it told.

The data file is the input file. Pumps that no control by level moves are the actuators: `run:ID` (0, 1) and `speed:ID`. What
controls by level move stays with them, as the plant's own control, from the status in `status:ID`; controls by time are taken
out. Quantities: `tank:ID`, the level, in the unit of the file. The library is opened by the first `restore`, so that who only
certifies does not need it.
"""

from collections.abc import Mapping, Sequence
from math import isfinite, nan
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.adapters.epanet import Project, Values
from twinvouch.adapters.epanet_fit import parameters, varied
from twinvouch.core.errors import MalformedError
from twinvouch.core.lookahead import CLOCK, DEMAND, Trace
from twinvouch.twin.hydraulics import Hydraulics
from twinvouch.wire.inp import TankOf, read_inp

_EDGE: Final = 0.005  # of a tank's range: EPANET shuts a full tank, so limits have to lie inside
_AT_END: Final = 1e-4  # of it: such a level is full or empty
_NUMBERS: Final = {"fill"}


class Epanet:
    """Fits Lookahead. Law `fill` runs all pumps while the tanks together are emptier than number `fill` (0.5), and none after that."""

    laws = ("fill",)
    parameters = staticmethod(parameters)
    varied = staticmethod(varied)

    def __init__(self, data: bytes, numbers: Mapping[str, float]) -> None:
        if strange := sorted(set(numbers) - _NUMBERS):
            raise ValueError(f"numbers of a network: unknown {strange}, there is `fill`")
        try:
            self._inp = read_inp(data)
        except MalformedError as error:
            raise ValueError(str(error)) from None
        self._data, self._fill = data, numbers.get("fill", 0.5)
        self._tanks = tuple(self._inp.tanks)
        self._pumps = tuple(p for p in self._inp.pumps if p not in self._inp.controlled)
        self._moved = tuple(sorted(self._inp.controlled))
        self._statuses = tuple(f"status:{link}" for link in self._moved)
        if not self._tanks or not self._pumps:
            raise ValueError("a network needs a tank, and a pump that no control by level moves")
        self.actuators = tuple(f"{w}:{p}" for p in self._pumps for w in ("run", "speed"))
        self.columns: tuple[str, ...] = (
            *(f"tank:{t}" for t in self._tanks),
            *self.actuators,
            *self._statuses,
            *(f"inflow:{t}" for t in self._tanks),  # mean of the step that begins here
            *(DEMAND, CLOCK),
        )
        self._physics = Hydraulics(self._inp)
        feet = self._inp.feet
        self._spans = [
            (f"tank:{n}", t.low / feet, (t.high - t.low) / feet) for n, t in self._inp.tanks.items()
        ]
        self._bottoms = [(f"tank:{n}", t.elevation / feet) for n, t in self._inp.tanks.items()]
        self._all_on = dict.fromkeys(self.actuators, 1.0)
        self._all_off = {a: float(a.startswith("speed:")) for a in self.actuators}
        self._project: Project | None = None
        self._node: dict[str, int] = {}
        self._link: dict[str, int] = {}
        self._read: dict[str, Values] = {}
        self._at: dict[str, float] = {}  # of all columns but inflows, in their order

    def limits(self) -> Mapping[str, tuple[float, float]]:
        """Levels a little inside of empty and full."""
        found = {}
        for name, tank in self._inp.tanks.items():
            low, high = tank.low / self._inp.feet, tank.high / self._inp.feet
            edge = _EDGE * (high - low)
            found[f"tank:{name}"] = (low + edge, high - edge)
        return found

    def restore(self, start: Mapping[str, float]) -> None:
        """As Lookahead.restore; pumps that are not given are off, controlled links open."""
        if not all(isfinite(v) for v in start.values()):
            raise ValueError("a network starts with finite numbers")
        project = self._opened()
        levels = {c: start[c] for c, _, _ in self._spans if c in start}
        if len(levels) < len(self._tanks):
            raise ValueError(f"a network starts with the levels of {', '.join(self._tanks)}")
        self._at = {
            **levels,
            **{a: start.get(a, float(a.startswith("speed"))) for a in self.actuators},
            **{s: float(start.get(s, 1.0) > 0.5) for s in self._statuses},
            DEMAND: start.get(DEMAND, 1.0),
            CLOCK: start.get(CLOCK, 0.0),
        }
        project.begin(
            {self._node[t]: self._at[f"tank:{t}"] for t in self._tanks},
            {self._link[p]: self._speed(p) for p in self._pumps},
            {self._link[link]: self._at[f"status:{link}"] for link in self._moved},
            (self._at[CLOCK], self._at[DEMAND]),
        )

    def snapshot(self) -> Mapping[str, float]:
        """As Lookahead.snapshot."""
        return dict(self._at)

    def law(self, name: str, state: Mapping[str, float]) -> Mapping[str, float]:
        """All on below the fill, off above it."""
        shares = [(state[column] - low) / span for column, low, span in self._spans]
        is_on = name in self.laws and sum(shares) / len(shares) < self._fill
        return self._all_on if is_on else self._all_off

    def step(
        self, settings: Mapping[str, float], seconds: float, *, is_sampled: bool
    ) -> tuple[Sequence[float], Sequence[float]]:
        """As Lookahead.step; within it EPANET may solve several times, where a control by level acts."""
        project, at = self._opened(), self._at
        for name, value in settings.items():
            if at[name] != value:
                at[name] = value
                pump = name.partition(":")[2]
                project.set_pump(self._link[pump], self._speed(pump))
        project.solve()
        if self._moved:
            told = self._read["statuses"].read()
            at.update(zip(self._statuses, (float(s > 0) for s in told), strict=True))
        *known, factor, clock = at.values()
        sample = [*self._read["heads"].read(), *self._read["flows"].read()] if is_sampled else []
        inflow = self._advanced(project, round(seconds))
        return [*known, *inflow, factor, clock], sample

    def residual(self, start: Mapping[str, float], trace: Trace, step_s: float) -> float:
        """Tanks fill by what flows into them, in every step; sampled moments solve the network.

        In the step in which a tank gets full or empty EPANET tells the flow to its end and holds the level there. With an empty
        tank parts of the network may have no supply, and then their heads and flows solve nothing: such a moment, in a run
        that has left any limits already, counts by its tanks alone.
        """
        rows = dict(zip(self.columns, trace.rows.T, strict=True))
        wrong = [0.0]
        for name, tank in self._inp.tanks.items():
            level = rows[f"tank:{name}"] * self._inp.feet
            stored = np.diff(level) * tank.area / step_s
            told = rows[f"inflow:{name}"][:-1] * self._inp.cfs
            apart = np.where(_is_cut(level[1:], tank, stored, told), 0.0, np.abs(stored - told))
            wrong.append(float(apart.max(initial=0.0)) / self._physics.usual)
        for at, sample in zip(trace.sampled, trace.samples, strict=True):
            row = {name: float(column[at]) for name, column in rows.items()}
            if self._is_dry(row):
                continue
            moment = start.get(CLOCK, 0.0) + at * step_s, start.get(DEMAND, 1.0)
            wrong.append(self._solved(row, sample, moment))
        return float(np.max(wrong))

    def _is_dry(self, row: Mapping[str, float]) -> bool:
        """True where some tank is empty."""
        return any(
            row[f"tank:{n}"] * self._inp.feet <= t.low + _AT_END * (t.high - t.low)
            for n, t in self._inp.tanks.items()
        )

    def _solved(
        self, row: Mapping[str, float], sample: NDArray[np.float64], moment: tuple[float, float]
    ) -> float:
        count = len(self._physics.nodes)
        if len(sample) != count + len(self._physics.links):
            return nan
        heads, flows = sample[:count] * self._inp.feet, sample[count:] * self._inp.cfs
        told = {p: row[f"speed:{p}"] if row[f"run:{p}"] > 0.5 else 0.0 for p in self._pumps}
        speeds = [told.get(p, nan) for p in self._inp.pumps]
        apart = [
            abs(
                heads[self._physics.nodes.index(n)]
                - t.elevation
                - row[f"tank:{n}"] * self._inp.feet
            )
            for n, t in self._inp.tanks.items()
        ]
        solved = self._physics.residual(heads, flows, speeds, moment)
        return float(np.max([solved, *(a / 100.0 for a in apart)]))  # feet, as shares of 100

    def _speed(self, pump: str) -> float:
        return self._at[f"speed:{pump}"] if self._at[f"run:{pump}"] > 0.5 else 0.0

    def _opened(self) -> Project:
        if self._project is None:
            project = self._project = Project(self._data)
            self._node = {n: project.node(n) for n in self._physics.nodes}
            self._link = {n: project.link(n) for n in self._physics.links}
            tanks = [self._node[t] for t in self._tanks]
            self._read = {
                "levels": project.heads(tanks),
                "inflows": project.inflows(tanks),
                "statuses": project.statuses([self._link[link] for link in self._moved]),
                "heads": project.heads(list(self._node.values())),
                "flows": project.flows(list(self._link.values())),
            }
        return self._project

    def _advanced(self, project: Project, seconds: int) -> list[float]:
        """Go on, and give the mean inflow of each tank; of no time, that of this moment."""
        inflow = self._read["inflows"].read()
        if seconds <= 0:
            return inflow
        gained, left = [0.0] * len(inflow), seconds
        while True:
            passed = project.advance(left)
            gained = [g + q * passed for g, q in zip(gained, inflow, strict=True)]
            left -= passed
            if not left:
                break
            project.solve()
            inflow = self._read["inflows"].read()
        for (column, bottom), head in zip(self._bottoms, self._read["levels"].read(), strict=True):
            self._at[column] = head - bottom
        self._at[CLOCK] += seconds
        return [g / seconds for g in gained]


def _is_cut(
    level: NDArray[np.float64], tank: TankOf, stored: NDArray[np.float64], told: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Steps that end full or empty and stored no more than flowed; such a run is outside of any limits that a site may set."""
    slack = _AT_END * (tank.high - tank.low)
    is_at_end = (level >= tank.high - slack) | (level <= tank.low + slack)
    found: NDArray[np.bool_] = is_at_end & (stored * told >= 0) & (np.abs(stored) <= np.abs(told))
    return found
