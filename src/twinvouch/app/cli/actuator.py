"""`twinvouch actuator ACTUATOR.YAML`."""

from pathlib import Path

import click

from twinvouch.app.cli.printing import log_option, metrics_option
from twinvouch.app.logs import Format


@click.command()
@click.argument(
    "config", type=click.Path(path_type=Path, dir_okay=False), default=Path("actuator.yaml")
)
@log_option
@metrics_option
def command(config: Path, log_format: Format | None, metrics_file: Path | None) -> int:
    """Run the process that alone may write to the plant. Stops cleanly on Ctrl-C."""
    from twinvouch.app.actuator_process import run
    from twinvouch.app.devices import connect
    from twinvouch.app.service import Manner

    return run(config, connect, Manner(log_format, metrics_file))
