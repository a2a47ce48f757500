"""The sectors of the range by name, and what source their true plants are made from."""

from functools import lru_cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from twinvouch.lab.range import building, grid, net3
from twinvouch.lab.range.plants import Sector

_MADE = {"net3": net3.sector, "building": building.sector, "grid": grid.sector}


@lru_cache(maxsize=8)
def sector(name: str) -> Sector:
    """One plant of the range."""
    return _MADE[name]()


def source_digests(names: frozenset[str]) -> dict[str, str]:
    """SHA-256 of the files that true plants are made from, by module."""
    found = {}
    for module in sorted({m for name in names for m in sector(name).sources}):
        spec = find_spec(module)
        assert spec is not None, module
        assert spec.origin is not None, module
        found[module] = sha256(Path(spec.origin).read_bytes()).hexdigest()
    return found
