"""`twinvouch restore TAG`."""

from pathlib import Path

import click

from twinvouch.app.cli import complete
from twinvouch.app.cli.printing import config_option
from twinvouch.app.terminal import safe


@click.command()
@click.argument("tag", shell_complete=complete.tags)
@click.option(
    "--person",
    required=True,
    shell_complete=complete.persons,
    help="who says so: a person with a key in the keys directory",
)
@click.option("--reason", required=True)
@config_option
def command(tag: str, person: str, reason: str, config_path: Path) -> None:
    """Take back a distrust of a tag."""
    from twinvouch.app.client import load
    from twinvouch.app.statements import say
    from twinvouch.core.statement import Verb

    answer = say(load(config_path), person, Verb.RESTORE, tag, reason=reason)
    click.echo(f"{answer['status']}: {safe(answer['tag'])}")
