"""`twinvouch bench endure` and `bench vectors`: what is survived, and what others' test vectors say."""

import os
from pathlib import Path
from typing import Any, Final

import click

from twinvouch.app.cli.demo import require_lab
from twinvouch.app.cli.printing import say, show, show_figures

TLOG: Final = Path("trust") / "tlog"
SECTIONS: Final = ("kills", "full", "tails", "start")
_GIGABYTE: Final = 1000


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="folder with merkle-testdata and tessera-testdata (else trust/tlog below $TWINVOUCH_SHARED or ../shared/data)",
)
@click.option("--json", "as_json", is_flag=True, help="print one JSON array")
def vectors(*, data: Path | None, as_json: bool) -> int:
    """Judge our proofs, and those of the verifier, by the vectors of others; exit 1 where one fails."""
    from twinvouch.app.bench.vectors import COLUMNS, run

    shared = Path(os.environ.get("TWINVOUCH_SHARED", "../shared/data"))
    rows, is_ok = run(data if data is not None else shared / TLOG)
    show(rows, COLUMNS, as_json=as_json)
    return 0 if is_ok else 1


def _sections(_context: click.Context, _parameter: click.Parameter, value: str) -> list[str]:
    named = value.split(",")
    if strange := sorted(set(named) - set(SECTIONS)):
        raise click.BadParameter(f"{strange}: expected some of {', '.join(SECTIONS)}")
    return named


@click.command()
@click.option(
    "--sections",
    callback=_sections,
    default=",".join(SECTIONS),
    show_default=True,
    help="which, with commas",
)
@click.option(
    "--kills",
    type=click.IntRange(5, 100_000),
    default=200,
    show_default=True,
    help="of all processes together",
)
@click.option(
    "--batches-per-s",
    type=click.FloatRange(1, 1000),
    default=40.0,
    show_default=True,
    help="what the edge ships while it is killed",
)
@click.option("--seed", type=int, default=0, show_default=True, help="of moments and order")
@click.option(
    "--every",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="damage every so many offsets",
)
@click.option(
    "--store-mb",
    type=click.IntRange(10, 1_000_000),
    default=_GIGABYTE,
    show_default=True,
    help="of the store that is started on",
)
@click.option("--json", "as_json", is_flag=True, help="print one JSON object")
def endure(*, sections: list[str], store_mb: int, as_json: bool, **plan: Any) -> int:
    """Kill, fill, damage and start on a gigabyte; exit 1 where anything acknowledged is lost or done twice."""
    require_lab()
    from twinvouch.app.bench.endure import Plan, run
    from twinvouch.app.bench.tails_tally import COLUMNS

    figures, is_ok = run(sections, Plan(**plan, store_bytes=store_mb * 10**6), say)
    rows = [] if as_json else figures.pop("tails", [])
    show_figures(figures, as_json=as_json)
    if rows:
        show(rows, COLUMNS, as_json=False)
    return 0 if is_ok else 1
