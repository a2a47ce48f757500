"""`twinvouch findings`."""

from pathlib import Path

import click

from twinvouch.app.cli.printing import as_option, config_option, json_option, show


@click.command()
@click.option("--since", default=0, show_default=True, help="first ledger index")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
@config_option
@as_option
@json_option
def command(
    since: int, limit: int, config_path: Path, principal: str | None, *, as_json: bool
) -> None:
    """List recent findings, oldest first, each with the ledger entry that holds it."""
    from twinvouch.app.client import Client, load, token_of

    config = load(config_path)
    client = Client(config, token_of(config, principal))
    rows = client.get("/findings", since=since, limit=limit, purpose="findings")
    show(rows, ["entry", "severity", "rule", "subject", "technique", "sentence"], as_json=as_json)
