"""C52 of docs/explanation/threat-model.md."""

import pytest

from twinvouch.app.bench.guard import Task, played

pytest.importorskip("wntr")  # the table of scenarios names networks


@pytest.mark.parametrize(
    "name",
    ["building-valve-slam", "grid-hostile-dispatch", "grid-switching-burst", "grid-two-lines"],
)
@pytest.mark.parametrize("seed", [1, 3])
def test_c52_what_leaves_the_limits_without_a_guard_is_not_written_with_it(
    name: str, seed: int
) -> None:
    (off,), (guarded,) = (played(Task((name,), seed, guard, 0.25)) for guard in ("off", "full"))
    assert off.violated >= 0
    assert guarded.violated == -1
    assert guarded.unsafe == []
    assert guarded.hostile > 0
