"""`twinvouch ledger`: work with the append-only record."""

import json
from pathlib import Path
from typing import Any

import click


@click.group()
def command() -> None:
    """Verify the append-only record."""


@command.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--key", required=True, help="Verifier key `name+id+base64`, or a file holding it.")
@click.option("--root", default="", metavar="BASE64", help="Public key of the plant root, base64.")
@click.option(
    "--witness", "witnesses", multiple=True, help="Key of a witness, or a file holding it."
)
@click.option(
    "--witnesses", "needed", type=int, help="How many must stand for a head; default: all."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def verify(
    context: click.Context, /, directory: Path, key: str, root: str, *, as_json: bool, **policy: Any
) -> None:
    """Recompute every entry, tile and checkpoint line of DIRECTORY.

    Exits 1 where something does not fit, naming the first bad place. Get the key from the plant's
    owner, not from the directory that is being verified.
    """
    from twinvouch import verifier

    try:
        asked = verifier.witness_policy(policy["witnesses"], policy["needed"])
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--witness") from error
    try:
        report = verifier.verify(directory, verifier.key_text(key), root, asked)
    except verifier.RootTextError as error:
        raise click.BadParameter(str(error), param_hint="--root") from error
    except verifier.KeyTextError as error:
        raise click.BadParameter(str(error), param_hint="--key") from error
    click.echo(json.dumps(verifier.as_plain(report)) if as_json else verifier.as_text(report))
    if not report.ok:
        context.exit(1)
