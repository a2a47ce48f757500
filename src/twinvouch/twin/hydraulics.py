"""Is a claimed state of a water network a solution of it: balance of every junction, head loss of every pipe, curve of every pump.

Feet and cubic feet a second. A pipe may be closed: then it carries nothing, and its heads say nothing. Valves count in the
balances and are not checked themselves. Hazen-Williams and pump curves as EPANET has them (manual, chapter 12).
"""

from collections.abc import Sequence
from math import log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.wire.inp import Inp, PumpOf

_STILL: Final = 1e-4  # cubic feet a second that are no flow
_HEAD: Final = 100.0  # feet that a residual of heads is a share of


class Hydraulics:
    """The equations of one network; node and link names are in `nodes` and `links`, the order of heads and flows."""

    def __init__(self, inp: Inp) -> None:
        self._inp = inp
        self.nodes: tuple[str, ...] = (*inp.junctions, *inp.reservoirs, *inp.tanks)
        self.links: tuple[str, ...] = (*inp.pipes, *inp.pumps, *inp.valves)
        place = {name: n for n, name in enumerate(self.nodes)}
        ends = [(p.start, p.end) for p in inp.pipes.values()]
        ends += [(q.start, q.end) for q in inp.pumps.values()]
        ends += inp.valves.values()
        self._start = np.array([place[a] for a, _ in ends], np.intp)
        self._end = np.array([place[b] for _, b in ends], np.intp)
        pipes = inp.pipes.values()
        self._resistance = np.array([p.resistance for p in pipes])
        self._minor = np.array([p.minor for p in pipes])
        self._demands: dict[int, NDArray[np.float64]] = {}
        self.usual = max(sum(inp.demand(n, 0.0, 1.0) for n in inp.junctions), 1e-3)

    def residual(
        self,
        heads: NDArray[np.float64],
        flows: NDArray[np.float64],
        speeds: Sequence[float],
        moment: tuple[float, float],
    ) -> float:
        """The largest violation: flows as a share of all demand, heads of 100 feet. `moment` is clock in s, demand factor.

        `speeds` of the pumps, NaN where one is not known.
        """
        demand = self._demand(*moment)
        gained = np.zeros(len(self.nodes))
        np.add.at(gained, self._end, flows)
        np.subtract.at(gained, self._start, flows)
        balance = np.abs(gained[: len(demand)] - demand).max(initial=0.0) / self.usual
        loss = heads[self._start] - heads[self._end]
        pipes = self._pipes(loss[: len(self._resistance)], flows[: len(self._resistance)])
        pumps = self._pumps(loss, flows, speeds)
        fixed = self._fixed(heads)
        return float(np.max([balance, pipes, pumps, fixed]))

    def _demand(self, clock_s: float, factor: float) -> NDArray[np.float64]:
        """Of all junctions; of every period of the patterns computed once."""
        period = int(clock_s // self._inp.pattern_s)
        if period not in self._demands:
            told = [self._inp.demand(n, clock_s, 1.0) for n in self._inp.junctions]
            self._demands = {**dict(list(self._demands.items())[-47:]), period: np.array(told)}
        return self._demands[period] * factor

    def _pipes(self, loss: NDArray[np.float64], flow: NDArray[np.float64]) -> float:
        size = np.abs(flow)
        expected = np.sign(flow) * (self._resistance * size**1.852 + self._minor * size**2)
        wrong = np.abs(loss - expected)
        return float(np.where(size <= _STILL, 0.0, wrong).max(initial=0.0)) / _HEAD

    def _pumps(
        self, loss: NDArray[np.float64], flows: NDArray[np.float64], speeds: Sequence[float]
    ) -> float:
        first, wrong = len(self._resistance), [0.0]
        for n, pump in enumerate(self._inp.pumps.values()):
            flow, speed = float(flows[first + n]), speeds[n]
            if speed == 0.0:
                wrong.append(abs(flow) / self.usual)
            elif pump.curve and speed == speed and flow > _STILL:  # noqa: PLR0124 (not NaN)
                added = -float(loss[first + n])
                wrong.append(abs(added - head(pump, flow, speed)) / _HEAD)
        return float(np.max(wrong))

    def _fixed(self, heads: NDArray[np.float64]) -> float:
        """Reservoirs stand where the file says."""
        still = [
            abs(float(heads[self.nodes.index(name)]) - told)
            for name, told in self._inp.reservoirs.items()
            if name not in self._inp.moving_heads
        ]
        return float(np.max([0.0, *still])) / _HEAD


def head(pump: PumpOf, flow: float, speed: float) -> float:
    """What a pump adds: through one or three points a power function, through more straight lines."""
    points = pump.curve
    if len(points) == 1:
        (q, h) = points[0]
        points = ((0.0, 4 * h / 3), (q, h), (2 * q, 0.0))
    if len(points) == 3 and points[0][0] == 0.0:
        (_, h0), (q1, h1), (q2, h2) = points
        power = log((h0 - h2) / (h0 - h1)) / log(q2 / q1)
        falling = (h0 - h1) / float(q1**power)
        return speed**2 * h0 - falling * float(speed ** (2 - power)) * float(flow**power)
    flows, heads = zip(*points, strict=True)
    return speed**2 * float(np.interp(flow / speed, flows, heads))
