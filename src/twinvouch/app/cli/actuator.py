"""`twinvouch actuator ACTUATOR.YAML`."""

from pathlib import Path

import click


@click.command()
@click.argument(
    "config", type=click.Path(path_type=Path, dir_okay=False), default=Path("actuator.yaml")
)
def command(config: Path) -> int:
    """Run the process that alone may write to the plant. Stops cleanly on Ctrl-C."""
    from twinvouch.app.actuator_process import run
    from twinvouch.app.devices import connect

    return run(config, connect)
