"""`twinvouch bench NAME`: stdout has one JSON object with `--json`, progress goes to stderr."""

import importlib
import json

import click

# name -> modules of app/bench whose figures it prints
BENCHES = {
    "ingest": ("verify", "ledger", "durable", "modbus"),
    "latency": ("latency",),
    "modbus": ("modbus", "scan"),
}


@click.command()
@click.argument("name", type=click.Choice(sorted(BENCHES)))
@click.option("--json", "as_json", is_flag=True, help="print one JSON object")
def command(name: str, *, as_json: bool) -> None:
    """Measure a hot path; ratios are against a named baseline in the same run. Exit 0 whatever the figures."""
    figures: dict[str, float | int | str] = {}
    for part in BENCHES[name]:
        click.echo(f"measuring {part} ...", err=True)
        figures |= importlib.import_module(f"twinvouch.app.bench.{part}").run()
    if as_json:
        click.echo(json.dumps(figures))
        return
    for key, value in figures.items():
        click.echo(f"{key:<32}{value:.4g}" if isinstance(value, float) else f"{key:<32}{value}")
