"""Honest days on a true plant before a run, as its instruments read them: what the guard's model is fitted to.

The plant is that of the seed and so are its instruments; the weather is of other days than the run's. Nobody attacks, and no
scenario is known. Backup laws and the operator's own trims move the actuators, so that the days hold more than one state.
"""

from random import Random
from typing import Final

import numpy as np

from twinvouch.lab.range.instruments import Instruments
from twinvouch.lab.range.plants import STEP_S, STEPS_PER_H, Sector
from twinvouch.lab.range.play import LEAST, MOST
from twinvouch.twin.fitting import Record

DAY: Final = 24 * STEPS_PER_H


def honest_days(sector: Sector, seed: int) -> Record:
    """What was read on them, by quantity of the model; a sector that is not fitted has none."""
    told = sector.commissioning
    assert told is not None, sector.name
    plant, instruments = told.make(seed), Instruments(sector, seed)
    operator = sector.operator(Random(f"commissioning {seed}"))  # noqa: S311 - repeated by its seed
    chance, moment = Random(f"moments {seed}"), 0  # noqa: S311
    rows: dict[str, list[float]] = {name: [] for name in told.columns}
    flows: dict[str, list[float]] = {name: [] for name in told.flows}
    try:
        for step in range(told.days * DAY):
            read = instruments.read(plant.truth())
            for name, tag in told.flows.items():
                flows[name].append(read[tag])  # of the step that ended here
            if step >= moment:
                moment = step + chance.randint(LEAST, MOST)
                for wish in operator.wishes(read)[: sector.wishes]:
                    plant.write(wish.tag, wish.value)
            now = {**read, **{lever.tag: plant.truth()[lever.tag] for lever in sector.levers}}
            for name, tag in told.columns.items():
                rows[name].append(now[tag])
            plant.advance()
    finally:
        plant.close()
    columns = {name: np.array(values) for name, values in rows.items()}
    shifted = {name: np.array([*values[1:], np.nan]) for name, values in flows.items()}
    return Record(float(STEP_S), 0.0, {**columns, **shifted}, tuple(flows))
