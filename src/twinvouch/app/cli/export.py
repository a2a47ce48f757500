"""`twinvouch export grafana|alerts`."""

from importlib.resources import files

import click

FILES = {"alerts": "alerts.yaml", "grafana": "grafana.json"}


@click.command()
@click.argument("what", type=click.Choice(sorted(FILES)))
def command(what: str) -> None:
    """Print the Grafana dashboard or the Prometheus alert rules that come with twinvouch."""
    file = files("twinvouch.app").joinpath("monitoring", FILES[what])
    click.echo(file.read_text(encoding="utf-8"), nl=False)
