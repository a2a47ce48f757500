"""`twinvouch retention status|holds|purge|verify`."""

import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import click

from twinvouch.app.cli.printing import config_option, json_option, show


@click.group()
def command() -> None:
    """How long the history is kept, what is held beyond that, and deleting what is over."""


@command.command()
@config_option
@json_option
def status(config_path: Path, *, as_json: bool) -> None:
    """Show what the history has of each scan group, and how long that is kept."""
    from twinvouch.adapters.key_store import iso
    from twinvouch.app import retention
    from twinvouch.app.config import load

    config = load(config_path)
    chunks = defaultdict(list)
    for listed in retention.listed(config):
        chunks[listed.group].append(listed)
    rows = [
        {
            "group": group,
            "days": retention.days_of(config, group),
            "chunks": len(of := chunks.get(group, [])),
            "readings": sum(c.present for c in of),
            "bytes": sum(c.size for c in of),
            "first": iso(min(c.day for c in of)) if of else None,
            "last": iso(max(c.day for c in of)) if of else None,
        }
        for group in sorted({*config.groups, *chunks})
    ]
    columns = ["group", "days", "chunks", "readings", "bytes", "first", "last"]
    show(rows, columns, as_json=as_json)


@command.command()
@config_option
@json_option
def holds(config_path: Path, *, as_json: bool) -> None:
    """List the legal holds of the configuration, and what each keeps from being deleted."""
    from twinvouch.app import retention
    from twinvouch.app.config import load

    config = load(config_path)
    kept = retention.look(config, time.time_ns()).held
    rows = [
        {
            "hold": name,
            "from": hold.start,
            "to": hold.end,
            "tags": ", ".join(hold.tags) or "all",
            "overdue_chunks": sum(name in names for _, names in kept),
            "reason": hold.reason,
        }
        for name, hold in config.retention.holds.items()
    ]
    show(rows, ["hold", "from", "to", "tags", "overdue_chunks", "reason"], as_json=as_json)


@command.command()
@click.option("--dry-run", is_flag=True, help="say what would be deleted and delete nothing")
@config_option
@json_option
def purge(config_path: Path, *, dry_run: bool, as_json: bool) -> None:
    """Delete chunks of the history that are over and not held; the ledger verifies as before.

    A running core does this by itself every quarter of an hour.
    """
    from twinvouch.adapters.key_store import iso
    from twinvouch.app import retention
    from twinvouch.app.config import load

    config, now_ns = load(config_path), time.time_ns()
    found = (retention.look if dry_run else retention.purge)(config, now_ns)
    rows: list[dict[str, Any]] = [
        {"group": c.group, "day": iso(c.day), "readings": c.present, "bytes": c.size, "held": names}
        for c, names in [*((c, ()) for c in found.over), *found.held]
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        said = "kept by hold " + ", ".join(row["held"]) if row["held"] else "over"
        click.echo(f"{row['group']}  {row['day']}  {row['readings']} readings  {said}")
    did = "would be deleted" if dry_run else "deleted"
    click.echo(f"{len(found.over)} chunks {did}, {len(found.held)} held")


@command.command()
@config_option
@json_option
def verify(config_path: Path, *, as_json: bool) -> int:
    """Read every chunk of the history and look its digest up in the ledger; exit 1 where one does not hold."""
    from twinvouch.app import retention
    from twinvouch.app.config import load

    config = load(config_path)
    faults = list(retention.verify(config))
    if as_json:
        click.echo(json.dumps({"chunks": len(retention.listed(config)), "faults": faults}))
    for fault in faults if not as_json else ():
        click.echo(fault)
    if not faults and not as_json:
        click.echo(f"{len(retention.listed(config))} chunks hold, and the ledger names each")
    return 1 if faults else 0
