"""`twinvouch status`."""

import json
from pathlib import Path

import click

from twinvouch.app.cli.printing import as_option, config_option, json_option
from twinvouch.app.terminal import safe


@click.command()
@config_option
@as_option
@json_option
def command(config_path: Path, principal: str | None, *, as_json: bool) -> None:
    """Show how the running core is doing: entries, edges, open commands, counts."""
    from twinvouch.app.client import Client, load, token_of

    config = load(config_path)
    status = Client(config, token_of(config, principal)).get("/status", purpose="status")
    if as_json:
        click.echo(json.dumps(status, indent=2))
        return
    for name, value in status.items():
        nested = value.items() if isinstance(value, dict) else ()
        click.echo(f"{name:<16}{'' if nested else safe(value)}".rstrip())
        for key, item in nested:
            click.echo(f"  {safe(key):<30}{safe(item)}")
