"""`twinvouch certs init|issue|list|revoke`."""

from pathlib import Path

import click

from twinvouch.app.cli.printing import json_option, show

_directory = click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("authority"),
    show_default=True,
    help="of the authority: keep it offline",
)


@click.group()
def command() -> None:
    """The plant's certificate authority: certificates of core, edges and actuator, and their revocation."""


@command.command()
@click.option("--plant", required=True, help="id of the plant that all certificates will name")
@_directory
def init(plant: str, directory: Path) -> None:
    """Make the authority of a plant."""
    from twinvouch.adapters import plant_authority

    plant_authority.make(directory, plant, plant_authority.now_utc())
    click.echo(
        f"{directory / 'authority.crt'}: to the core (`api.tls.client_ca`), edges and actuator (`tls.ca`)"
    )
    click.echo(f"{directory / 'authority.crl'}: to the core (`api.tls.crl`)")
    click.echo(f"{directory / 'authority.key'}: stays here, offline")


@command.command()
@click.argument("principal", metavar="PRINCIPAL")
@click.option(
    "--host",
    "hosts",
    multiple=True,
    help="makes a server's certificate: a name or address of the core",
)
@click.option("--days", default=365, show_default=True, type=click.IntRange(1, 3_650))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path(),
    show_default="here",
    help="where PRINCIPAL.crt and PRINCIPAL.tls.key are written",
)
@_directory
def issue(principal: str, hosts: tuple[str, ...], days: int, out: Path, directory: Path) -> None:
    """Issue a certificate that binds a TLS key to a principal."""
    from twinvouch.adapters.plant_authority import Authority, now_utc, write_new
    from twinvouch.core.errors import UsageError

    certificate, key = out / f"{principal}.crt", out / f"{principal}.tls.key"
    for path in (certificate, key):
        if path.exists():
            raise UsageError(f"`{path}` exists: it is never overwritten; move it away first")
    pem, private = Authority(directory).issue(principal, hosts, days, now_utc())
    write_new(key, private, 0o600)
    write_new(certificate, pem, 0o644)
    click.echo(
        f"{principal} ({'server' if hosts else 'client'}): {certificate}, {key}, {days} days"
    )


@command.command("list")
@_directory
@json_option
def list_(directory: Path, *, as_json: bool) -> None:
    """List what was issued, with its end and whether it is revoked."""
    from twinvouch.adapters.plant_authority import Authority

    rows = [
        {
            "serial": f"{i.serial:x}",
            "principal": i.principal,
            "use": "server" if i.is_server else "client",
            "until": f"{i.until:%Y-%m-%d}",
            "revoked": f"{i.revoked:%Y-%m-%d %H:%M}" if i.revoked else None,
        }
        for i in Authority(directory).issued()
    ]
    show(rows, ["serial", "principal", "use", "until", "revoked"], as_json=as_json)


@command.command()
@click.argument("which", metavar="PRINCIPAL|SERIAL")
@_directory
def revoke(which: str, directory: Path) -> None:
    """Revoke a certificate, or all of a principal, and write the list of revoked ones anew."""
    from twinvouch.adapters.plant_authority import Authority, now_utc

    serials = Authority(directory).revoke(which, now_utc())
    for serial in serials:
        click.echo(f"revoked: {serial:x}")
    if not serials:
        click.echo(f"{which}: revoked already")
    click.echo(
        f"copy {directory / 'authority.crl'} over the core's `api.tls.crl`: it takes effect at once"
    )
