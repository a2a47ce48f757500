"""`twinvouch receipt make|verify`."""

import base64
import binascii
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twinvouch.app.cli.printing import as_option, config_option, json_option
from twinvouch.app.terminal import safe

if TYPE_CHECKING:
    from twinvouch.app.config_model import Config

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def command() -> None:
    """One command or reading with everything that proves it, in one file."""


@command.command()
@click.argument("ident", metavar="ID")
@click.option("--out", type=FILE, required=True, help="the file to write")
@click.option("--no-readings", is_flag=True, help="leave the contents of batches out")
@click.option("--offline", is_flag=True, help="from the data directory, without asking the core")
@config_option
@as_option
def make(ident: str, out: Path, config_path: Path, principal: str | None, **how: bool) -> None:
    """Make the receipt of a command (its id) or of a reading (TAG@ENTRY)."""
    from twinvouch.app.client import Client, load, token_of
    from twinvouch.verifier import chain

    config = load(config_path)
    readings = not how["no_readings"]
    if how["offline"]:
        raw, key = _offline(config, ident, readings=readings)
        told = chain.verify(raw, key)
        click.echo(
            safe(f"discloses: {chain.disclosed(told.receipt)}" if told.receipt else str(told.fault))
        )
    else:
        client = Client(config, token_of(config, principal))
        raw = client.fetch(f"/receipts/{ident}", readings=int(readings), purpose="receipt make")
        click.echo(safe(f"discloses: {chain.said_to_disclose(raw)}"))
    out.write_bytes(raw)
    click.echo(f"{out}: {len(raw)} bytes; verify it with the log's key: twinvouch receipt verify")


@command.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", required=True, help="key of the log, or a file holding it")
@click.option("--witness", "witnesses", multiple=True, help="key of a witness, or its file")
@click.option("--witnesses", "needed", type=int, help="how many must stand for it; default: all")
@click.option("--root", default="", metavar="BASE64", help="public key of the plant root")
@click.option("--signer", "signers", multiple=True, metavar="BASE64", help="a public key known")
@json_option
@click.pass_context
def verify(context: click.Context, /, file: Path, key: str, *, as_json: bool, **known: Any) -> None:
    """Verify a receipt with the log's key alone; exits 1 with the place that does not fit."""
    from twinvouch import verifier
    from twinvouch.verifier import chain

    try:
        asked = verifier.witness_policy(known["witnesses"], known["needed"])
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--witness") from error
    try:
        signers = [base64.b64decode(text, validate=True) for text in known["signers"]]
    except binascii.Error:
        raise click.BadParameter("expected base64", param_hint="--signer") from None
    try:
        found = chain.verify(
            file.read_bytes(), verifier.key_text(key), asked, signers, known["root"]
        )
    except verifier.RootTextError as error:
        raise click.BadParameter(str(error), param_hint="--root") from error
    except verifier.KeyTextError as error:
        raise click.BadParameter(str(error), param_hint="--key") from error
    click.echo(chain.as_json(found) if as_json else chain.as_text(found))
    if not found.ok:
        context.exit(1)


def _offline(config: "Config", ident: str, *, readings: bool) -> tuple[bytes, str]:
    """The receipt out of the data directory, and the key it was checked with."""
    from contextlib import closing

    from twinvouch.adapters.key_store import FILE as KEY_STORE
    from twinvouch.adapters.key_store import KeyStore
    from twinvouch.adapters.vault import Vault
    from twinvouch.app import build, inventory, receipts
    from twinvouch.core.errors import ConfigError
    from twinvouch.ledger.checkpoint import read_key
    from twinvouch.ledger.receipt import About

    data, vault = config.data_dir, None
    if config.core_kek is not None:
        vault = Vault(KeyStore(data / KEY_STORE, config.core_kek, is_owner=False))
    try:
        key = (data / "ledger" / "log.vkey").read_text("utf-8").strip()
    except OSError as error:
        raise ConfigError(f"`{data}/ledger/log.vkey`: {error.strerror}") from None
    own = build.log_signer(config).public_key
    if read_key(key).public_key != own:
        raise ConfigError(f"`{data}/ledger/log.vkey` is not the key of `{config.keys_dir}/log.key`")
    plant = inventory.plant(config)
    sources = receipts.open_sources(data, key, plant.groups, vault)
    with closing(sources.blobs):
        ledger = receipts.head(sources)
        is_reading = "@" in ident
        entries = (
            receipts.of_reading(ledger, ident)
            if is_reading
            else receipts.of_command(ledger, ident, 0, ledger.head.size)
        )
        about = About(plant.id, time.time_ns(), "reading" if is_reading else "command", ident)
        said = receipts.key_entries(ledger)
        raw = receipts.write(sources, about, entries, said, readings=readings)
    if vault is not None:
        vault.close()
    return raw, key
