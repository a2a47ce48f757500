"""Seeds of the simulation, in numbers: how many, which faults struck, and that nothing was violated."""

import sys
from typing import Any

from twinvouch.app.simulation.run import figures


def run(seeds: int, first_seed: int) -> dict[str, Any]:
    """`violations` is what counts; the rest says how hard it was tried."""
    return figures(first_seed, seeds, lambda line: print(line, file=sys.stderr, flush=True))
