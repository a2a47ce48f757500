"""`twinvouch ticket WORK SUBJECT`."""

from pathlib import Path

import click

from twinvouch.app.cli import complete
from twinvouch.app.cli.printing import config_option
from twinvouch.app.terminal import safe

HOUR_NS = 3_600_000_000_000
WORKS = ("recalibration", "maintenance", "setpoint")


@click.command()
@click.argument("work", type=click.Choice(WORKS))
@click.argument("subject", shell_complete=complete.tags)
@click.option(
    "--person",
    required=True,
    shell_complete=complete.persons,
    help="who says so: a person with a key in the keys directory",
)
@click.option("--reason", required=True, help="such as the number of the work order")
@click.option(
    "--hours",
    default=8.0,
    show_default=True,
    type=click.FloatRange(min=0.01, max=24 * 30),
    help="then the work is over",
)
@config_option
def command(
    work: str, subject: str, person: str, reason: str, hours: float, config_path: Path
) -> None:
    """Announce work on a tag, or on all tags of an asset: what departs then is a candidate for a change, no attack."""
    from twinvouch.app.client import load
    from twinvouch.app.statements import say
    from twinvouch.core.statement import Verb

    answer = say(
        load(config_path), person, Verb(work), subject, reason=reason, life_ns=int(hours * HOUR_NS)
    )
    click.echo(f"{answer['status']}: {', '.join(safe(tag) for tag in answer['tags'])}")
