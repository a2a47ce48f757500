"""`twinvouch systemd print core|edge|actuator`."""

import click

PROCESSES = {
    "core": "twinvouch-core.service",
    "edge": "twinvouch-edge@.service",
    "actuator": "twinvouch-actuator.service",
}


@click.group()
def command() -> None:
    """The three processes as services of systemd."""


@command.command("print")
@click.argument("process", type=click.Choice(list(PROCESSES)))
@click.option(
    "--program", metavar="PATH", help="the twinvouch to run; otherwise the one that runs now"
)
def print_(process: str, program: str | None) -> None:
    """Print the unit file of a process, with its sandbox, for /etc/systemd/system."""
    from twinvouch.app import unit_files

    click.echo(unit_files.text(PROCESSES[process], program or unit_files.this_program()), nl=False)
