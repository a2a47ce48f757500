"""`twinvouch restore SUBJECT`."""

from pathlib import Path
from typing import Any

import click

from twinvouch.app.cli import complete
from twinvouch.app.cli.printing import config_option
from twinvouch.app.moments import moment_text
from twinvouch.app.terminal import safe


@click.command()
@click.argument("subject", shell_complete=complete.subjects)
@click.option(
    "--person",
    required=True,
    shell_complete=complete.persons,
    help="who says so: a person with a key in the keys directory",
)
@click.option("--reason", required=True)
@click.option("--yes", is_flag=True, help="do not ask again")
@config_option
def command(subject: str, person: str, reason: str, config_path: Path, *, yes: bool) -> None:
    """Take back a distrust: shows what is known now, asks, and signs what was shown."""
    from twinvouch.app.client import Client, load, token_of
    from twinvouch.app.statements import say
    from twinvouch.core.statement import Verb
    from twinvouch.engine.restoring import shown

    config = load(config_path)
    client = Client(config, token_of(config, person))
    known = client.get(f"/distrusted/{subject}", purpose="restore")
    _print(known)
    if not yes:
        click.confirm("restore it, as shown?", abort=True)
    # the digest is made here of what was printed, so that a core cannot show one thing and mean another
    answer = say(config, person, Verb.RESTORE, subject, reason=reason, shown=shown(known))
    click.echo(f"{answer['status']}: {safe(answer['subject'])}: {safe(answer['why'])}")


def _print(known: dict[str, Any]) -> None:
    since = moment_text(known["since_ns"]) if known["since_ns"] else "not known"
    click.echo(
        f"`{safe(known['subject'])}` is distrusted since {since}, until {moment_text(known['until_ns'])}"
    )
    for f in known["findings"]:
        click.echo(
            f"  {f['count']} x {safe(f['rule'])} of `{safe(f['subject'])}`: {safe(f['sentence'])}"
        )
    if not known["findings"]:
        click.echo("  no finding since")
    for tag in known["tags"]:
        also = (
            f", still distrusted with {', '.join(safe(s) for s in tag['also'])}"
            if tag["also"]
            else ""
        )
        label = ", ".join(f"{axis} {value}" for axis, value in tag["label"].items())
        click.echo(f"  `{tag['tag']}` would have {label}{also}")
    for w in known["witnesses"]:
        says = "agree" if w["agrees"] else "do NOT agree"
        weak = "" if w["reaches"] else ", and are themselves trusted too little"
        click.echo(
            f"  {safe(w['redundancy'])}: {', '.join(w['by'])} {says} with `{w['tag']}`{weak}"
        )
    if not known["witnesses"]:
        click.echo("  nothing independent measures it: this is your word alone")
