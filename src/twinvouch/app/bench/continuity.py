"""How long a plant goes on when its level is distrusted: true tanks, lies of three kinds, 16 hours, the whole engine in memory.

Curves come from histories of other tanks (CALIBRATION); the tanks that are played (TESTED) have no part in them.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from twinvouch.app.bench.range_outside import Check
from twinvouch.app.virtual_calibration import Calibrated, calibrate
from twinvouch.core.event import Simulate, SimulationDone
from twinvouch.core.table import Table
from twinvouch.core.virtual import Lost
from twinvouch.lab.continuity import play
from twinvouch.lab.continuity.play import Outcome
from twinvouch.lab.continuity.site import INFLOW, LEVEL, OUTFLOW, site, virtual
from twinvouch.lab.continuity.tank import LARGE, SMALL, Design
from twinvouch.lab.range.stage import Worker

CALIBRATION: Final = range(1_000, 1_040)
TESTED: Final = range(201, 221)  # below that seeds were looked at while rules were made
HISTORY_H: Final = 96
HOURS: Final = (4, 8, 16)
_OF_RUN: Final = 0.9


def run(
    tested: Sequence[int] = TESTED, calibration: Sequence[int] = CALIBRATION
) -> dict[str, float | int | str]:
    """Figures of both tanks; shares 0..1."""
    figures: dict[str, float | int | str] = {"seeds": len(tested)}
    outcomes: list[Outcome] = []
    for design in (LARGE, SMALL):
        found = learned(design, calibration)
        told = [one(design, found, seed) for seed in tested]
        outcomes += told
        figures |= {f"{design.name}_{k}": v for k, v in _figures(told).items()}
        for p in found.points[frozenset()]:
            figures[f"{design.name}_half_width_{p.hours:g}h_m"] = p.width
    return {**_figures(outcomes), **figures}


def learned(design: Design, seeds: Sequence[int]) -> Calibrated:
    """The curves of a tank, from histories of others that were built to the same design."""
    ids = LEVEL, INFLOW, OUTFLOW
    told = (play.history(design, seed, HISTORY_H) for seed in seeds)
    tables = [Table(ids, (rows[:, 0] * 1e9).astype(np.int64), rows[:, 1:]) for rows in told]
    return calibrate(virtual(design, {}), tables)


def one(design: Design, found: Calibrated, seed: int) -> Outcome:
    """One run."""
    whole: Lost = frozenset()
    of = site(design, {whole: found.curve(whole)})
    return play.play(design, of, seed, Hands(of.plant))


class Hands(Check):
    """Fits Outside: the actuator's own check; nothing is looked ahead here."""

    def foreseen(self, asked: Simulate, worker: Worker) -> SimulationDone:  # noqa: ARG002 (no worker)
        """No actuator has a model here."""
        raise AssertionError(asked.ident)


def _figures(told: Sequence[Outcome]) -> dict[str, float | int]:
    inside = [o for o in told if not o.is_outside]
    figures: dict[str, float | int] = {
        "continuity": _share([s for o in inside for s in o.supervised]),
        "violations": sum(o.violations > 0 for o in inside),
        "outside_already": len(told) - len(inside),
        "commands": sum(o.commands for o in told),
        "commands_permitted": sum(o.permitted for o in told),
        "blind_before_the_end": sum(0 < o.blind_h < 14 for o in told),
    }
    for hours in HOURS:
        of_runs = [[hit for h, hit in o.inside if h <= hours] for o in told]
        figures[f"interval_coverage_{hours}h"] = _share([hit for run in of_runs for hit in run])
        good = [_share(run) >= _OF_RUN for run in of_runs if run]
        figures[f"interval_runs_{hours}h"] = _share(good)
    return figures


def _share(of: Sequence[Any]) -> float:
    return round(sum(map(bool, of)) / len(of), 4) if of else 0.0
