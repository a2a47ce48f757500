"""`twinvouch break-glass open|close|show`."""

import json
import time
from pathlib import Path
from typing import Any

import click

from twinvouch.app.cli import complete
from twinvouch.app.cli.printing import as_option, config_option, json_option
from twinvouch.app.terminal import safe

MINUTE_NS = 60_000_000_000


@click.group()
def command() -> None:
    """Waive label and approvals for some minutes, by two persons; show and close it."""


@command.command()
@config_option
@as_option
@json_option
def show(config_path: Path, principal: str | None, *, as_json: bool) -> None:
    """Show what is asked for and what is open."""
    rows = _rows(config_path, principal)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(_line(row))
    if not rows:
        click.echo("nothing is asked for, and nothing is open")


@command.command(name="open")
@click.argument("subject", metavar="ACTUATOR|ASSET")
@click.option("--reason", required=True, help="why; it is kept with it")
@click.option(
    "--person",
    required=True,
    shell_complete=complete.persons,
    help="who asks, or agrees to what another person asked: a person with a key in the keys directory",
)
@click.option(
    "--minutes", type=click.FloatRange(min=0.1, max=1_440), default=15.0, show_default=True
)
@click.option("--yes", is_flag=True, help="agree without being asked again")
@config_option
@as_option
def open_(  # noqa: PLR0913 - one a word of the command line
    subject: str,
    reason: str,
    person: str,
    minutes: float,
    config_path: Path,
    principal: str | None,
    *,
    yes: bool,
) -> None:
    """Ask for it, for your own commands; or agree to what another person asked."""
    from twinvouch.app.client import load
    from twinvouch.app.statements import say
    from twinvouch.core.statement import Verb

    rows = [r for r in _rows(config_path, principal or person) if r["subject"] == subject]
    shown = b""
    for row in rows:
        click.echo(_line(row))
        if row["person"] != person and not row["is_open"]:
            if not yes:
                click.confirm("agree to this, as shown?", abort=True)
            shown = bytes.fromhex(row["shown"])
    answer = say(
        load(config_path), person, Verb.BREAK_GLASS, subject,
        reason=reason, shown=shown, life_ns=int(minutes * MINUTE_NS),
    )  # fmt: skip
    if answer["status"] == "waiting":
        click.echo(f"asked for: {safe(answer['why'])}")
    else:
        left = (answer["until_ns"] - time.time_ns()) / MINUTE_NS
        click.echo(f"open for {left:.0f} minutes, entry {answer['entry']}: every use is a finding")


@command.command()
@click.argument("subject", metavar="ACTUATOR|ASSET")
@click.option("--reason", required=True)
@click.option("--person", required=True, shell_complete=complete.persons)
@config_option
def close(subject: str, reason: str, person: str, config_path: Path) -> None:
    """Close it, or take back what was asked: any person may."""
    from twinvouch.app.client import load
    from twinvouch.app.statements import say
    from twinvouch.core.statement import Verb

    answer = say(load(config_path), person, Verb.CLOSE_GLASS, subject, reason=reason)
    click.echo(f"{safe(subject)}: {answer['status']}")


def _rows(config_path: Path, principal: str | None) -> list[dict[str, Any]]:
    from twinvouch.app.client import Client, load, token_of

    config = load(config_path)
    found: list[dict[str, Any]] = Client(config, token_of(config, principal)).get(
        "/break-glass", purpose="break-glass"
    )
    return found


def _line(row: dict[str, Any]) -> str:
    left = (row["until_ns"] - time.time_ns()) / MINUTE_NS
    state = (
        f"open for commands of {row['person']}, agreed by {row['second']}, {row['uses']} used"
        if row["is_open"]
        else f"asked for by {row['person']}, waits for a second person"
    )
    return str(safe(f"{row['subject']:<24}{state}, {left:.0f} min more: {row['reason']}"))
