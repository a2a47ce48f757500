"""`twinvouch backup create|verify|restore`."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from twinvouch.app.cli.printing import config_option, json_option

_DIRECTORY = click.Path(file_okay=False, path_type=Path)


@click.group()
def command() -> None:
    """Back the data of a core up, verify a backup, and restore one into a new epoch of the log."""


@command.command()
@click.option("--out", required=True, type=_DIRECTORY, help="A new directory.")
@config_option
@json_option
def create(out: Path, config_path: Path, *, as_json: bool) -> None:
    """Copy log, state, ledger and wrapped keys as of one moment; the core may run."""
    from twinvouch.app import backup, build

    made = backup.create(build.load(config_path), out)
    if as_json:
        click.echo(json.dumps(asdict(made)))
        return
    click.echo(f"{out}: {made.leaves} ledger entries and the event log up to record {made.log_end}")
    click.echo(f"ledger {made.origin}, {made.size} of them signed, root {made.root}")
    click.echo("private keys are not in it: keep copies of the keys directory and of the KEK apart")


@command.command()
@click.argument("directory", type=_DIRECTORY)
@click.option("--key", default="", metavar="KEY", help="Verifier key of the ledger, or its file.")
@config_option
def verify(directory: Path, key: str, config_path: Path) -> None:
    """Check that a backup is whole and what the log key signed."""
    from twinvouch import verifier
    from twinvouch.app import backup, build

    config = build.load(config_path)
    text = verifier.key_text(key) if key else backup.own_key(config, backup.origin_of(directory))
    manifest, _ = backup.check(directory, text, config.plant.id)
    click.echo(f"{directory}: whole, {len(manifest.files)} files, {manifest.leaves} ledger entries")


@command.command()
@click.argument("directory", type=_DIRECTORY)
@click.option("--key", default="", metavar="KEY", help="Verifier key of the ledger, or its file.")
@click.option("--epoch", default=0, metavar="N", help="The new log epoch; otherwise the next.")
@config_option
def restore(directory: Path, key: str, epoch: int, config_path: Path) -> None:
    """Make a verified backup the data of a core that is gone, in a new epoch of the log."""
    from twinvouch import verifier
    from twinvouch.app import build
    from twinvouch.app.restore import restore as restore_backup

    text = verifier.key_text(key) if key else ""
    done = restore_backup(build.load(config_path), directory, text, epoch)
    click.echo(f"restored {done.manifest.leaves} ledger entries of {done.manifest.origin}")
    click.echo(f"the log goes on as {done.origin}; ledger key: {done.ledger_key}")
    click.echo(
        "what was acknowledged after the backup is not here; edges that delivered it show a gap"
    )
    click.echo("held commands are closed: propose them again. The old core must never run again")
