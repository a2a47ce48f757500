"""`twinvouch demo`: the built-in plant under attack for about a minute."""

import json
from importlib.util import find_spec
from pathlib import Path

import click

from twinvouch.core.errors import UnavailableError

NEEDED = ("wntr", "pymodbus")
INSTALL = "pip install 'twinvouch[lab]'"


def require_lab() -> None:
    """Refuse where the `[lab]` extra is not installed, with the line that installs it."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise UnavailableError(
            f"the built-in plant needs {' and '.join(missing)}, which are not installed: {INSTALL}"
        )


@click.command()
@click.option(
    "--headless", is_flag=True, help="for machines: no difference yet, the demo ends by itself"
)
@click.option(
    "--simulated", is_flag=True, help="one process, in memory, on a virtual clock, from a seed"
)
@click.option("--seed", type=int, default=0, show_default=True, help="of --simulated")
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="write the result here",
)
def command(*, headless: bool, simulated: bool, seed: int, json_file: Path | None) -> int:
    """Run plant, edge, core and actuator for a minute under attack, kill the core, verify the ledger.

    Exits 1 where an attack did not come out as expected, something unsafe was carried out, or anything
    acknowledged was lost.
    """
    del headless  # there is no console yet that would stay open
    require_lab()
    if simulated:
        from twinvouch.app.simulated import run_simulated

        report = run_simulated(seed, click.echo)
    else:
        from twinvouch.lab.demo import run

        report = run(click.echo)
    from twinvouch.lab.report import summary

    click.echo()
    for line in summary(report):
        click.echo(line)
    if json_file is not None:
        json_file.write_text(json.dumps(report.as_plain(), indent=1) + "\n", "utf-8")
    return 0 if report.ok else 1
