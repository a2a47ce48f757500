"""`twinvouch config show|sign|schema|migrate`: the safety part and who signs it, the schema, files of earlier releases."""

import json
from pathlib import Path

import click

from twinvouch.app.cli.printing import config_option, json_option
from twinvouch.app.terminal import safe


@click.group()
def command() -> None:
    """Work with configurations."""


@command.command("show")
@click.option("--safety", "safety_only", is_flag=True, help="only what two persons sign")
@config_option
@json_option
def show(config_path: Path, *, safety_only: bool, as_json: bool) -> None:
    """Print the configuration with its defaults, or its safety part and what changed since it was signed last."""
    from twinvouch.app import build, safety, signing

    config = build.load(config_path)
    if not safety_only:
        click.echo(json.dumps(config.model_dump(mode="json", by_alias=True), indent=2))
        return
    part = signing.part_of(config)
    number, last = signing.last_signed(config)
    changed = safety.difference(last, part) if last is not None else []
    if as_json:
        told = {
            "digest": safety.digest(part).hex(),
            "number": number,
            "changed": changed,
            "part": part,
        }
        click.echo(json.dumps(told, indent=2))
        return
    click.echo("\n".join(map(safe, json.dumps(part, indent=2, ensure_ascii=False).split("\n"))))
    click.echo(f"digest {safety.digest(part).hex()}")
    _compare(number, last is not None, changed)


@command.command()
@click.option(
    "--by", "person", required=True, metavar="PERSON", help="a person with role safety-signer"
)
@click.option("--number", type=click.IntRange(1), help="the place, where the core asks for another")
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="PERSON's key, where it is not in the keys directory (such as the one before a change)",
)
@click.option("--yes", is_flag=True, help="do not ask")
@config_option
def sign(
    person: str, number: int | None, key_file: Path | None, config_path: Path, *, yes: bool
) -> None:
    """Sign the safety part as PERSON, and tell the core where it runs. Permits need two persons."""
    from twinvouch.app import build, safety, signing
    from twinvouch.app.client import Client
    from twinvouch.core.errors import UnavailableError

    config = build.load(config_path)
    part = signing.part_of(config)
    signer = signing.signer_of(config, person, key_file)
    last_number, last = signing.last_signed(config, signer.public_key)
    changed = safety.difference(last or {}, part)
    click.echo("\n".join(safe(line) for line in changed))
    _compare(last_number, last is not None, changed, f", one of them {person} with this key")
    if not yes:
        click.confirm("sign this?", abort=True)
    said, raw = signing.sign(config, (person, signer), part, number)
    click.echo(
        f"{signing.path_of(config)}: {safe(person)} signed {said.digest.hex()} as number {said.number}"
    )
    try:
        answer = Client(config).post("/statements", raw)
    except UnavailableError:
        click.echo("no core runs: it reads the file when it starts with this configuration")
        return
    if answer["status"] == "another":
        click.echo(safe(f"the core: {answer['why']}"))
        return
    told = f"{answer['status']}, {answer['signatures']} of 2 persons, entry {answer['entry']}"
    click.echo(safe(f"the core: {told}"))


def _compare(number: int, is_known: bool, changed: list[str], who: str = "") -> None:  # noqa: FBT001 (what is known)
    if not number:
        click.echo(safe(f"never signed by two persons{who}"))
    elif not is_known:
        click.echo(f"signed last as number {number}, whose text is not in the file")
    elif not changed:
        click.echo(f"the same as signed by two persons as number {number}")
    else:
        click.echo(f"changed since number {number}:")
        click.echo("\n".join(safe(line) for line in changed))


@command.command()
@click.argument(
    "file",
    metavar="[FILE]",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("twin.yaml"),
)
@click.option("--check", is_flag=True, help="say what there is to do, without the diff")
@click.option("--write", is_flag=True, help="rewrite what can be rewritten safely")
@click.pass_context
def migrate(ctx: click.Context, file: Path, *, check: bool, write: bool) -> None:
    """Say what this release makes of a twin.yaml or actuator.yaml of an earlier one. Exit 1 where anything is to be done."""
    from twinvouch.app.logs import harmless
    from twinvouch.app.migrate import Need, examine
    from twinvouch.app.replace_text import replace_text

    if check and write:
        raise click.UsageError("--check writes nothing: leave out one of the two")
    found = examine(file)
    for step in found.steps:
        click.echo(harmless(f"{step.place}: {step.need}: {step.text}"))
    if found.diff and not check:
        click.echo(harmless(found.diff.rstrip()))
    if found.diff and write:
        replace_text(file.resolve(), found.before, found.after)
    counts = {need: sum(step.need is need for step in found.steps) for need in Need}
    left = 0 if write else counts[Need.REWRITE]
    if not left and not counts[Need.PERSON]:
        click.echo(f"{safe(file)} is current{' now' if counts[Need.REWRITE] else ''}")
        return
    click.echo(
        f"{safe(file)}: {left} to rewrite (`--write`), {counts[Need.PERSON]} for a person to decide"
    )
    ctx.exit(1)


@command.command()
@click.argument("name", type=click.Choice(["twin", "actuator"]), default="twin")
def schema(name: str) -> None:
    """Print the JSON Schema of twin.yaml or actuator.yaml, for editors."""
    from twinvouch.app import starter

    click.echo(starter.schema(name), nl=False)
