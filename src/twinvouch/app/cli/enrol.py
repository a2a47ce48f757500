"""`twinvouch enrol EDGE`."""

from pathlib import Path

import click

from twinvouch.app.cli.printing import as_option, config_option


@click.command()
@click.argument("edge")
@click.option(
    "--person",
    required=True,
    help="who vouches: an engineer or admin with a key in the keys directory",
)
@click.option("--reason", required=True)
@click.option(
    "--epoch",
    type=click.IntRange(min=0),
    help="of the new chain; the one the edge came with, if it came",
)
@as_option
@config_option
def command(
    edge: str, person: str, reason: str, epoch: int | None, principal: str | None, config_path: Path
) -> None:
    """Vouch that an edge which lost its spool is itself: its new chain is then trusted as the old one was."""
    import os
    import time

    from twinvouch.app.client import Client, load, token_of
    from twinvouch.app.statements import LIFE_NS, found
    from twinvouch.core.errors import UsageError
    from twinvouch.core.genesis import Genesis

    config = load(config_path)
    known = (
        Client(config, token_of(config, principal))
        .get("/status", purpose="enrol")["edges"]
        .get(edge, {})
    )
    new = known.get("doubted_epoch") if epoch is None else epoch
    if new is None:
        raise UsageError(
            f"`{edge}` has not come with a new chain: start it, or name the epoch that it prints with --epoch"
        )
    now = time.time_ns()
    last = bytes.fromhex(known.get("chain_end", ""))
    said = Genesis(person, edge, new, last, reason, os.urandom(16), now, now + LIFE_NS)
    answer = found(config, said)
    click.echo(f"{answer['status']}: {edge}, epoch {answer['epoch']}, entry {answer['entry']}")
