"""A world as files: what a detector may see, and the truth beside it."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from twinvouch.core.table import Table
from twinvouch.lab.scenarios.events import Event
from twinvouch.lab.scenarios.world import World


def write(world: World, directory: Path) -> None:
    """`training.csv` and `test.csv` (no labels in them), `truth.csv`, `events.json` and `README`."""
    directory.mkdir(parents=True, exist_ok=True)
    _table(world.training, directory / "training.csv")
    _table(world.test, directory / "test.csv")
    _table(Table(world.test.ids, world.test.t_ns, world.true), directory / "truth.csv")
    told = {
        "network": world.network,
        "seed": world.seed,
        "digest": world.digest,
        "robust_sd": dict(zip(world.test.ids, world.sd.tolist(), strict=True)),
        "assets": dict(zip(world.test.ids, world.assets, strict=True)),
        "events": [_event(world, event) for event in world.events],
    }
    (directory / "events.json").write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    (directory / "README").write_text(
        f"Scenario of twinvouch: network {world.network}, seed {world.seed}, digest {world.digest}.\n"
        "training.csv is clean; test.csv holds the events of events.json; truth.csv is what the instruments of\n"
        "the test would have reported without lies. Everything here is simulated.\n",
        "utf-8",
    )


def _event(world: World, event: Event) -> dict[str, Any]:
    context = event.context
    return {
        "type": event.type,
        "attack": event.is_attack,
        "start": _time(int(world.test.t_ns[event.start])),
        "end": _time(int(world.test.t_ns[event.end - 1])),
        "tags": list(event.tags),
        "asset": event.asset,
        "size": round(event.size, 3),
        "context": None if context is None else {"kind": context.kind, "tags": list(context.tags)},
    }


def _table(table: Table, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("time", *table.ids))
        for t_ns, row in zip(table.t_ns.tolist(), table.values, strict=True):
            writer.writerow((_time(t_ns), *("" if np.isnan(v) else f"{v:.10g}" for v in row)))


def _time(t_ns: int) -> str:
    return datetime.fromtimestamp(t_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
