"""`twinvouch history TAG`."""

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from twinvouch.app.cli import complete
from twinvouch.app.cli.printing import as_option, config_option, show
from twinvouch.app.terminal import safe

COLUMNS = ["time", "value", "quality", "headline", "axis", "reason", "entry"]
PAGE = 1_000


@click.command()
@click.argument("tag", shell_complete=complete.tags)
@click.option("--from", "start", default="", metavar="TIME", help="made then or later")
@click.option("--to", "end", default="", metavar="TIME", help="made then or earlier")
@click.option("--at", "at", default="", metavar="TIME", help="the one reading as of that time")
@click.option("--last", type=click.IntRange(1, 10_000), help="the last N readings")
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=1_000,
    show_default=True,
    help="at most so many; what comes next is said",
)
@click.option("--after", default="", metavar="PLACE", help="go on behind what was said then")
@click.option("--json", "form", flag_value="json", help="one JSON object a reading and line")
@click.option("--csv", "form", flag_value="csv", help="CSV with a header")
@config_option
@as_option
def command(tag: str, config_path: Path, principal: str | None, form: str, **asked: Any) -> None:
    """Show what was read of a tag, with quality, label and the reasons of what is flagged.

    TIME is ISO 8601 (UTC where it names no zone) or nanoseconds since 1970. Without options: the last 20 readings.
    """
    from twinvouch.app.client import Client, load, token_of

    if not any(asked[name] for name in ("start", "end", "at", "last", "after")):
        asked["last"] = 20
    config = load(config_path)
    client = Client(config, token_of(config, principal))
    rest = {"after": asked["after"]}
    rows = _rows(client, tag, asked, rest)
    if form == "json":
        for row in rows:
            click.echo(json.dumps(row))
    elif form == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(COLUMNS)
        writer.writerows([safe(_flat(row)[c]) for c in COLUMNS] for row in rows)
    else:
        show([_flat(row) for row in rows], COLUMNS, as_json=False)
    if rest["after"]:
        click.echo(f"there is more: --after {rest['after']}", err=True)


def _rows(client: Any, tag: str, asked: Any, rest: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Readings page by page; `rest` has at the end where to go on, or nothing."""
    left: int = asked["limit"]
    fixed = {"from": asked["start"], "to": asked["end"], "at": asked["at"]}
    given: dict[str, str | int] = {name: value for name, value in fixed.items() if value}
    if asked["last"]:
        given["last"] = asked["last"]
    told: set[tuple[str, str]] = set()
    while left > 0:
        place = {"after": rest["after"]} if rest["after"] else {}
        page = client.get(f"/history/{tag}", limit=min(left, PAGE), **place, **given)
        for erased in page["erased"]:
            key = erased["stream"], erased["day"]
            if key not in told:
                click.echo(f"{safe(key[0])}, received {key[1]}: its key was shredded", err=True)
                told.add(key)
        yield from page["readings"]
        left -= len(page["readings"])
        rest["after"] = page["next"] or ""
        if not rest["after"]:
            return


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """One reading as a line."""
    from twinvouch.app.moments import moment_text

    axis = min(row["label"], key=row["label"].get)
    return {
        "time": moment_text(row["t_ns"]),
        "value": row["value"],
        "quality": row["quality"],
        "headline": row["headline"],
        "axis": axis,
        "reason": "; ".join(f"{w['rule']}: {w['sentence']}" for w in row["reasons"]),
        "entry": row["entry"],
    }
