"""`twinvouch completion bash|zsh|fish`."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of a shell: verbs, options, and names from the configuration and the core."""
    from twinvouch.app.cli import cli

    kind = get_completion_class(shell)
    assert kind is not None, shell
    click.echo(kind(cli, {}, "twinvouch", "_TWINVOUCH_COMPLETE").source())
