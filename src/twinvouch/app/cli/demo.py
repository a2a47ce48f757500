"""`twinvouch demo`: the built-in plant under attack for about a minute."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

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
    "--unprotected",
    is_flag=True,
    help="the lie at the tower's gauge with nothing between plant and controller: it overflows",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="write the result here",
)
def command(
    *, headless: bool, simulated: bool, seed: int, unprotected: bool, json_file: Path | None
) -> int:
    """Run plant, edges, core and actuator for two minutes under attack, kill the core, verify the ledger.

    Exits 1 where an attack did not come out as expected, something unsafe was carried out, or anything
    acknowledged was lost; with --unprotected where the plant left its limits.
    """
    del headless  # there is no console yet that would stay open
    if simulated and unprotected:
        raise click.UsageError("either --simulated or --unprotected")
    require_lab()
    if unprotected:
        return _unprotected(json_file)
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
    _keep(json_file, report.as_plain())
    return 0 if report.ok else 1


def _unprotected(json_file: Path | None) -> int:
    from twinvouch.lab.unprotected import run

    told = run(click.echo)
    if told.ok:
        click.echo(f"\nthe tower stayed inside its limits, at {told.highest_m:.2f} m at most")
    elif told.overflow_min is None:
        click.echo(f"\nthe tower left its limits: {told.highest_m:.2f} m")
    else:
        click.echo(f"\nTHE TOWER OVERFLOWED: {told.spilled_m3:.0f} m3 ran over its rim")
    click.echo(f"took {told.seconds:.0f} s; kept in {told.directory}")
    _keep(json_file, told.as_plain())
    return 0 if told.ok else 1


def _keep(json_file: Path | None, plain: dict[str, Any]) -> None:
    if json_file is not None:
        json_file.write_text(json.dumps(plain, indent=1) + "\n", "utf-8")
