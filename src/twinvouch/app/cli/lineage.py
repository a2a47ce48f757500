"""`twinvouch lineage up|down|affected`."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from twinvouch.app.cli.printing import as_option, config_option, json_option, show
from twinvouch.app.terminal import safe

MOMENT: Final = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])
DIRECTORY: Final = click.Path(exists=True, file_okay=False, path_type=Path)
_OPTIONS: Final = (
    click.argument("ident", metavar="ID"),
    click.option(
        "--depth",
        default=0,
        show_default=True,
        type=click.IntRange(0, 1000),
        help="at most so many steps; 0: all",
    ),
    click.option(
        "--ledger",
        "directory",
        type=DIRECTORY,
        help="read this ledger directory instead of asking the core (index or command id only)",
    ),
    config_option,
    as_option,
    json_option,
)


@click.group()
def command() -> None:
    """Trace what an entry rests on, what rests on it, and what a bad source has touched."""


def _traced(direction: str, text: str) -> click.Command:
    def trace(
        ident: str,
        depth: int,
        directory: Path | None,
        config_path: Path,
        principal: str | None,
        *,
        as_json: bool,
    ) -> None:
        if directory is not None:
            found = _offline(directory, ident, direction, depth)
        else:
            asked = {"direction": direction, "depth": depth, "purpose": "lineage"}
            found = _client(config_path, principal).get(f"/lineage/{ident}", **asked)
        _print(found, as_json=as_json)

    trace.__doc__ = text
    for option in reversed(_OPTIONS):
        trace = option(trace)
    return command.command(direction)(trace)


up = _traced(
    "up", "What an entry rests on: a ledger index, a command id, or a tag (its newest batch)."
)
down = _traced(
    "down", "What rests on an entry: a ledger index, a command id, or a tag (its newest batch)."
)


@command.command()
@click.argument("subject")
@click.option("--since", required=True, type=MOMENT, help="UTC: when it may first have been bad")
@click.option("--until", type=MOMENT, help="UTC: until when  [default: now]")
@config_option
@as_option
@json_option
def affected(
    subject: str,
    since: datetime,
    until: datetime | None,
    config_path: Path,
    principal: str | None,
    *,
    as_json: bool,
) -> None:
    """What a tag, edge, service, person, key or model that was bad has touched: a preview, nothing takes effect."""
    asked: dict[str, str | int] = {"since": nanoseconds(since), "purpose": "lineage affected"}
    if until is not None:
        asked["until"] = nanoseconds(until)
    found = _client(config_path, principal).get(f"/affected/{subject}", **asked)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    tell(found)


def tell(found: Mapping[str, Any]) -> None:
    """Print what a bad source has touched."""
    named = found["subject"]
    click.echo(f"{named['kind']} {safe(named['name'])}: {found['sources']} bad entries")
    if found["counted_whole"]:
        click.echo(
            f"{found['counted_whole']} of them have other columns than now: all columns count"
        )
    for kind, count in found["touched"].items():
        click.echo(f"{kind:<16}{count}")
    click.echo(f"executed commands: {found['executed_count']}")
    if found["executed"]:
        show(
            _times(found["executed"]),
            ["at", "command", "tag", "class", "principal", "entry"],
            as_json=False,
        )
    for row in found["models"]:
        click.echo(f"model {safe(row['name'])}, entry {row['entry']}")
    for row in found["pending"]:
        click.echo(f"waiting: {row['kind']} {safe(row['id'])} for {safe(row['about'])}")
    for who, times in found["readers"].items():
        click.echo(f"answered with it: {safe(who)}, {times} times")
    if found["begins_at"]:
        click.echo(f"nothing before entry {found['begins_at']} was looked at")


def _client(config_path: Path, principal: str | None) -> Any:
    from twinvouch.app.client import Client, load, token_of

    config = load(config_path)
    return Client(config, token_of(config, principal))


def _offline(directory: Path, ident: str, direction: str, depth: int) -> Mapping[str, Any]:
    """The same answer from files, without the names of columns."""
    from twinvouch.app.lineage import ENTRIES_MAX, LedgerDirectory, LineageReader
    from twinvouch.app.lineage_view import picture
    from twinvouch.core.errors import UsageError

    files = LedgerDirectory(directory)
    reader = LineageReader(lambda: files, ENTRIES_MAX)
    of = reader.up_to_date(patience_s=float("inf"))
    start = int(ident) if ident.isascii() and ident.isdigit() else reader.command(ident)
    if start is None or not of.first <= start < of.end:
        raise UsageError(
            f"`{ident}` is no command and no index from {of.first} to {of.end - 1} of `{directory}`"
        )
    return picture(of, start, reader.entries, {}, up=int(direction == "up"), depth=depth)


def _print(found: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    hidden = {"kind", "at_ns", "layer", "order", "entry"}
    rows = [
        {**n, "about": ", ".join(f"{k} {v}" for k, v in n.items() if k not in hidden)}
        for n in sorted(found["nodes"], key=lambda n: (n["layer"], n["order"]))
    ]
    show(_times(rows), ["layer", "entry", "kind", "at", "about"], as_json=False)
    if found["nodes_left_off"]:
        click.echo(f"{found['nodes_left_off']} further entries are not shown: use --depth")


def _times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "at": instant(row["at_ns"])} for row in rows]


def instant(ns: int | None) -> str | None:
    """A time of the ledger for people, UTC."""
    if ns is None:
        return None
    return datetime.fromtimestamp(ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def nanoseconds(moment: datetime) -> int:
    """A time as MOMENT reads it, ns since 1970."""
    return int(moment.replace(tzinfo=UTC).timestamp()) * 1_000_000_000
