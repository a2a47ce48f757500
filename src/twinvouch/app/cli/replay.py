"""`twinvouch replay FILE.csv`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twinvouch.app.cli.printing import config_option, json_option
from twinvouch.app.terminal import safe

if TYPE_CHECKING:
    from twinvouch.app.replay_run import Done


@click.command()
@click.argument("csv_file", metavar="FILE.csv", type=click.Path(path_type=Path, dir_okay=False))
@config_option
@click.option(
    "--data",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="a new directory for log, state and ledger; otherwise below the plant's `data`",
)
@json_option
@click.pass_context
def command(
    ctx: click.Context, csv_file: Path, config_path: Path, directory: Path | None, *, as_json: bool
) -> None:
    """Send a wide CSV of readings, signed, through the gates into a ledger of its own.

    Exit 1 where rows of the file could not be sent: each is named with its line.
    """
    from twinvouch.app import build, replay_run

    done = replay_run.run(csv_file, build.load(config_path), directory)
    told = as_data(csv_file, done)
    if as_json:
        click.echo(json.dumps(told, indent=2))
    else:
        click.echo("\n".join(_lines(told)))
    for problem in done.report.counts.told:
        click.echo(safe(problem), err=True)
    ctx.exit(0 if done.report.whole else 1)


def as_data(csv_file: Path, done: "Done") -> dict[str, Any]:
    """The report as one JSON object."""
    report, counts = done.report, done.report.counts
    return {
        "file": str(csv_file),
        "rows": counts.rows,
        "rows_refused": counts.rows_refused,
        "cells": counts.cells,
        "cells_missing": counts.missing,
        "cells_no_number": counts.bad,
        "cells_admitted": report.admitted,
        "cells_refused": report.refused,
        "batches": dict(report.batches),
        "findings": dict(sorted(report.findings.items())),
        "cells_named_in_findings": dict(sorted(report.cells_named.items())),
        "seconds": round(done.seconds, 3),
        "values_per_s": round(counts.cells / done.seconds) if done.seconds else 0,
        "ledger": str(done.directory / "ledger"),
        "ledger_entries": done.entries,
        "ledger_key": done.ledger_key,
    }


def _lines(told: dict[str, Any]) -> list[str]:
    statuses = ", ".join(f"{n:,} {safe(status)}" for status, n in sorted(told["batches"].items()))
    findings = [
        f"  {rule:<24}{n:>8,} findings{told['cells_named_in_findings'][rule]:>12,} cells"
        for rule, n in told["findings"].items()
    ]
    return [
        f"{safe(told['file'])}: {told['rows']:,} rows, {told['rows_refused']:,} not sent",
        f"cells: {told['cells']:,} = {told['cells_admitted']:,} admitted + {told['cells_refused']:,} refused",
        f"of these {told['cells_missing']:,} missing, {told['cells_no_number']:,} no number",
        f"batches: {statuses}",
        f"findings: {sum(told['findings'].values()):,}",
        *findings,
        f"{told['values_per_s']:,} values/s in {told['seconds']} s; {told['ledger_entries']:,} ledger entries",
        f"twinvouch ledger verify {told['ledger']} --key {told['ledger_key']}",
    ]
