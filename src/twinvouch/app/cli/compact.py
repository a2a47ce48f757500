"""`twinvouch compact`."""

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import click

from twinvouch.app.cli.printing import config_option, json_option


@click.command()
@click.option("--purge", is_flag=True, help="then delete what retention says is over")
@config_option
@json_option
def command(config_path: Path, *, purge: bool, as_json: bool) -> None:
    """Write what the event log has of readings into chunks of the history; the core may run.

    A running core does this by itself every quarter of an hour.
    """
    from twinvouch.app import retention
    from twinvouch.app.compaction import compact
    from twinvouch.app.config import load

    with suppress(OSError):  # give way to the core; a sandbox may not let us
        os.nice(10)
    config = load(config_path)
    done = compact(config, lambda line: click.echo(line, err=True))
    if purge:
        retention.purge(config, time.time_ns())
    if as_json:
        click.echo(json.dumps(asdict(done)))
        return
    each = f", {done.size / done.readings:.2f} bytes each" if done.readings else ""
    click.echo(f"{done.chunks} chunks of {done.readings} readings{each}")
    click.echo(f"the log is in the history up to record {done.record}")
    for group in done.strange:
        click.echo(
            f"scan group {group}: rows of columns that no configuration is known to have had"
        )
