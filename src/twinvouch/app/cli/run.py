"""`twinvouch run TWIN.YAML`."""

from pathlib import Path

import click


@click.command()
@click.argument(
    "config", type=click.Path(path_type=Path, dir_okay=False), default=Path("twin.yaml")
)
def command(config: Path) -> int:
    """Run the core of a plant: gates, ledger and API. Stops cleanly on Ctrl-C."""
    from twinvouch.app.run import run

    return run(config)
