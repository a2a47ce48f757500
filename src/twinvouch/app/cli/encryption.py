"""`twinvouch encryption status|shred|rotate-kek`."""

import json
from pathlib import Path

import click

from twinvouch.app.cli.printing import config_option, json_option, show


@click.group()
def command() -> None:
    """Look at the keys of encrypted data, forget some, or exchange what they are wrapped with."""


@command.command()
@config_option
@json_option
def status(config_path: Path, *, as_json: bool) -> None:
    """Show which streams have keys, and of which days."""
    from twinvouch.app import encryption
    from twinvouch.app.config import load

    told = encryption.status(load(config_path))
    if as_json:
        click.echo(json.dumps(told))
        return
    if not told["encrypted"]:
        click.echo("not encrypted: `encryption.core_kek` is not set")
        return
    click.echo(f"encrypted, key store {told['key_store'] or 'not made yet'}")
    show(told["streams"], ["stream", "keys", "shredded", "first", "last"], as_json=False)


@command.command()
@click.argument("stream")
@click.argument("day", metavar="YYYY-MM-DD")
@config_option
def shred(stream: str, day: str, config_path: Path) -> None:
    """Forget the key of STREAM's day (UTC): its records and findings can never be read again.

    The ledger still verifies. Also works beside a running core.
    """
    import time

    from twinvouch.adapters.key_store import day_of
    from twinvouch.app import encryption
    from twinvouch.app.config import load

    encryption.shred(load(config_path), stream, day_of(day), time.time_ns())
    click.echo(f"the key of stream {stream}, {day}, is gone, and with it what was stored under it")
    click.echo("backups keep their copy of it: shred there too, or delete them")


@command.command("rotate-kek")
@click.option("--edge", help="The spool of this edge instead of the core's data.")
@config_option
def rotate_kek(edge: str | None, config_path: Path) -> None:
    """Wrap all data keys under a new key-encryption key; stop the process first."""
    from twinvouch.app import encryption
    from twinvouch.app.config import load

    config = load(config_path)
    path = encryption.rotate(config) if edge is None else encryption.rotate_edge(config, edge)
    click.echo(f"{path} is new: keep a copy elsewhere; what was wrapped with the old one, as in")
    click.echo("backups, still needs the old one")
