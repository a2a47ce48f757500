"""`twinvouch edge TWIN.YAML --edge NAME`."""

from pathlib import Path

import click

from twinvouch.app.cli import complete
from twinvouch.app.cli.printing import log_option, metrics_option
from twinvouch.app.logs import Format


@click.command()
@click.argument(
    "config", type=click.Path(path_type=Path, dir_okay=False), default=Path("twin.yaml")
)
@click.option(
    "--edge",
    metavar="NAME",
    shell_complete=complete.edges,
    help="which of the configured edges; needed where there are several",
)
@log_option
@metrics_option
def command(
    config: Path, edge: str | None, log_format: Format | None, metrics_file: Path | None
) -> int:
    """Run the process that reads devices and signs readings. Stops cleanly on Ctrl-C."""
    from twinvouch.app.devices import connect
    from twinvouch.app.edge_process import run
    from twinvouch.app.service import Manner

    return run(config, edge, connect, Manner(log_format, metrics_file))
