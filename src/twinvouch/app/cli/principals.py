"""`twinvouch principals add|list`."""

import json
from pathlib import Path

import click

from twinvouch.app.cli import complete
from twinvouch.app.cli.printing import config_option, json_option, show
from twinvouch.core.inventory import PrincipalKind, Role


@click.group()
def command() -> None:
    """Make keys and tokens for persons, services and edges, and list who is known."""


@command.command()
@click.argument("principal_id", metavar="ID", shell_complete=complete.principals)
@click.option("--kind", required=True, type=click.Choice([k.value for k in PrincipalKind]))
@click.option("--role", "roles", multiple=True, type=click.Choice([r.value for r in Role]))
@click.option("--token", "with_token", is_flag=True, help="make an API token too")
@click.option(
    "--algorithm",
    type=click.Choice(["ed25519", "es256"]),
    default="ed25519",
    show_default=True,
    help="of the key; es256 for hardware that has no Ed25519",
)
@config_option
@json_option
def add(  # noqa: PLR0913 (one parameter an option)
    principal_id: str,
    kind: str,
    roles: tuple[str, ...],
    config_path: Path,
    *,
    with_token: bool,
    algorithm: str,
    as_json: bool,
) -> None:
    """Make a key (0600, in the keys directory) and enter its public half in the configuration."""
    from functools import partial

    from twinvouch.adapters.keys import KeyAlgorithm, generate
    from twinvouch.app import principals

    wanted = principals.Wanted(
        principal_id, PrincipalKind(kind), tuple(dict.fromkeys(map(Role, roles))), with_token
    )
    make = partial(generate, algorithm=KeyAlgorithm(algorithm))
    added = principals.add(config_path, wanted, make)
    made = {
        "id": added.entry.id,
        "kind": kind,
        "roles": [r.value for r in added.entry.roles],
        "key": added.entry.key,
        "algorithm": algorithm,
        "key_id": added.key_id,
        "key_file": str(added.key_file),
        "token_file": str(added.token_file) if added.token_file else None,
    }
    if as_json:
        click.echo(json.dumps(made, indent=2))
        return
    click.echo(f"{principal_id} ({kind}): key id {added.key_id}")
    click.echo(f"  public key   {added.entry.key}")
    click.echo(f"  private key  {added.key_file}")
    if added.token_file:
        click.echo(f"  token        {added.token_file}")
    click.echo("a running core reads its configuration at start: restart it")


@command.command("list")
@config_option
@json_option
def list_(config_path: Path, *, as_json: bool) -> None:
    """List the principals of a configuration."""
    import base64

    from twinvouch.app.config import load
    from twinvouch.core.inventory import key_id

    rows = [
        {
            "id": p.id,
            "kind": p.kind.value,
            "roles": [r.value for r in p.roles] if as_json else " ".join(p.roles),
            "key_id": key_id(base64.b64decode(p.key)).hex() if p.key else None,
            "token": p.token_sha256 is not None if as_json else "yes" if p.token_sha256 else "no",
        }
        for p in load(config_path).principals
    ]
    show(rows, ["id", "kind", "roles", "key_id", "token"], as_json=as_json)
