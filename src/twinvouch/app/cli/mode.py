"""`twinvouch mode show|set`."""

import json
from pathlib import Path

import click

from twinvouch.app.cli import complete
from twinvouch.app.cli.printing import as_option, config_option, json_option
from twinvouch.app.terminal import safe

HOUR_NS = 3_600_000_000_000
RUNGS = ("autonomous", "supervised", "advisory", "read-only", "isolated")


@click.group()
def command() -> None:
    """How much the twin may do to each asset, and changing it."""


@command.command()
@config_option
@as_option
@json_option
def show(config_path: Path, principal: str | None, *, as_json: bool) -> None:
    """Show the mode of every asset that has actuators, since when, by whom and why."""
    from twinvouch.app.client import Client, load, token_of

    config = load(config_path)
    found = Client(config, token_of(config, principal)).get("/modes", purpose="modes")
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for mode in found:
        back = f", returns to {mode['returns_to']}" if mode["returns_to"] else ""
        asked = f", autonomy asked for by {mode['asked_by']}" if mode["asked_by"] else ""
        said = f"{mode['by']}: {mode['why']}" if mode["by"] else ""
        line = f"{mode['asset']:<24}{mode['mode']:<12}epoch {mode['epoch']}{back}{asked}  {said}"
        click.echo(safe(line.rstrip()))


@command.command(name="set")
@click.argument("asset")
@click.argument("rung", type=click.Choice(RUNGS))
@click.option("--reason", required=True, help="why; it is kept with the change")
@click.option(
    "--person",
    required=True,
    shell_complete=complete.persons,
    help="who says so: a person with a key in the keys directory",
)
@click.option(
    "--hours",
    type=click.FloatRange(min=0.01, max=24 * 30),
    help="how long autonomy lasts; only with autonomous, 8 where it is left out",
)
@config_option
@as_option
def set_(  # noqa: PLR0913, PLR0917 - one a word of the command line
    asset: str,
    rung: str,
    reason: str,
    person: str,
    hours: float | None,
    config_path: Path,
    principal: str | None,
) -> None:
    """Set the mode of an asset: down at once; up after a dwell, as far as the configuration allows, to autonomous by two persons."""
    from twinvouch.app.client import Client, load, token_of
    from twinvouch.app.statements import say
    from twinvouch.core.statement import Verb

    if hours is not None and rung != "autonomous":
        raise click.UsageError("--hours is for autonomous: time only ever lowers a mode")
    config = load(config_path)
    more = {"life_ns": int((hours or 8.0) * HOUR_NS)} if rung == "autonomous" else {}
    found = Client(config, token_of(config, principal)).get("/modes", purpose="mode set")
    shown = next((bytes.fromhex(m["shown"]) for m in found if m["asset"] == asset), b"")
    answer = say(config, person, Verb(rung), asset, reason=reason, shown=shown, **more)
    if answer["status"] == "waiting":
        click.echo(f"{safe(asset)}: {safe(answer['why'])}")
    else:
        click.echo(
            f"{safe(asset)}: {answer['mode']}, epoch {answer['epoch']}, entry {answer['entry']}"
        )
