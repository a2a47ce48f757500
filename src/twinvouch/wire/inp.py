"""EPANET input files as far as look-ahead checks balances: nodes, pipes, pumps, patterns, curves, controls by level.

Everything is converted to feet and cubic feet a second, the units that EPANET's own formulas are in. What these formulas do
not cover is refused rather than left unchecked: rules, Darcy-Weisbach and Chezy-Manning, tanks with a volume curve.
Source: EPANET 2.2 Users Manual, appendix C (input file) and chapter 12 (hydraulics).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, pi
from typing import Final

from twinvouch.core.errors import MalformedError

CFS: Final = {
    "CFS": 1.0,
    "GPM": 1 / 448.831,
    "MGD": 1.54723,
    "IMGD": 1.85814,
    "AFD": 0.504167,
    "LPS": 0.0353147,
    "LPM": 5.88578e-4,
    "MLD": 0.408735,
    "CMH": 9.80963e-3,
    "CMD": 4.08735e-4,
}  # of one flow unit, cubic feet a second
_METRIC: Final = {"LPS", "LPM", "MLD", "CMH", "CMD"}
_FEET: Final = 1 / 0.3048
_LARGEST: Final = 20_000_000  # bytes
Rows = list[list[str]]


@dataclass(frozen=True, slots=True)
class Demand:
    """A part of a junction's demand: base in cubic feet a second, and its pattern (empty: none)."""

    base: float
    pattern: str


@dataclass(frozen=True, slots=True)
class TankOf:
    """A tank: elevation, smallest and largest level in feet, area in square feet."""

    elevation: float
    low: float
    high: float
    area: float


@dataclass(frozen=True, slots=True)
class PipeOf:
    """A pipe: ends, Hazen-Williams resistance and minor loss coefficient (feet, cubic feet a second)."""

    start: str
    end: str
    resistance: float
    minor: float


@dataclass(frozen=True, slots=True)
class PumpOf:
    """A pump: ends, and its curve as flows and heads; without one its head is not checked."""

    start: str
    end: str
    curve: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Inp:
    """A network. `feet` and `cfs` are what one unit of length and flow of the file is."""

    junctions: Mapping[str, tuple[Demand, ...]]
    reservoirs: Mapping[str, float]
    tanks: Mapping[str, TankOf]
    pipes: Mapping[str, PipeOf]
    pumps: Mapping[str, PumpOf]
    valves: Mapping[str, tuple[str, str]]
    patterns: Mapping[str, tuple[float, ...]]
    controlled: frozenset[str]  # links that a control by the level of a node moves
    feet: float
    cfs: float
    multiplier: float = 1.0
    pattern_s: float = 3600.0
    moving_heads: frozenset[str] = field(default_factory=frozenset)  # reservoirs with a pattern

    def demand(self, node: str, clock_s: float, factor: float) -> float:
        """What a junction takes at this time, cubic feet a second."""
        period = int(clock_s // self.pattern_s)
        parts = self.junctions[node]
        taken = sum(d.base * self._multiplier(d.pattern, period) for d in parts)
        return taken * self.multiplier * factor

    def _multiplier(self, pattern: str, period: int) -> float:
        values = self.patterns.get(pattern, (1.0,))
        return values[period % len(values)]


def read_inp(raw: bytes) -> Inp:
    """The network of an input file; MalformedError for what is none, or has what is not supported."""
    if len(raw) > _LARGEST:
        raise MalformedError(f"an input file of {len(raw)} bytes, at most {_LARGEST}")
    try:
        return _network(_sections(raw.decode("utf-8", "replace")))
    except (ValueError, IndexError, KeyError, ZeroDivisionError) as error:
        raise MalformedError(f"input file: {type(error).__name__}: {error}") from None


def _sections(text: str) -> dict[str, Rows]:
    found: dict[str, Rows] = {}
    rows: Rows = []
    for line in text.splitlines():
        words = line.partition(";")[0].split()
        if words and words[0].startswith("["):
            rows = found.setdefault(words[0].strip("[]").upper(), [])
        elif words:
            rows.append(words)
    return found


def _network(s: Mapping[str, Rows]) -> Inp:
    options = {row[0].upper(): row[1:] for row in s.get("OPTIONS", ())}
    unit = options.get("UNITS", ["GPM"])[0].upper()
    feet, cfs = (_FEET if unit in _METRIC else 1.0), CFS[unit]
    _expect_known(s, options)
    default = options.get("PATTERN", ["1"])[0]
    curves = _curves(s.get("CURVES", ()))
    reservoirs = s.get("RESERVOIRS", ())
    return Inp(
        junctions=_junctions(s, default, cfs),
        reservoirs={row[0]: float(row[1]) * feet for row in reservoirs},
        tanks={row[0]: _tank(row, feet) for row in s.get("TANKS", ())},
        pipes={row[0]: _pipe(row, feet) for row in s.get("PIPES", ())},
        pumps={row[0]: _pump(row, curves, feet, cfs) for row in s.get("PUMPS", ())},
        valves={row[0]: (row[1], row[2]) for row in s.get("VALVES", ())},
        patterns=_patterns(s.get("PATTERNS", ())),
        controlled=frozenset(
            row[1] for row in s.get("CONTROLS", ()) if "IF" in (word.upper() for word in row)
        ),
        feet=feet,
        cfs=cfs,
        multiplier=_multiplier_of(s.get("OPTIONS", ())),
        pattern_s=_pattern_step(s.get("TIMES", ())),
        moving_heads=frozenset(row[0] for row in reservoirs if len(row) > 2),
    )


def _expect_known(s: Mapping[str, Rows], options: Mapping[str, Sequence[str]]) -> None:
    if s.get("RULES"):
        raise MalformedError("input file: [RULES] are not supported: write them as laws of a class")
    loss = options.get("HEADLOSS", ["H-W"])[0].upper()
    if loss != "H-W":
        raise MalformedError(f"input file: head loss {loss} is not supported, only H-W")
    if any(len(row) > 7 and row[7] != "*" for row in s.get("TANKS", ())):
        raise MalformedError("input file: tanks with a volume curve are not supported")
    if s.get("EMITTERS") or s.get("LEAKAGE"):
        raise MalformedError("input file: emitters are not supported")


def _junctions(s: Mapping[str, Rows], default: str, cfs: float) -> dict[str, tuple[Demand, ...]]:
    found: dict[str, tuple[Demand, ...]] = {}
    for row in s.get("JUNCTIONS", ()):
        base = float(row[2]) if len(row) > 2 else 0.0
        found[row[0]] = (Demand(base * cfs, row[3] if len(row) > 3 else default),)
    told: dict[str, list[Demand]] = {}
    for row in s.get("DEMANDS", ()):  # in place of what the junction says
        pattern = row[2] if len(row) > 2 else default
        told.setdefault(row[0], []).append(Demand(float(row[1]) * cfs, pattern))
    return {**found, **{name: tuple(parts) for name, parts in told.items() if name in found}}


def _tank(row: list[str], feet: float) -> TankOf:
    elevation, _, low, high, diameter = (float(word) * feet for word in row[1:6])
    return TankOf(elevation, low, high, pi * diameter * diameter / 4)


def _pipe(row: list[str], feet: float) -> PipeOf:
    length = float(row[3]) * feet
    diameter = float(row[4]) / (12.0 if feet == 1.0 else 304.8)
    minor = float(row[6]) if len(row) > 6 and _is_number(row[6]) else 0.0
    resistance = 4.727 * length / (float(row[5]) ** 1.852 * diameter**4.871)
    return PipeOf(row[1], row[2], resistance, 0.02517 * minor / diameter**4)


def _pump(
    row: list[str], curves: Mapping[str, list[tuple[float, float]]], feet: float, cfs: float
) -> PumpOf:
    words = [word.upper() for word in row[3:]]
    curve = curves[row[4 + words.index("HEAD")]] if "HEAD" in words else []
    return PumpOf(row[1], row[2], tuple((q * cfs, h * feet) for q, h in curve))


def _curves(rows: Sequence[list[str]]) -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        found.setdefault(row[0], []).append((float(row[1]), float(row[2])))
    return found


def _patterns(rows: Sequence[list[str]]) -> dict[str, tuple[float, ...]]:
    found: dict[str, tuple[float, ...]] = {}
    for row in rows:
        found[row[0]] = (*found.get(row[0], ()), *(float(word) for word in row[1:]))
    return found


def _multiplier_of(rows: Sequence[list[str]]) -> float:
    told = [row for row in rows if [w.upper() for w in row[:2]] == ["DEMAND", "MULTIPLIER"]]
    return float(told[-1][2]) if told else 1.0


def _pattern_step(rows: Sequence[list[str]]) -> float:
    told = [row for row in rows if [w.upper() for w in row[:2]] == ["PATTERN", "TIMESTEP"]]
    if not told:
        return 3600.0
    hours, _, minutes = told[-1][2].partition(":")
    step_s = 3600 * float(hours) + 60 * float(minutes or 0)
    if not 0 < step_s < inf:
        raise MalformedError("input file: a pattern time step that is none")
    return step_s


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
