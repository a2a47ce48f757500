"""`twinvouch run TWIN.YAML`."""

from pathlib import Path

import click

from twinvouch.app.cli.printing import log_option
from twinvouch.app.logs import Format


@click.command()
@click.argument(
    "config", type=click.Path(path_type=Path, dir_okay=False), default=Path("twin.yaml")
)
@log_option
def command(config: Path, log_format: Format | None) -> int:
    """Run the core of a plant: gates, ledger and API. Stops cleanly on Ctrl-C."""
    from twinvouch.app.run import run
    from twinvouch.app.service import Manner

    return run(config, Manner(log_format))
