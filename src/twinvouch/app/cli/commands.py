"""`twinvouch commands submit|list|show|explain|simulate|approve|reject`."""

import time
from pathlib import Path
from typing import Any

import click

from twinvouch.app.cli import complete
from twinvouch.app.cli.commands_asked import explain, simulate, submit
from twinvouch.app.cli.commands_shown import print_command
from twinvouch.app.cli.printing import as_option, config_option, json_option, show
from twinvouch.app.terminal import safe

# the words of core.command.CommandStatus, which is imported only when a verb is called
STATUSES = (
    "denied",
    "held",
    "permitted",
    "executed",
    "refused",
    "failed",
    "unknown",
    "rejected",
    "expired",
)


@click.group()
def command() -> None:
    """See what the twin wants to do to the plant, and decide on what is held."""


@command.command("list")
@click.option("--status", type=click.Choice(STATUSES), help="only these")
@config_option
@as_option
@json_option
def list_(status: str | None, config_path: Path, principal: str | None, *, as_json: bool) -> None:
    """List commands, newest first."""
    from twinvouch.app.client import Client, load, token_of

    config = load(config_path)
    rows = Client(config, token_of(config, principal)).get(
        "/commands", status=status or "", purpose="commands list"
    )
    show(
        rows,
        ["id", "status", "tag", "value", "unit", "principal", "decision_entry", "why"],
        as_json=as_json,
    )


@command.command("show")
@click.argument("ident", metavar="ID", shell_complete=complete.held_commands)
@config_option
@as_option
@json_option
def show_one(ident: str, config_path: Path, principal: str | None, *, as_json: bool) -> None:
    """Show one command with every rule that spoke."""
    from twinvouch.app.client import Client, load, token_of

    config = load(config_path)
    print_command(
        Client(config, token_of(config, principal)).get(
            f"/commands/{ident}", purpose="commands show"
        ),
        as_json=as_json,
    )


@command.command()
@click.argument("ident", metavar="ID", shell_complete=complete.held_commands)
@click.option(
    "--person",
    required=True,
    shell_complete=complete.persons,
    help="who approves: a person with a key in the keys directory",
)
@click.option("--reason", required=True)
@click.option("--yes", is_flag=True, help="do not ask again")
@config_option
def approve(ident: str, person: str, reason: str, config_path: Path, *, yes: bool) -> int:
    """Approve a held command: shows it, asks, and signs what was shown with the person's own key."""
    from twinvouch.app.client import Client, RefusedError, load, token_of
    from twinvouch.app.statements import say
    from twinvouch.core.statement import Verb

    config = load(config_path)
    held = Client(config, token_of(config, person)).get(f"/commands/{ident}", purpose="approve")
    print_command(held, as_json=False)
    if held["status"] != "held":
        raise RefusedError(
            f"`{ident}` is {held['status']}: only a held command can be approved; propose it again"
        )
    if not yes:
        click.confirm("approve this, as shown?", abort=True)
    life_ns = max(
        held["expires_ns"] - time.time_ns(), 1_000_000_000
    )  # as long as the command is held
    answer = say(
        config, person, Verb.APPROVE, ident, reason=reason, shown=_digest(held), life_ns=life_ns
    )
    click.echo(f"{answer['status']}: {safe(answer['why'])}")
    return 0


@command.command()
@click.argument("ident", metavar="ID", shell_complete=complete.held_commands)
@click.option("--person", required=True, shell_complete=complete.persons)
@click.option("--reason", required=True)
@config_option
def reject(ident: str, person: str, reason: str, config_path: Path) -> None:
    """Reject a held command."""
    from twinvouch.app.client import load
    from twinvouch.app.statements import say
    from twinvouch.core.statement import Verb

    answer = say(load(config_path), person, Verb.REJECT, ident, reason=reason)
    click.echo(answer["status"])


def _digest(held: dict[str, Any]) -> bytes:
    """What was shown, computed here from what was printed, so that a core cannot show one thing and mean another."""
    from twinvouch.commands.register import shown
    from twinvouch.core.command import Clamp, Command, Decision, Input, Reason, Verdict

    inputs = tuple(Input(i["tag"], i["entry"]) for i in held["inputs"])
    c = Command(
        id=held["id"],
        principal=held["principal"],
        tag=held["tag"],
        value=held["value"],
        unit=held["unit"],
        made_ns=held["made_ns"],
        inputs=inputs,
        reason=held["reason"],
        signed=held["signed"],
    )
    reasons = tuple(
        Reason(r["rule"], Verdict(r["verdict"]), r["sentence"], r["counterfactual"])
        for r in held["reasons"]
    )
    a, b, d, e = held["axes"]
    clamp = None
    if held["clamped_to"] is not None:
        clamp = Clamp(held["value"], held["clamped_to"], tuple(held["clamped_by"]))
    verdict = Verdict(held["verdict"])
    return shown(c, Decision(c.id, verdict, reasons, (a, b, d, e), (), clamp=clamp))


for _verb in (submit, explain, simulate):
    command.add_command(_verb)
