"""`twinvouch disavowal list|show|confirm|reject|withdraw`."""

import json
from pathlib import Path
from typing import Any

import click

from twinvouch.app.cli import complete
from twinvouch.app.cli.lineage import instant
from twinvouch.app.cli.printing import as_option, config_option, json_option, show
from twinvouch.app.terminal import safe

# the words of core.disavowal.Stage, which is imported only when a verb is called
STAGES = ("tracing", "waiting", "in_effect", "rejected", "expired", "withdrawn")


@click.group()
def command() -> None:
    """See what was said to have been bad for a past time, and decide on what waits for a second person.

    `twinvouch distrust SUBJECT --since T` says it.
    """


@command.command("list")
@click.option("--stage", type=click.Choice(STAGES), help="only these")
@config_option
@as_option
@json_option
def list_(stage: str | None, config_path: Path, principal: str | None, *, as_json: bool) -> None:
    """List disavowals, newest first."""
    asked = {} if stage is None else {"stage": stage}
    rows = _client(config_path, principal).get("/disavowals", purpose="disavowal list", **asked)
    if not as_json:
        rows = [_row(row) for row in rows]
    show(
        rows,
        ["id", "stage", "subject", "since", "until", "touched", "by", "reason"],
        as_json=as_json,
    )


@command.command("show")
@click.argument("ident", metavar="ID")
@click.option("--after", type=click.IntRange(-1), default=-1, help="entries behind this one")
@click.option("--limit", type=click.IntRange(0, 1000), default=20, show_default=True)
@click.option("--of", "whose", default="", metavar="PRINCIPAL", help="only what this one signed or was answered")  # fmt: skip
@config_option
@as_option
@json_option
def show_one(ident: str, config_path: Path, principal: str | None, **asked: Any) -> None:
    """Show one disavowal, and page by page the entries that it touches."""
    found = _client(config_path, principal).get(
        f"/disavowals/{ident}",
        after=asked["after"],
        limit=asked["limit"],
        principal=asked["whose"],
        purpose="disavowal show",
    )
    _tell(found, as_json=asked["as_json"])


@command.command()
@click.argument("ident", metavar="ID")
@click.option("--person", required=True, shell_complete=complete.persons, help="another person than the one who said it")  # fmt: skip
@click.option("--reason", required=True)
@click.option("--yes", is_flag=True, help="do not ask again")
@config_option
def confirm(ident: str, person: str, reason: str, config_path: Path, *, yes: bool) -> None:
    """Confirm as a second person: shows what was worked out, asks, and signs the digest of the list."""
    from twinvouch.app.client import RefusedError
    from twinvouch.core.statement import Verb

    found = _client(config_path, person).get(f"/disavowals/{ident}", purpose="disavowal confirm")
    _tell(found, as_json=False)
    if found["stage"] != "waiting":
        raise RefusedError(f"`{ident}` is {found['stage']}: only one that waits can be confirmed")
    if not yes:
        click.confirm("confirm this, as shown?", abort=True)
    _say(config_path, person, Verb.CONFIRM, ident, reason, bytes.fromhex(found["digest"]))


def _said(name: str, text: str) -> click.Command:
    def say(ident: str, person: str, reason: str, config_path: Path) -> None:
        from twinvouch.core.statement import Verb

        _say(config_path, person, Verb(name), ident, reason, b"")

    say.__doc__ = text
    for option in (
        config_option,
        click.option("--reason", required=True),
        click.option("--person", required=True, shell_complete=complete.persons),
        click.argument("ident", metavar="ID"),
    ):
        say = option(say)
    return command.command(name)(say)


reject = _said("reject", "Reject one that waits: it does not take effect.")
withdraw = _said(
    "withdraw", "Take back one that is in effect; two persons, where it took two to take effect."
)


def _say(config_path: Path, person: str, verb: Any, ident: str, reason: str, shown: bytes) -> None:
    from twinvouch.app.client import load
    from twinvouch.app.statements import say

    answer = say(load(config_path), person, verb, ident, reason=reason, shown=shown)
    why = f": {safe(answer['why'])}" if answer.get("why") else ""
    click.echo(f"{answer['status']}{why}")


def _client(config_path: Path, principal: str | None) -> Any:
    from twinvouch.app.client import Client, load, token_of

    config = load(config_path)
    return Client(config, token_of(config, principal))


def _row(d: dict[str, Any]) -> dict[str, Any]:
    by = d["principal"] + (f", {d['second']}" if d["second"] else "")
    span = {"since": instant(d["since_ns"]), "until": instant(d["until_ns"])}
    return {**d, **span, "subject": f"{d['subject']['kind']} {d['subject']['name']}", "by": by}


def _tell(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    row = _row(found)
    for name in ("id", "stage", "subject", "since", "until", "by", "reason", "touched"):
        click.echo(f"{name:<16}{safe(row[name])}")
    if found["touched"] is None:
        return
    for kind, count in found["counts"].items():
        click.echo(f"  {kind:<14}{count}")
    click.echo(f"{'highest class':<16}{found['highest_class'] or 'no command was permitted'}")
    for model in found["models"]:
        click.echo(f"model {safe(model['name'])}, entry {model['entry']}")
    for reader in found["readers"]:
        click.echo(f"answered with it: {safe(reader['principal'])}, {reader['times']} times")
    click.echo(f"{'digest':<16}{found['digest']}")
    if found["begins_at"]:
        click.echo(f"nothing before entry {found['begins_at']} was looked at")
    rows = [
        {"entry": e["entry"], "kind": e["kind"], "at": instant(e["at_ns"]), "about": _about(e)}
        for e in found["entries"]
    ]
    show(rows, ["entry", "kind", "at", "about"], as_json=False)
    if found["next"] is not None:
        click.echo(f"there is more: --after {found['next']}")
    if found["left_off"]:
        click.echo(f"the oldest {found['left_off']} are counted and not listed")


def _about(entry: dict[str, Any]) -> str:
    hidden = {"entry", "kind", "at_ns"}
    return ", ".join(f"{k} {v}" for k, v in entry.items() if k not in hidden)
