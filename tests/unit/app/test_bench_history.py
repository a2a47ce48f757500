"""`bench history` in small: that it runs and what it prints, never how fast it is."""

from pathlib import Path

import numpy as np
import pytest

from twinvouch.app.bench import history, history_sizes
from twinvouch.core.table import Table


def test_the_bench_gives_the_named_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "TAGS", 3)
    monkeypatch.setattr(history, "ROWS", 2_000)
    monkeypatch.setattr(history, "PIECE", 700)
    monkeypatch.setattr(history, "COLD_ROUNDS", 0)
    monkeypatch.setattr(history, "GIGABYTE", 100_000)
    monkeypatch.setattr(
        history, "_cold", lambda *_: {"cold_ms": 1.0}
    )  # a process has its own sizes
    said: list[str] = []
    figures = history.run(10_000, None, said.append)
    assert figures["readings"] == 12_000
    assert {"warm_ms", "store_bytes_per_value", "start_ms"} <= set(figures)
    assert 0.3 < figures["store_bytes_per_value"] < 4.0
    assert [line.split(":")[0] for line in said[-3:]] == ["batadal", "skab", "tep"]


def test_runs_of_a_data_set_stand_behind_each_other() -> None:
    def table(start: int) -> Table:
        return Table(("a",), np.array([start, start + 10]), np.ones((2, 1)))

    whole = history_sizes._behind_each_other([table(100), table(0), table(5)], 10)
    assert whole.t_ns.tolist() == [0, 10, 20, 30, 100, 110]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["skab", "batadal"])
def test_a_public_data_set_takes_at_most_five_bytes_a_reading(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    read, period, rows = history_sizes.SETS[name]

    def some(folder: Path) -> Table:
        table = read(folder)
        return Table(table.ids, table.t_ns[:1_000], table.values[:1_000])

    monkeypatch.setattr(history_sizes, "SETS", {name: (some, period, rows)})
    figures = history_sizes.run(shared_data, lambda _: None)
    assert figures[f"bytes_per_value_{name}"] <= 5.0
