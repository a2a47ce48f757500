"""`twinvouch bench guard`: the scenario range of the commands gate."""

import click

from twinvouch.app.cli.demo import require_lab
from twinvouch.app.cli.printing import say, show, show_figures

COLUMNS = (
    "name",
    "seeds",
    "counts",
    "guard_off_violations",
    "unsafe_executed",
    "violations",
    "legit",
    "legit_blocked",
)


@click.command()
@click.option("--seeds", type=click.IntRange(1, 100_000), default=2, show_default=True)
@click.option("--first-seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--only", metavar="SCENARIO", multiple=True, help="this one; may be said again")
@click.option(
    "--share",
    type=click.FloatRange(0.05, 1.0),
    default=1.0,
    show_default=True,
    help="of each run's hours after the attack began",
)
@click.option("--no-ablation", is_flag=True, help="nothing without parts of the guard")
@click.option(
    "--no-times", is_flag=True, help="do not measure decisions, look-ahead and proxy first"
)
@click.option("--processes", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="print one JSON object")
def guard(  # noqa: PLR0913 (one option each)
    *,
    seeds: int,
    first_seed: int,
    only: tuple[str, ...],
    share: float,
    no_ablation: bool,
    no_times: bool,
    processes: int,
    as_json: bool,
) -> None:
    """Attack true plants through the commands gate, with it and without it; exit 0 whatever is found, 1 where runs failed."""
    require_lab()
    from twinvouch.app.bench.guard import Plan, run
    from twinvouch.lab.range.table import BY_NAME

    if strange := sorted(set(only) - set(BY_NAME)):
        raise click.BadParameter(f"{strange}: expected some of {', '.join(BY_NAME)}")
    plan = Plan(seeds, first_seed, only, share, not no_ablation, processes, times=not no_times)
    figures = run(plan, say)
    rows = [] if as_json else figures.pop("scenarios")
    show_figures(figures, as_json=as_json)
    if rows:
        show(rows, COLUMNS, as_json=False)
    if figures["failed"]:
        raise click.exceptions.Exit(1)
