"""What persons disavowed teaches nothing, though gate 1 took it for good."""

from pathlib import Path

import numpy as np

from tests.unit.app.kept_plant import LEVEL, Kept, configured
from twinvouch.adapters.sqlite_state import SqliteState
from twinvouch.app import history
from twinvouch.core.disavowal import Disavowal, Stage
from twinvouch.core.ports import Group
from twinvouch.engine.disavowals import Disavowed, write_disavowed


def levels(plant: Kept) -> list[float]:
    table = history.table(plant.config, 10**9, lambda _: None)
    column = table.values[:, table.ids.index(LEVEL)]
    found: list[float] = column[~np.isnan(column)].tolist()
    return found


def test_what_is_disavowed_is_left_out_while_it_is_in_effect(tmp_path: Path) -> None:
    plant = Kept(configured(tmp_path / "plant"))
    times = []
    for value in (5.0, 5.01, 5.02, 5.02):
        plant.send([value])
        times.append(plant.now_ns)
        plant.wait(1)
    plant.close()
    whole = levels(plant)
    assert 5.01 in whole
    said = Disavowal("ann", LEVEL, times[1], times[1], "", bytes(32), bytes(16), 0, 0)
    for stage in (Stage.IN_EFFECT, Stage.WITHDRAWN):
        state = SqliteState(plant.config.data_dir / "state.db")
        row = write_disavowed(Disavowed(said, "tag", LEVEL, 9, stage, 9, 0))
        state.commit(Group({"disavowal/9": row}, [], [], state.load()[1]))
        state.close()
        left = [v for v in whole if v != 5.01] if stage is Stage.IN_EFFECT else whole
        assert levels(plant) == left
