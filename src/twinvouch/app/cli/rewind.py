"""`twinvouch rewind`."""

import json
from pathlib import Path
from typing import Any

import click

from twinvouch.app.cli import complete
from twinvouch.app.cli.printing import config_option, json_option

MOMENT = "ISO 8601 (UTC) or nanoseconds since 1970"


@click.command()
@click.option(
    "--to", "to", metavar="T", help=f"rebuild up to this moment, {MOMENT}; else all there is"
)
@click.option(
    "--without",
    "without",
    metavar="SUBJECT",
    multiple=True,
    shell_complete=complete.tags,
    help="leave out what this tag or edge said, too; each with a --since and an --until",
)
@click.option("--since", multiple=True, metavar="T", help=f"of a --without: since when, {MOMENT}")
@click.option("--until", multiple=True, metavar="T", help="of a --without: until when")
@click.option(
    "--from",
    "backup",
    metavar="BACKUP",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="begin at this backup, where the log does not begin at its first record",
)
@click.option(
    "--before",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    multiple=True,
    help="a configuration that the core ran with earlier; any number of them",
)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="where the new lineage lies; else below the plant's `data`",
)
@config_option
@json_option
def command(config_path: Path, *, as_json: bool, **asked: Any) -> None:
    """Rebuild state and models as if what is disavowed had been known, and show which decisions would have differed.

    What is disavowed in the ledger is left out, and what --without names. The core may run; its data is only read.
    """
    from twinvouch.app import build, rewind, rewind_report
    from twinvouch.app.moments import moment_ns

    to_ns = None if asked["to"] is None else moment_ns(asked["to"])
    without = rewind.by_hand(asked["without"], asked["since"], asked["until"])
    before = tuple(build.load(path) for path in asked["before"])
    wanted = rewind.Wanted(to_ns, without, asked["backup"], asked["out"], before)
    told = rewind_report.as_data(rewind.rewind(build.load(config_path), wanted))
    click.echo(json.dumps(told, indent=2) if as_json else "\n".join(rewind_report.as_lines(told)))
