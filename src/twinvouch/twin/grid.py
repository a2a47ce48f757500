"""A transmission grid in DC approximation, with N-1: what every line carries now, and after the outage of any other.

The data file is JSON: `buses` `[name, ...]`, the first the slack; `lines` `{name: {from, to, x, rate_mw}}`; `generators`
`{name: {bus, high_mw}}`. Quantities: `load:BUS`, MW, times the demand factor of the start. Actuators: `gen:NAME` (MW) and
`line:NAME` (1 in, 0 out). Limited: `loading` and `loading_n1`, the largest flow as a share of its line's rate, now and after the
worst outage. Outages by line outage distribution factors; a line whose outage splits the grid as it is planned is left out of
N-1. A grid in pieces has no flow that this could tell: both loadings are 100 and the number of pieces, beyond every limit, so that
what joins two of them is seen to help. Source: Wood, Wollenberg, Power Generation, chapter 11.
"""

import json
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.lookahead import CLOCK, DEMAND, Trace

_SPLIT: Final = 1e-8  # 1 - PTDF of a line over its own ends: nothing flows round it
_LOST: Final = 100.0  # loading where an outage splits a grid that was not planned so
_MOST: Final = 2_000  # buses
Flows = NDArray[np.float64]


class Grid:
    """Fits Lookahead. Law `dispatch`: all lines in, generators share the load by size."""

    laws = ("dispatch",)

    def __init__(self, data: bytes, numbers: Mapping[str, float]) -> None:
        if numbers:
            raise ValueError("a grid has no numbers beside its data file")
        told: Any = json.loads(data)
        self._buses = tuple(told["buses"])
        place = {name: n for n, name in enumerate(self._buses)}
        if not 2 <= len(self._buses) == len(place) <= _MOST:
            raise ValueError(f"a grid has 2 to {_MOST} buses, each once")
        lines, generators = told["lines"], told["generators"]
        self._lines, self._generators = tuple(lines), tuple(generators)
        self._from = np.array([place[v["from"]] for v in lines.values()], np.intp)
        self._to = np.array([place[v["to"]] for v in lines.values()], np.intp)
        self._b = np.array([1.0 / float(v["x"]) for v in lines.values()])
        self._rate = np.array([float(v["rate_mw"]) for v in lines.values()])
        self._bus = [place[g["bus"]] for g in generators.values()]
        self._high = np.array([float(g["high_mw"]) for g in generators.values()])
        positive = all(
            (a > 0).all() and np.isfinite(a).all() for a in (self._b, self._rate, self._high)
        )
        if not positive or not generators:
            raise ValueError("a grid has generators, and reactances, rates and sizes above 0")
        self._loads = tuple(f"load:{bus}" for bus in self._buses)
        self.actuators = (
            *(f"gen:{g}" for g in self._generators),
            *(f"line:{line}" for line in self._lines),
        )
        self.columns: tuple[str, ...] = (
            *(*self._loads, *self.actuators, DEMAND, CLOCK, "loading", "loading_n1"),
            *(f"flow:{line}" for line in self._lines),
        )
        self._factors: dict[bytes, tuple[Flows, Flows]] = {}
        if self._pieces(np.ones(len(lines), np.bool_)) > 1:
            raise ValueError("the grid is split: some buses hang on nothing")
        self._planned = self._bridges(np.ones(len(lines), np.bool_))
        self._solved: tuple[bytes, Flows, float, float] = (
            b"",
            np.zeros(0),
            0.0,
            0.0,
        )  # the last one
        self._at: dict[str, float] = {}

    def limits(self) -> Mapping[str, tuple[float, float]]:
        """Shares of a rate."""
        return {"loading": (-_LOST, _LOST), "loading_n1": (-_LOST, _LOST)}

    def restore(self, start: Mapping[str, float]) -> None:
        """As Lookahead.restore; lines that are not given are in, loads and generators 0."""
        known = {**dict.fromkeys((*self._loads, *self.actuators), 0.0), DEMAND: 1.0, CLOCK: 0.0}
        known |= {f"line:{line}": 1.0 for line in self._lines}
        known |= {name: float(v) for name, v in start.items() if name in known}
        if not all(isfinite(v) for v in known.values()):
            raise ValueError("a grid starts with finite numbers")
        self._at = known

    def snapshot(self) -> Mapping[str, float]:
        """As Lookahead.snapshot."""
        return dict(self._at)

    def law(self, name: str, state: Mapping[str, float]) -> Mapping[str, float]:
        """As the class says."""
        assert name in self.laws, name
        load = sum(state[bus] for bus in self._loads) * state[DEMAND]
        shares = (self._high / self._high.sum() * load).tolist()
        generated = {f"gen:{g}": share for g, share in zip(self._generators, shares, strict=True)}
        return {**generated, **{f"line:{line}": 1.0 for line in self._lines}}

    def step(
        self,
        settings: Mapping[str, float],
        seconds: float,
        *,
        is_sampled: bool = False,  # noqa: ARG002 (a row tells all)
    ) -> tuple[Sequence[float], Sequence[float]]:
        """As Lookahead.step. Nothing but the clock moves by itself."""
        if not all(isfinite(v) for v in settings.values()):
            raise ValueError("settings must be finite numbers")
        self._at.update(settings)
        at = self._at
        flows, loading, after = self._flows(self._injected(at), self._is_in(at))
        known = [at[n] for n in (*self._loads, *self.actuators, DEMAND, CLOCK)]
        at[CLOCK] += seconds
        return [*known, loading, after, *flows.tolist()], ()

    def residual(self, start: Mapping[str, float], trace: Trace, step_s: float) -> float:  # noqa: ARG002 (nothing moves by itself)
        """Balance of every bus by the flows told, loadings by factors of our own, the worst outage by a grid without that line.

        As a share of the largest rate, loadings as they are.
        """
        wrong, seen = [0.0], dict[bytes, Flows]()
        first = len(self.columns) - len(self._lines)
        for row in trace.rows:
            seen.setdefault(row[: len(self._loads) + len(self.actuators) + 1].tobytes(), row)
            wrong.append(
                float(np.abs(row[: len(self._loads)] - trace.rows[0, : len(self._loads)]).max())
            )
        for row in seen.values():
            at = dict(zip(self.columns, row.tolist(), strict=True))
            power, is_in, flows = self._injected(at), self._is_in(at), row[first:]
            if (pieces := self._pieces(is_in)) > 1:
                lost = _LOST + pieces
                wrong += [abs(at["loading"] - lost), abs(at["loading_n1"] - lost)]
                continue
            gained = np.zeros(len(self._buses))
            np.add.at(gained, self._from, flows)
            np.subtract.at(gained, self._to, flows)
            balance = np.abs(gained - power)[1:].max(initial=0.0)  # the slack takes the rest
            solved, loading, after = self._flows(power, is_in)
            told = [abs(at["loading"] - loading), abs(at["loading_n1"] - after)]
            told.append(self._apart(power, is_in, after))
            scale = float(self._rate.max())
            wrong += [balance / scale, float(np.abs(flows - solved).max()) / scale, *told]
        return float(np.max(wrong))

    def _apart(self, power: Flows, is_in: NDArray[np.bool_], after: float) -> float:
        """How far the worst outage by factors is from the flows of the grid without that line; 0 where that splits it."""
        shift, outage = self._factored(is_in)
        flows = shift @ power
        loads = np.abs(flows[:, None] + outage * flows[None, :]) / self._rate[:, None]
        loads[:, ~is_in | self._planned] = 0.0
        np.fill_diagonal(loads, 0.0)
        if after >= _LOST or not np.isfinite(loads).all():
            return 0.0
        worst = int(loads.max(axis=0).argmax())
        without = is_in.copy()
        without[worst] = False
        if not (is_in & ~self._planned)[worst]:
            return 0.0
        solved = self._shift(without) @ power
        return abs(float((np.abs(solved) / self._rate).max()) - after)

    def _injected(self, at: Mapping[str, float]) -> Flows:
        """Power into the grid at each bus, MW."""
        power = -np.array([at[name] for name in self._loads]) * at[DEMAND]
        np.add.at(power, self._bus, [at[f"gen:{g}"] for g in self._generators])
        return power

    def _is_in(self, at: Mapping[str, float]) -> NDArray[np.bool_]:
        return np.array([at[f"line:{line}"] > 0.5 for line in self._lines])

    def _flows(self, power: Flows, is_in: NDArray[np.bool_]) -> tuple[Flows, float, float]:
        """What each line carries, MW, and the largest loading, now and after any outage."""
        same = power.tobytes() + is_in.tobytes()
        if self._solved[0] != same:
            pieces = self._pieces(is_in)
            lost = _LOST + pieces
            told = self._of_one(power, is_in) if pieces == 1 else (np.zeros(len(is_in)), lost, lost)
            self._solved = same, *told
        return self._solved[1:]

    def _of_one(self, power: Flows, is_in: NDArray[np.bool_]) -> tuple[Flows, float, float]:
        """The same of a grid in one piece."""
        shift, outage = self._factored(is_in)
        flows = shift @ power
        after = np.abs(flows[:, None] + outage * flows[None, :])
        np.fill_diagonal(after, 0.0)
        tried = is_in & ~self._planned
        worst = np.where(np.isfinite(after), after, np.inf) / self._rate[:, None]
        largest = float(worst[:, tried].max(initial=0.0))
        return flows, float((np.abs(flows) / self._rate).max()), min(largest, _LOST)

    def _pieces(self, is_in: NDArray[np.bool_]) -> int:
        """In how many pieces the grid is: buses less the rank of its Laplacian; 1 where the factors of this topology are known."""
        if is_in.tobytes() in self._factors:
            return 1
        return len(self._buses) - int(
            np.linalg.matrix_rank(self._nodal(np.where(is_in, self._b, 0.0))[0])
        )

    def _factored(self, is_in: NDArray[np.bool_]) -> tuple[Flows, Flows]:
        """As `_factors_of`, the last 16 topologies kept."""
        key = is_in.tobytes()
        if key not in self._factors:
            self._factors = dict(list(self._factors.items())[-15:])
            self._factors[key] = self._factors_of(is_in)
        return self._factors[key]

    def _factors_of(self, is_in: NDArray[np.bool_]) -> tuple[Flows, Flows]:
        """PTDF [lines, buses] and LODF [lines, lines]; a column of infinities where the outage splits the grid."""
        shift = self._shift(is_in)
        lines = np.arange(len(self._lines))
        transfer = (
            shift[:, self._from] - shift[:, self._to]
        )  # of a transfer over the ends of each line
        own = 1.0 - transfer[lines, lines]
        with np.errstate(divide="ignore", invalid="ignore"):
            outage = transfer / own
        outage[~is_in, :] = 0.0
        outage[:, np.abs(own) <= _SPLIT] = np.inf
        outage[:, ~is_in] = 0.0
        return shift, outage

    def _shift(self, is_in: NDArray[np.bool_]) -> Flows:
        """PTDF [lines, buses] of a grid in one piece."""
        count = len(self._buses)
        nodal, weighted = self._nodal(np.where(is_in, self._b, 0.0))
        shift = np.zeros((len(self._lines), count))
        shift[:, 1:] = weighted[:, 1:] @ np.linalg.inv(nodal[1:, 1:])
        return shift

    def _nodal(self, b: Flows) -> tuple[Flows, Flows]:
        """Susceptances between buses, and of lines to buses."""
        lines = np.arange(len(self._lines))
        incidence = np.zeros((len(lines), len(self._buses)))
        incidence[lines, self._from], incidence[lines, self._to] = 1.0, -1.0
        weighted = incidence * b[:, None]
        return incidence.T @ weighted, weighted

    def _bridges(self, is_in: NDArray[np.bool_]) -> NDArray[np.bool_]:
        shift, lines = self._shift(is_in), np.arange(len(self._lines))
        own = shift[lines, self._from] - shift[lines, self._to]
        return np.abs(1.0 - own) <= _SPLIT
