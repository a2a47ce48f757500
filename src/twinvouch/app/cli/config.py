"""`twinvouch config`: work with configurations."""

import click


@click.group()
def command() -> None:
    """Work with configurations."""


@command.command()
@click.argument("name", type=click.Choice(["twin", "actuator"]), default="twin")
def schema(name: str) -> None:
    """Print the JSON Schema of twin.yaml or actuator.yaml, for editors."""
    from twinvouch.app import starter

    click.echo(starter.schema(name), nl=False)
