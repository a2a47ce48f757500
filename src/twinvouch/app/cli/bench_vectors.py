"""`twinvouch bench vectors`: public test vectors of Merkle trees, what passed, and what was skipped and why."""

import os
from pathlib import Path
from typing import Final

import click

from twinvouch.app.cli.printing import show

TLOG: Final = Path("trust") / "tlog"


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
