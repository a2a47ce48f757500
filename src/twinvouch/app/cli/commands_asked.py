"""`twinvouch commands submit|explain|simulate`: propose a write, ask why it was decided so, ask what would become of one."""

from pathlib import Path
from typing import Any

import click

from twinvouch.app.cli import complete
from twinvouch.app.cli.commands_shown import print_explained
from twinvouch.app.cli.params import Declared, Duration, Finite
from twinvouch.app.cli.printing import as_option, config_option, json_option
from twinvouch.app.terminal import safe

# a value may be negative, and is no option then
_NEGATIVE = {"ignore_unknown_options": True}


def _asks(f: Any) -> Any:
    """What submit and simulate have in common."""
    for option in (
        config_option,
        click.option("--input", "inputs", multiple=True, type=Declared(), metavar="TAG[=ENTRY]",
                     help="what it was computed from, its newest entry where none is named; again for each"),
        click.option("--unit", help="of the value  [default: the unit of the tag]"),
        click.option("--as", "principal", metavar="PRINCIPAL", required=True, shell_complete=complete.principals,
                     help="who asks"),
        click.argument("value", type=Finite()),
        click.argument("tag", shell_complete=complete.tags),
    ):  # fmt: skip
        f = option(f)
    return f


@click.command(context_settings=_NEGATIVE)
@_asks
@click.option("--why", default="", metavar="TEXT", help="for the record and for who approves")
@click.option(
    "--idempotency-key",
    "once",
    metavar="TEXT",
    help="of your own: the same again with it is the same command",
)
@click.option(
    "--wait",
    "wait_ns",
    is_flag=False,
    flag_value="1m",
    type=Duration(),
    metavar="[DURATION]",
    help="wait until it is over, at most so long (1m)",
)
def submit(wait_ns: int | None, config_path: Path, **said: Any) -> int:
    """Propose a write: signed with the principal's key where it lies in the keys directory, else by its token."""
    from twinvouch.app.client import load
    from twinvouch.app.proposing import Said, propose, wait

    config, asked = load(config_path), Said(**said)
    answer = propose(config, asked)
    click.echo(f"{answer['status']}: {answer['id']}  {safe(answer['why'])}")
    if wait_ns is None:
        return 0
    row = wait(config, asked.principal, answer["id"], wait_ns / 1e9)
    click.echo(f"{row['status']}: {safe(row['outcome'] or row['why'])}")
    return 0 if row["status"] == "executed" else 1


@click.command(context_settings=_NEGATIVE)
@_asks
@json_option
def simulate(config_path: Path, *, as_json: bool, **said: Any) -> int:
    """What would become of a write, judged and looked ahead as a proposal is: nothing comes of it."""
    from twinvouch.app.client import load
    from twinvouch.app.proposing import Said, try_out

    row = try_out(load(config_path), Said(**said))
    print_explained(row, as_json=as_json)
    return 1 if row["verdict"] == "deny" else 0


@click.command()
@click.argument("ident", metavar="ID", shell_complete=complete.held_commands)
@config_option
@as_option
@json_option
def explain(ident: str, config_path: Path, principal: str | None, *, as_json: bool) -> None:
    """Why a command is as it is: every rule, its inputs, the way to a short label, what was foreseen, what would do."""
    from twinvouch.app.client import Client, load, token_of

    config = load(config_path)
    client = Client(config, token_of(config, principal))
    row = client.get(f"/commands/{ident}/explain", purpose="commands explain")
    print_explained(row, as_json=as_json)
