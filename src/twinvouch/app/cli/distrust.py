"""`twinvouch distrust SUBJECT`, and with `--since T` for what is past."""

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from twinvouch.app.cli import complete
from twinvouch.app.cli.lineage import MOMENT, nanoseconds, tell
from twinvouch.app.cli.printing import config_option, json_option
from twinvouch.app.terminal import safe

HOUR_NS = 3_600_000_000_000
HOURS = 8.0


@click.command()
@click.argument("subject", shell_complete=complete.subjects)
@click.option(
    "--person",
    required=True,
    shell_complete=complete.persons,
    help="who says so: a person with a key in the keys directory",
)
@click.option("--reason", default="", help="why; demanded wherever something is signed")
@click.option(
    "--hours",
    type=click.FloatRange(min=0.01, max=24 * 30),
    help=f"then it ends; not together with --since  [default: {HOURS:g}]",
)
@click.option("--since", type=MOMENT, help="UTC: it has been bad since then")
@click.option("--until", type=MOMENT, help="UTC: and until then  [default: now]")
@click.option("--preview", is_flag=True, help="only show what it would touch; nothing is signed")
@click.option("--yes", is_flag=True, help="do not ask again")
@config_option
@json_option
def command(subject: str, person: str, reason: str, config_path: Path, **asked: Any) -> None:
    """Distrust a tag, an edge, a model or a key (its id) from now on, for a time: what it says counts as nothing.

    With --since: what a tag, edge, key, model or person said in that time counts as nothing, too. What rests on it is
    shown first; where that is much, a second person confirms it (`twinvouch disavowal`).
    """
    if asked["since"] is None:
        _from_now_on(subject, person, reason, config_path, asked)
    else:
        _of_the_past(subject, person, reason, config_path, asked)


def _from_now_on(
    subject: str, person: str, reason: str, config_path: Path, asked: dict[str, Any]
) -> None:
    from twinvouch.app.client import load
    from twinvouch.app.statements import say
    from twinvouch.core.statement import Verb

    if asked["until"] is not None or asked["preview"]:
        raise click.UsageError("--until and --preview go with --since")
    _expect_reason(reason)
    life_ns = int((asked["hours"] or HOURS) * HOUR_NS)
    answer = say(load(config_path), person, Verb.DISTRUST, subject, reason=reason, life_ns=life_ns)
    _print(
        answer,
        f"{answer['status']}: {safe(answer['subject'])}: {safe(answer['why'])}",
        as_json=asked["as_json"],
    )


def _of_the_past(
    subject: str, person: str, reason: str, config_path: Path, asked: dict[str, Any]
) -> None:
    from twinvouch.app.client import Client, load, token_of
    from twinvouch.app.statements import disavow

    if asked["hours"] is not None:
        raise click.UsageError(
            "--hours does not go with --since: `distrust.forward_hours` of the core says how long it counts as nothing"
        )
    config, span = load(config_path), _span(asked["since"], asked["until"])
    client = Client(config, token_of(config, person))
    found = client.get(
        f"/affected/{subject}", since=span[0], until=span[1], purpose="disavowal preview"
    )
    if not asked["as_json"]:
        tell(found)
    if asked["preview"]:
        if asked["as_json"]:
            click.echo(json.dumps(found, indent=2))
        return
    _expect_reason(reason)
    if not asked["yes"]:
        click.confirm("all of this is to count as nothing?", abort=True, err=True)
    shown = bytes.fromhex(found["digest"])
    more = {"since_ns": span[0], "until_ns": span[1], "reason": reason, "shown": shown}
    answer = disavow(config, person, subject, **more)
    told = f"disavowal {answer['id']}: see `twinvouch disavowal show {answer['id']} --as {person}`"
    _print(answer, told, as_json=asked["as_json"])


def _span(since: datetime, until: datetime | None) -> tuple[int, int]:
    """From the first moment to the last, both included; now is the clock of this machine."""
    end = time.time_ns() if until is None else nanoseconds(until)
    begin = nanoseconds(since)
    if begin > end:
        raise click.UsageError("--since is later than --until")
    return begin, end


def _expect_reason(reason: str) -> None:
    if not reason:
        raise click.UsageError("Missing option '--reason'.")


def _print(answer: Any, words: str, *, as_json: bool) -> None:
    click.echo(json.dumps(answer, indent=2) if as_json else words)
