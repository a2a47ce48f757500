"""An EPANET input file with other parameters: roughness, demand by the hour of the day and by pattern, heads of pumps.

Lines are kept as they are but for the numbers that change, so that whoever signs the file can compare it with the one before.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from twinvouch.core.errors import MalformedError
from twinvouch.wire.inp import read_inp

DAY_H: Final = 24
_ROUGHNESS: Final = 5  # column of a pipe


@dataclass(frozen=True, slots=True)
class Factors:
    """What is multiplied: roughness of all pipes, demand of each hour of the day, of each pattern, heads of each pump."""

    roughness: float = 1.0
    hours: Sequence[float] = (1.0,) * DAY_H
    patterns: Mapping[str, float] = field(default_factory=dict)
    pumps: Mapping[str, float] = field(default_factory=dict)


def demand_patterns(raw: bytes) -> tuple[str, ...]:
    """Patterns of demands that the file has; MalformedError where it cannot be read."""
    inp = read_inp(raw)
    used = {d.pattern for parts in inp.junctions.values() for d in parts if d.base > 0}
    return tuple(sorted(used & set(inp.patterns)))


def scaled(raw: bytes, by: Factors) -> bytes:
    """The file with these factors in it; MalformedError where it cannot be read."""
    scale = _Scale(raw, by)
    section, found = "", []
    for line in raw.decode("latin-1").splitlines():
        words = line.partition(";")[0].split()
        if words and words[0].startswith("["):
            section = words[0].strip("[]").upper()
        is_head = not words or words[0].startswith("[")
        factors = {} if is_head else scale.of(section, words)
        found.append(_with(words, factors) if factors else line)
    return "\n".join(found).encode("latin-1")


class _Scale:
    """Which numbers of a line are multiplied with what; lines of a pattern follow each other."""

    def __init__(self, raw: bytes, by: Factors) -> None:
        self._by, self._step_h = by, read_inp(raw).pattern_s / 3_600
        self._demands, self._seen = set(demand_patterns(raw)), dict[str, int]()
        self._curves = dict(_curves(raw.decode("latin-1"), by.pumps))

    def of(self, section: str, words: Sequence[str]) -> dict[int, float]:
        """Factors by place in the line."""
        name = words[0]
        if section == "PIPES":
            return {_ROUGHNESS: self._by.roughness}
        if section == "CURVES" and name in self._curves:
            return {2: self._curves[name]}
        if section == "PATTERNS" and name in self._demands:
            first = self._seen.get(name, 0)
            self._seen[name] = first + len(words) - 1
            own = self._by.patterns.get(name, 1.0)
            hours = [int((first + n) * self._step_h) % DAY_H for n in range(len(words) - 1)]
            return {n + 1: self._by.hours[h] * own for n, h in enumerate(hours)}
        return {}


def _curves(text: str, pumps: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    """Curves of pumps, with the factor of the pump."""
    section = ""
    for line in text.splitlines():
        words = line.partition(";")[0].split()
        if words and words[0].startswith("["):
            section = words[0].strip("[]").upper()
        upper = [word.upper() for word in words]
        if section == "PUMPS" and "HEAD" in upper:
            yield words[upper.index("HEAD") + 1], pumps.get(words[0], 1.0)


def _with(words: Sequence[str], factors: Mapping[int, float]) -> str:
    """A line with some of its numbers multiplied."""
    if max(factors) >= len(words):
        raise MalformedError(f"input file: `{' '.join(words)}` has no column {max(factors) + 1}")
    told = [f"{float(w) * factors[n]:.8g}" if n in factors else w for n, w in enumerate(words)]
    return " " + "\t".join(told)
