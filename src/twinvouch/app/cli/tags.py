"""`twinvouch tags list|show`."""

import json
from pathlib import Path

import click

from twinvouch.app.cli import complete
from twinvouch.app.cli.printing import as_option, config_option, json_option, show
from twinvouch.app.terminal import safe


@click.group()
def command() -> None:
    """List and show tags: value, age, label and what the label rests on."""


@command.command("list")
@config_option
@as_option
@json_option
def list_(config_path: Path, principal: str | None, *, as_json: bool) -> None:
    """List every tag with its last value and headline trust (0 none .. 255 full)."""
    from twinvouch.app.client import Client, load, token_of

    config = load(config_path)
    rows = Client(config, token_of(config, principal)).get("/tags", purpose="tags list")
    columns = ["tag", "value", "unit", "quality", "age_s", "headline", "headline_axis", "entry"]
    show(rows, columns, as_json=as_json)


@command.command("show")
@click.argument("tag", shell_complete=complete.tags)
@config_option
@as_option
@json_option
def show_one(tag: str, config_path: Path, principal: str | None, *, as_json: bool) -> None:
    """Show one tag with every axis of its label."""
    from twinvouch.app.client import Client, load, token_of

    config = load(config_path)
    row = Client(config, token_of(config, principal)).get(f"/tags/{tag}", purpose="tags show")
    if as_json:
        click.echo(json.dumps(row, indent=2))
        return
    for name, value in row.items():
        click.echo(f"{name:<16}{safe(value)}")
