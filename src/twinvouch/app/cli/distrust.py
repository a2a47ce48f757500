"""`twinvouch distrust SUBJECT`."""

from pathlib import Path

import click

from twinvouch.app.cli import complete
from twinvouch.app.cli.printing import config_option
from twinvouch.app.terminal import safe

HOUR_NS = 3_600_000_000_000


@click.command()
@click.argument("subject", shell_complete=complete.subjects)
@click.option(
    "--person",
    required=True,
    shell_complete=complete.persons,
    help="who says so: a person with a key in the keys directory",
)
@click.option("--reason", required=True)
@click.option(
    "--hours",
    default=8.0,
    show_default=True,
    type=click.FloatRange(min=0.01, max=24 * 30),
    help="then it ends",
)
@config_option
def command(subject: str, person: str, reason: str, hours: float, config_path: Path) -> None:
    """Distrust a tag, an edge, a model or a key (its id) from now on, for a time: what it says counts as nothing."""
    from twinvouch.app.client import load
    from twinvouch.app.statements import say
    from twinvouch.core.statement import Verb

    life_ns = int(hours * HOUR_NS)
    answer = say(load(config_path), person, Verb.DISTRUST, subject, reason=reason, life_ns=life_ns)
    click.echo(f"{answer['status']}: {safe(answer['subject'])}: {safe(answer['why'])}")
