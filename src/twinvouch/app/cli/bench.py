"""`twinvouch bench NAME`: stdout has one JSON object with `--json`, progress goes to stderr."""

import importlib
import json
from typing import Any

import click

# name -> modules of app/bench whose figures it prints
BENCHES = {
    "ingest": ("verify", "ledger", "durable", "modbus"),
    "latency": ("latency",),
    "simulation": ("simulation",),
}


@click.command()
@click.argument("name", type=click.Choice(sorted(BENCHES)))
@click.option("--json", "as_json", is_flag=True, help="print one JSON object")
@click.option("--seeds", default=200, show_default=True, help="simulation: how many seeds")
@click.option("--first-seed", default=0, show_default=True, help="simulation: the first of them")
def command(name: str, *, as_json: bool, seeds: int, first_seed: int) -> None:
    """Measure a hot path, or how much the fault simulation survives.

    Ratios are against a named baseline in the same run. Exit 0 whatever the figures, but 1 where the simulation
    found a violation.
    """
    options = {"seeds": seeds, "first_seed": first_seed} if name == "simulation" else {}
    figures: dict[str, Any] = {}
    for part in BENCHES[name]:
        click.echo(f"measuring {part} ...", err=True)
        figures |= importlib.import_module(f"twinvouch.app.bench.{part}").run(**options)
    if as_json:
        click.echo(json.dumps(figures))
    else:
        _show(figures)
    if figures.get("violations"):
        raise SystemExit(1)


def _show(figures: dict[str, Any]) -> None:
    for key, value in figures.items():
        click.echo(f"{key:<32}{value:.4g}" if isinstance(value, float) else f"{key:<32}{value}")
