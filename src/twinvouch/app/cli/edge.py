"""`twinvouch edge TWIN.YAML --edge NAME`."""

from pathlib import Path

import click


@click.command()
@click.argument(
    "config", type=click.Path(path_type=Path, dir_okay=False), default=Path("twin.yaml")
)
@click.option(
    "--edge", metavar="NAME", help="which of the configured edges; needed where there are several"
)
def command(config: Path, edge: str | None) -> int:
    """Run the process that reads devices and signs readings. Stops cleanly on Ctrl-C."""
    from twinvouch.app.devices import connect
    from twinvouch.app.edge_process import run

    return run(config, edge, connect)
