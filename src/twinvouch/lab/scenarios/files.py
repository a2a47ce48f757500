"""A world as files: `training.csv`, `test.csv`, `events.json`, `tags.json` and a `README` with the digests.

The tables are wide (`time`, then one column a tag, ISO times in UTC) and hold what is reported, nothing of
what is true; which rows belong to an event stands in `events.json` alone.
"""

import json
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.errors import UsageError
from twinvouch.lab.scenarios.commissioning import Table
from twinvouch.lab.scenarios.settings import Kind
from twinvouch.lab.scenarios.world import World, fingerprint

NAMES = ("training.csv", "test.csv", "events.json", "tags.json", "README")
_SETPOINT_DECIMALS = 6


def write(world: World, directory: Path) -> None:
    """Write all five; the directory is made where it is missing, and nothing in it is overwritten."""
    directory.mkdir(parents=True, exist_ok=True)
    there = [name for name in NAMES if (directory / name).exists()]
    if there:
        raise UsageError(f"`{directory}` already has {', '.join(there)}; name another directory")
    texts = (
        csv(world, world.training),
        csv(world, Table(world.t_ns, world.reported)),
        _json([event(world, n) for n in range(len(world.events))]),
        _json(tags(world)),
        readme(world),
    )
    for name, text in zip(NAMES, texts, strict=True):
        (directory / name).write_text(text, "utf-8")


def csv(world: World, table: Table) -> str:
    """A wide table, every number with the decimals of its sensor."""
    decimals = [_decimals(world, k) for k in range(len(world.ids))]
    columns = [np.char.mod(f"%.{d}f", table.values[:, k]) for k, d in enumerate(decimals)]
    lines = [",".join(row) for row in zip(iso(table.t_ns), *columns, strict=True)]
    return "\n".join([",".join(("time", *world.ids)), *lines]) + "\n"


def iso(t_ns: NDArray[np.int64]) -> list[str]:
    """Times as `2024-01-01T00:00:00Z`."""
    seconds = t_ns.astype("datetime64[ns]").astype("datetime64[s]")
    return [f"{t}Z" for t in np.datetime_as_string(seconds)]


def event(world: World, number: int) -> dict[str, Any]:
    """An event as plain data, with its times in words beside the nanoseconds."""
    told = asdict(world.events[number])
    start, end = iso(np.array([told["start_ns"], told["end_ns"]], dtype=np.int64))
    return {"start": start, "end": end, **told}


def tags(world: World) -> dict[str, Any]:
    """Asset, kind, decimals and unit of size (null: none) of every tag."""
    return {
        tag: {
            "asset": world.assets[tag],
            "kind": world.kinds[tag],
            "decimals": _decimals(world, k),
            "size_unit": float(world.units[k]) if np.isfinite(world.units[k]) else None,
        }
        for k, tag in enumerate(world.ids)
    }


def readme(world: World) -> str:
    """What the files are and of what they were made."""
    days = [round(len(t) * _step_h(t) / 24) for t in (world.training.t_ns, world.t_ns)]
    return (
        f"Network {world.network}, seed {world.seed}, made by `twinvouch lab scenario`.\n"
        f"training.csv: {days[0]} days without any event. test.csv: {days[1]} days with "
        f"{len(world.events)} events.\nevents.json: what they are; an event is `start <= time < end`, "
        "its size in robust standard deviations.\ntags.json: asset, kind and unit of size of every tag.\n"
        f"digest of settings and network file: {world.digest}\n"
        f"digest of these readings and events: {fingerprint(world)}\n"
    )


def _decimals(world: World, column: int) -> int:
    if world.kinds[world.ids[column]] is Kind.SETPOINT:
        return _SETPOINT_DECIMALS  # a controller's number, in feet where its file is
    return world.decimals[column]


def _step_h(t_ns: NDArray[np.int64]) -> float:
    return next(float(b - a) / 3.6e12 for a, b in pairwise(t_ns))


def _json(value: Any) -> str:
    return json.dumps(value, indent=1) + "\n"
