"""What a twin beside the plant would have predicted, as further tags: the same network, run with demands that are a little off.

The twin knows the weather but for an error that each district always has and one that lasts some hours (ERROR each, robust and honest: it is never fitted
to the test), and changes that people announced. It does not know attacks, nor changes of demand that nobody told. It is never corrected by what instruments
read: an attacker who lies to the plant would lie to it too.
"""

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.table import Table
from twinvouch.lab.scenarios.events import draw
from twinvouch.lab.scenarios.hydraulics import Layout
from twinvouch.lab.scenarios.settings import Settings
from twinvouch.lab.scenarios.targets import Strike, strike
from twinvouch.lab.scenarios.world import (
    TEST,
    TRAINING,
    World,
    commissioned,
    demand_of,
    simulated,
)

ERROR: Final = 0.03  # of the demand: standard deviation, by district and by hour
_DIGITS: Final = 3
_TWIN: Final = 5  # stream of chance


def beside(made: World, settings: Settings, directory: Path | None = None) -> World:
    """A world with a tag `twin/ASSET/level` for each tank; in training and test the twin has the same errors of districts."""
    known = commissioned(made.network, settings, directory)
    plan = known.plant.plan
    levels = [n for n, i in enumerate(plan.instruments) if i.kind == "level"]
    strikes = tuple(strike(known.plant, drawn, settings) for drawn in draw(settings, made.seed))
    announced = tuple(s for s in strikes if not s.event.is_attack and s.event.context is not None)

    def told(table: Table, seed: int, stream: int, known_of: tuple[Strike, ...]) -> Table:
        predicted = _predicted(plan, settings, (seed, stream), known_of)[:, levels]
        ids = (*table.ids, *(f"twin/{plan.ids[n]}" for n in levels))
        values = np.hstack((table.values, np.round(predicted, _DIGITS)))
        return Table(ids, table.t_ns, values)

    test = told(made.test, made.seed, TEST, announced)
    width = len(levels)
    return replace(
        made,
        assets=(*made.assets, *["twin"] * width),
        sd=np.append(made.sd, np.zeros(width)),
        training=told(made.training, settings.training_seed, TRAINING, ()),
        test=test,
        true=np.hstack((made.true, test.values[:, -width:])),
    )


def _predicted(
    plan: Layout, settings: Settings, of: tuple[int, int], strikes: tuple[Strike, ...]
) -> NDArray[np.float64]:
    """What the twin computes for every instrument; `of` is the seed and its stream, training or test."""
    seed, stream = of
    days = settings.training_days if stream == TRAINING else settings.test_days
    demand = demand_of(plan, settings, seed, days, stream)
    always = np.random.default_rng([settings.training_seed, _TWIN])
    bias = 1 + ERROR * always.normal(size=demand.shape[1])
    chance = np.random.default_rng([seed, stream, _TWIN])
    hours = settings.period_s / 3600
    kept = settings.weather.correlation_h**hours
    error = chance.normal(size=demand.shape)
    for row in range(1, len(error)):
        error[row] = kept * error[row - 1] + np.sqrt(1 - kept**2) * error[row]
    return simulated(plan, demand * bias * np.exp(ERROR * error), strikes, settings)
