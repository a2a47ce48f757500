"""`twinvouch advice give|list|show`."""

import json
import time
from pathlib import Path
from typing import Any, Final

import click

from twinvouch.app.cli import complete
from twinvouch.app.cli.params import Declared, Duration, Finite
from twinvouch.app.cli.printing import as_option, config_option, json_option, show
from twinvouch.app.terminal import safe

# the words of core.advice.Standing, which is imported only when a verb is called
STANDINGS: Final = ("shown", "labelled", "withheld", "expired")


@click.group()
def command() -> None:
    """See what the twin recommends, and recommend something; nothing of it is ever executed."""


@command.command()
@click.option(
    "--as",
    "principal",
    metavar="PRINCIPAL",
    required=True,
    shell_complete=complete.principals,
    help="who recommends; signed with its key where that lies in the keys directory, else by its token",
)
@click.option("--about", required=True, metavar="TAG|ASSET", shell_complete=complete.tags)
@click.option("--says", required=True, metavar="TEXT", help="one sentence")
@click.option("--value", type=Finite(), help="a set-point or KPI")
@click.option("--unit", default="", help="of the value")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    type=Declared(),
    metavar="TAG[=ENTRY]",
    help="what it was computed from, its newest entry where none is named; again for each",
)
@click.option(
    "--for",
    "life_ns",
    type=Duration(),
    default="8h",
    show_default=True,
    metavar="DURATION",
    help="then it is over",
)
@config_option
def give(principal: str, config_path: Path, **said: Any) -> None:
    """Recommend something to people; says at once how it stands."""
    from twinvouch.app.client import load
    from twinvouch.app.recommending import recommend

    answer = recommend(load(config_path), principal, said, time.time_ns())
    click.echo(f"{answer['status']}: {answer['id']}  {safe(answer['why'])}")


@command.command("list")
@click.option("--standing", type=click.Choice(STANDINGS), help="only these")
@config_option
@as_option
@json_option
def list_(standing: str | None, config_path: Path, principal: str | None, *, as_json: bool) -> None:
    """List advice, newest first; what is withheld or over shows neither value nor sentence."""
    from twinvouch.app.client import Client, load, token_of

    config = load(config_path)
    client = Client(config, token_of(config, principal))
    rows = client.get("/advice", standing=standing or "", purpose="advice list")
    columns = ["id", "standing", "subject", "value", "unit", "principal", "says", "why"]
    show(rows, columns, as_json=as_json)


@command.command("show")
@click.argument("ident", metavar="ID")
@config_option
@as_option
@json_option
def show_one(ident: str, config_path: Path, principal: str | None, *, as_json: bool) -> None:
    """Show one piece of advice with its label and why it stands as it does."""
    from twinvouch.app.client import Client, load, token_of

    config = load(config_path)
    client = Client(config, token_of(config, principal))
    row = client.get(f"/advice/{ident}", purpose="advice show")
    if as_json:
        click.echo(json.dumps(row, indent=2))
        return
    _print(row)


def _print(row: dict[str, Any]) -> None:
    about = f"{safe(row['principal'])} about `{safe(row['subject'])}` (class {row['class']})"
    click.echo(f"{about}: {row['standing']}")
    if row["says"] is not None:
        click.echo(safe(row["says"]))
    if row["value"] is not None:
        click.echo(f"value  {row['value']:g} {safe(row['unit'])}")
    click.echo(safe(row["why"]))
    label = ", ".join(f"{axis} {value}" for axis, value in row["label"].items())
    click.echo(f"label  {label}")
    click.echo(f"entries  {row['entry']}, stands so since {row['standing_entry']}")
