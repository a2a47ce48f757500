"""`twinvouch keys root|new|sign|rotate|revoke|publish|list`."""

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twinvouch.app.cli.printing import as_option, config_option, json_option, show
from twinvouch.app.terminal import safe

if TYPE_CHECKING:
    from twinvouch.core.keyring import KeyStatement

PURPOSES = [
    *("edge", "log", "permit", "person", "service", "model-signer", "safety-signer"),
    *("witness", "actuator"),
]
FILE = click.Path(path_type=Path, dir_okay=False)
root_option = click.option(
    "--root", "root_file", required=True, type=FILE, help="the root's private key file"
)
days_option = click.option(
    "--days", default=365, show_default=True, type=click.IntRange(1, 3660), help="validity"
)
algorithm_option = click.option(
    "--algorithm", type=click.Choice(["ed25519", "es256"]), default="ed25519", show_default=True
)


@click.group()
def command() -> None:
    """The plant root and the keys it stands for: make, sign, rotate, revoke, list."""


@command.command()
@click.option("--out", required=True, type=FILE, help="where the root's private key goes")
@algorithm_option
@config_option
def root(out: Path, algorithm: str, config_path: Path) -> None:
    """Make the plant root key, which stays offline; prints what twin.yaml and actuator.yaml pin."""
    from twinvouch.adapters.keys import KeyAlgorithm
    from twinvouch.app import key_files
    from twinvouch.core.inventory import key_id

    public = key_files.make_root(out, config_path, KeyAlgorithm(algorithm))
    click.echo(
        f"root key id {key_id(public).hex()}, private key {out}: keep it offline, with a copy"
    )
    click.echo(f'key_list: {{root: "{base64.b64encode(public).decode()}", file: keys.list}}')


@command.command()
@click.argument("out", metavar="FILE", type=FILE)
@algorithm_option
def new(out: Path, algorithm: str) -> None:
    """Make a key where it will be used; prints the public half for `keys sign`."""
    from twinvouch.adapters.keys import KeyAlgorithm, generate
    from twinvouch.core.inventory import key_id

    public = generate(out, KeyAlgorithm(algorithm))
    click.echo(f"key id {key_id(public).hex()}, private key {out}")
    click.echo(f"public key {base64.b64encode(public).decode()}")


@command.command()
@click.argument("purpose", type=click.Choice(PURPOSES))
@click.argument("principal", metavar="PRINCIPAL")
@root_option
@click.option("--key", default="", metavar="BASE64", help="the public key")
@click.option("--key-file", type=FILE, help="or the private key file, if it is here")
@days_option
@config_option
def sign(purpose: str, principal: str, root_file: Path, config_path: Path, **about: Any) -> None:
    """Let the root say that a key is PRINCIPAL's, for one purpose; adds a line to the key list."""
    from twinvouch.app import key_files
    from twinvouch.app.client import load
    from twinvouch.core.keyring import KeyPurpose

    opened = key_files.open_root(load(config_path), root_file)
    key = key_files.public_key(about["key"], about["key_file"])
    said = key_files.trust(opened, KeyPurpose(purpose), principal, key, about["days"])
    _say(said, opened.path)


@command.command()
@click.argument("purpose", type=click.Choice([*PURPOSES, "root"]))
@click.argument("principal", metavar="[PRINCIPAL]", default="")
@root_option
@click.option("--new-root", type=FILE, help="with purpose root: the new root's private key file")
@days_option
@config_option
def rotate(purpose: str, principal: str, root_file: Path, config_path: Path, **about: Any) -> None:
    """Make a new key in the place of the old one and sign it; or hand over to another root."""
    from twinvouch.app import key_files
    from twinvouch.app.client import load
    from twinvouch.core.keyring import KeyPurpose

    opened = key_files.open_root(load(config_path), root_file)
    if purpose == "root":
        if about["new_root"] is None:
            raise click.UsageError("--new-root FILE: make it with `twinvouch keys root`")
        public = base64.b64encode(key_files.rotate_root(opened, about["new_root"])).decode()
        click.echo(f"{opened.path}: the root that speaks from now on is {public}")
        click.echo("the pinned root may stay: the list leads from it to the new one")
        return
    if not principal and purpose not in {"log", "permit"}:
        raise click.UsageError(f"whose {purpose} key? name the PRINCIPAL")
    said, path = key_files.rotate(opened, KeyPurpose(purpose), principal, about["days"])
    click.echo(f"new private key {path}; the old one lies beside it and counts until it is revoked")
    _say(said, opened.path)


@command.command()
@click.argument("key_id", metavar="KEY_ID")
@root_option
@click.option("--reason", required=True, help="for the ledger")
@click.option(
    "--since",
    required=True,
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="UTC: when the key may first have been in other hands",
)
@config_option
def revoke(key_id: str, root_file: Path, reason: str, since: datetime, config_path: Path) -> None:
    """Let the root say that a key counts no longer; `keys publish` tells the running core."""
    from twinvouch.app import key_files
    from twinvouch.app.client import load

    opened = key_files.open_root(load(config_path), root_file)
    since_ns = int(since.replace(tzinfo=UTC).timestamp()) * 1_000_000_000
    _say(key_files.revoke(opened, key_id, reason, since_ns), opened.path)


@command.command()
@config_option
@json_option
def publish(config_path: Path, *, as_json: bool) -> None:
    """Tell the running core what is in the key list; a revocation counts from then on."""
    import json

    from twinvouch.app import key_list
    from twinvouch.app.client import Client, load

    config = load(config_path)
    client = Client(config)
    answers = [client.post("/keys", raw) for raw in key_list.read(key_list.path_of(config))]
    if as_json:
        click.echo(json.dumps(answers, indent=2))
        return
    for answer in answers:
        if answer["status"] == "known":
            continue
        about = " ".join(str(answer.get(k, "")) for k in ("verb", "purpose", "principal", "key_id"))
        click.echo(safe(f"entry {answer['entry']}: {about}"))
        if "signed_since" in answer:
            click.echo(safe(f"  {_signed(answer['since_ns'], answer['signed_since'])}"))
    known = sum(a["status"] == "known" for a in answers)
    click.echo(f"{len(answers) - known} new, {known} known")


@command.command("list")
@config_option
@as_option
@json_option
@click.option("--offline", is_flag=True, help="read the key list instead of asking the core")
def list_(config_path: Path, principal: str | None, *, as_json: bool, offline: bool) -> None:
    """Every key: purpose, principal, algorithm, age, validity, use; of revoked ones what they signed."""
    from twinvouch.app.client import Client, load, token_of

    config = load(config_path)
    if offline:
        rows = _from_list(config)
    else:
        rows = Client(config, token_of(config, principal)).get("/keys", purpose="keys list")
    if as_json:
        show(rows, [], as_json=True)
        return
    now = datetime.now(UTC).timestamp()
    columns = ["key_id", "purpose", "principal", "algorithm", "age_days", "valid_until", "uses"]
    show([_row(r, now) for r in rows], [*columns, "last_used", "state"], as_json=False)
    for row in rows:
        if row["revoked"] and row["revoked"].get("signed_since"):
            told = _signed(row["revoked"]["since_ns"], row["revoked"]["signed_since"])
            click.echo(safe(f"{row['key_id']}: {told}"))


def _from_list(config: Any) -> Any:
    """The rows that the file alone gives: no use is known."""
    from twinvouch.app import build
    from twinvouch.app.api import views
    from twinvouch.app.key_list import path_of, ring_of
    from twinvouch.engine import Engine

    path_of(config)
    site = build.site(config)
    memory = Engine(site).memory
    memory.ring = ring_of(config, site.plant)
    return views.keys(memory)


def _row(row: dict[str, Any], now: float) -> dict[str, Any]:
    begun, ends, last = row["not_before_ns"], row["not_after_ns"], row["last_used_ns"]
    state = "valid"
    if row["revoked"]:
        state = f"revoked: {row['revoked']['reason']}"
    elif ends is not None and ends / 1e9 < now:
        state = "expired"
    return {
        **{k: row[k] for k in ("key_id", "purpose", "principal", "algorithm", "uses")},
        "age_days": None if begun is None else max(0, int((now - begun / 1e9) / 86_400)),
        "valid_until": _time(ends),
        "last_used": _time(last),
        "state": state,
    }


def _signed(since_ns: int, signed: dict[str, Any]) -> str:
    counts = ", ".join(f"{n} {what}" for what, n in sorted(signed["counts"].items()))
    if not counts:
        return f"nothing is known that it signed since {_time(since_ns)}"
    where = f"entries {signed['first_entry']} to {signed['last_entry']}"
    return f"signed since {_time(since_ns)}, by full hours: {counts}, in {where}"


def _say(said: "KeyStatement", path: Path) -> None:
    from twinvouch.core.inventory import key_id

    kid = key_id(said.key).hex()
    click.echo(
        f"{path}: serial {said.serial}: {said.verb} {said.purpose} key {kid} of {said.principal}"
    )
    click.echo(
        "tell the running core with `twinvouch keys publish`, and the actuator with a copy of the list"
    )


def _time(at_ns: int | None) -> str | None:
    if at_ns is None:
        return None
    return datetime.fromtimestamp(at_ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%MZ")
