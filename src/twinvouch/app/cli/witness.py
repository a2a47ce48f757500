"""`twinvouch witness key|serve|check|evidence`."""

import json
from pathlib import Path
from typing import Any

import click

from twinvouch.app.cli.printing import json_option, log_option
from twinvouch.app.logs import Format
from twinvouch.app.terminal import safe

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group()
def command() -> None:
    """Look over the heads of a log from another machine or disk, and cosign what extends the last one."""


name_option = click.option("--name", required=True, help="the witness's name, such as historian/w1")
key_option = click.option("--key", "key_file", type=FILE, required=True, help="its private key")
state_option = click.option(
    "--state", type=FOLDER, required=True, help="directory of what it has cosigned"
)


@command.command("key")
@name_option
@click.option("--out", type=FILE, required=True, help="the private key, made where it is missing")
def make_key(name: str, out: Path) -> None:
    """Make a witness's key, and print the line by which others know it."""
    from twinvouch.adapters.keys import FileSigner, generate
    from twinvouch.ledger.checkpoint import check_name
    from twinvouch.ledger.cosignature import WitnessKey

    check_name(name)
    public = FileSigner(out).public_key if out.exists() else generate(out)
    click.echo(WitnessKey(name, public).text())


@command.command()
@name_option
@key_option
@state_option
@click.option("--log", "logs", multiple=True, required=True, help="key of a log, or its file")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65_535), default=8720, show_default=True)
@click.option("--cert", type=FILE, help="certificate (PEM); beyond loopback it is needed")
@click.option("--cert-key", type=FILE, help="its private key (PEM)")
@log_option
def serve(name: str, state: Path, logs: tuple[str, ...], **more: Any) -> None:
    """Answer a core that asks for cosignatures (C2SP tlog-witness). Stops cleanly on Ctrl-C."""
    from twinvouch.app import logs as logging
    from twinvouch.app import witness

    log_format: Format | None = more["log_format"]
    logging.start("witness", "", log_format or "text")
    known = witness.logs_of(logs)
    store = _store(state, name, more["key_file"])
    place = witness.Place(more["host"], more["port"], more["cert"], more["cert_key"])
    try:
        witness.serve(store, known, state, place)
    finally:
        store.close()


@command.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@name_option
@key_option
@state_option
@click.option("--log", required=True, help="key of the log, or its file")
@json_option
def check(directory: Path, name: str, state: Path, log: str, *, as_json: bool, **more: Any) -> None:
    """Verify the ledger in DIRECTORY, and cosign its head where it extends the last one."""
    from twinvouch.app import witness, witness_check

    key = witness.log_key(log)
    store = _store(state, name, more["key_file"])
    try:
        looked = witness_check.check(directory, key, store, state)
    finally:
        store.close()
    head, written = looked.made.head, looked.written
    if as_json:
        told = {"origin": head.origin, "size": head.size, "root": head.root.hex()}
        told |= {"before": looked.before, "note": looked.made.note.decode()}
        click.echo(json.dumps({**told, "written": None if written is None else str(written)}))
        return
    click.echo(f"{head.origin}: {head.size} entries cosigned, {looked.before} were before")
    click.echo(f"root {head.root.hex()}")
    if written is None:
        click.echo(looked.made.note.decode(), nl=False)
    else:
        click.echo(f"cosigned head in {written}")


@command.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--log", "logs", multiple=True, required=True, help="key of the log, or its file")
@json_option
@click.pass_context
def evidence(context: click.Context, file: Path, logs: tuple[str, ...], *, as_json: bool) -> None:
    """Check a file of evidence with the log's key alone; exits 6 where it proves two histories."""
    from twinvouch.app import witness, witness_check
    from twinvouch.core.errors import TwoHistoriesError

    keys = [witness.log_key(text) for text in logs]
    says = witness_check.prove(file, keys)
    heads = witness_check.heads_of(file)
    if as_json:
        click.echo(json.dumps({"proves": says, "heads": list(heads)}))
    else:
        for head in heads:
            click.echo("\n".join(safe(line) for line in head.splitlines()) + "\n")
        click.echo(f"PROVEN: {safe(says)}")
    context.exit(TwoHistoriesError.exit_code)


def _store(state: Path, name: str, key_file: Path) -> Any:
    from twinvouch.adapters.keys import FileSigner
    from twinvouch.adapters.witness_store import WitnessStore
    from twinvouch.core.errors import ConfigError

    signer = FileSigner(key_file)
    if len(signer.public_key) != 32:
        raise ConfigError(f"key file `{key_file}`: a witness signs with Ed25519 here")
    return WitnessStore(state, name, signer)
