"""`twinvouch models sign|submit|list`."""

import time
from pathlib import Path

import click

from twinvouch.app.cli import complete
from twinvouch.app.cli.printing import as_option, config_option, json_option, show
from twinvouch.app.terminal import safe


@click.group()
def command() -> None:
    """Model artefacts: signed by a model signer, checked and admitted by gate 2."""


@command.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
@click.option("--name", required=True, help="of the model")
@click.option("--version", "version", required=True)
@click.option(
    "--signer",
    required=True,
    shell_complete=complete.principals,
    help="a principal with role model-signer and a key in the keys directory",
)
@click.option(
    "--days", default=365, show_default=True, type=click.IntRange(1, 3660), help="validity"
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="file for the sealed manifest"
)
@config_option
def sign(files: tuple[Path, ...], config_path: Path, out: Path, **about: str | int) -> None:
    """Sign a manifest over model files (our JSON, or npz without pickle)."""
    from twinvouch.app.client import load
    from twinvouch.app.signed_model import About, signer_of
    from twinvouch.app.signed_model import sign as sealed

    of = About(str(about["name"]), str(about["version"]), time.time_ns(), int(about["days"]))
    contents = {f.name: f.read_bytes() for f in files}
    config = load(config_path)
    key = signer_of(config, str(about["signer"]))
    out.write_bytes(sealed(contents, of, config.plant.id, key))
    click.echo(f"signed {len(files)} files as {of.name} {of.version}")


@command.command()
@click.argument("manifest", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
@config_option
def submit(manifest: Path, files: tuple[Path, ...], config_path: Path) -> None:
    """Submit model files with their sealed manifest to the running core."""
    from twinvouch.app.api.submission import pack
    from twinvouch.app.client import Client, load

    body = pack(manifest.read_bytes(), {f.name: f.read_bytes() for f in files})
    answer = Client(load(config_path)).post("/models", body, "application/cbor")
    click.echo(f"{answer['status']}: entry {answer['entry']}")


@command.command("list")
@config_option
@as_option
@json_option
def list_(config_path: Path, principal: str | None, *, as_json: bool) -> None:
    """List admitted models."""
    from twinvouch.app.client import Client, load, token_of

    config = load(config_path)
    rows = Client(config, token_of(config, principal)).get("/models", purpose="models list")
    show(
        [{k: safe(v) for k, v in row.items()} for row in rows],
        ["name", "version", "signer", "entry"],
        as_json=as_json,
    )
