"""`twinvouch export grafana|alerts|csv|parquet|sql|prov|openlineage`."""

import csv
import json
from collections.abc import Iterator
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import click

from twinvouch.app.cli import complete
from twinvouch.app.cli.printing import as_option, config_option
from twinvouch.core.errors import UnavailableError

FILES = {"alerts": "alerts.yaml", "grafana": "grafana.json"}
PAGE: Final = 10_000
_NEW = click.Path(path_type=Path, dir_okay=False)


@click.group()
def command() -> None:
    """Take readings, derivations and what belongs to monitoring out, in formats of others."""


def _print(what: str) -> None:
    file = files("twinvouch.app").joinpath("monitoring", FILES[what])
    click.echo(file.read_text(encoding="utf-8"), nl=False)


@command.command()
def grafana() -> None:
    """Print the Grafana dashboard that comes with twinvouch."""
    _print("grafana")


@command.command()
def alerts() -> None:
    """Print the alert rules for Prometheus that come with twinvouch."""
    _print("alerts")


def _asked(f: Any) -> Any:
    """Which readings go into the file."""
    options = (
        click.option("--tag", "tags", multiple=True, required=True, shell_complete=complete.tags, help="a tag; may stand several times"),
        click.option("--from", "start", default="", metavar="TIME", help="made then or later"),
        click.option("--to", "end", default="", metavar="TIME", help="made then or earlier"),
        click.option("--out", required=True, type=_NEW, help="the file, which is replaced"),
    )  # fmt: skip
    for option in reversed(options):
        f = option(f)
    return as_option(config_option(f))


@command.command("csv")
@_asked
def csv_(config_path: Path, principal: str | None, out: Path, **asked: Any) -> None:
    """Write readings of tags as CSV: value, quality, label, reasons, ledger entry."""
    draft = out.with_name(f"{out.name}.tmp")
    count = 0
    with draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        for tag, columns in _pages(config_path, principal, asked):
            if not count:
                writer.writerow(["tag", *columns])
            writer.writerows([tag, *row] for row in zip(*columns.values(), strict=True))
            count += len(columns["t_ns"])
    draft.replace(out)
    click.echo(f"{out}: {count} readings")


@command.command()
@_asked
def parquet(config_path: Path, principal: str | None, out: Path, **asked: Any) -> None:
    """Write readings of tags as Parquet (extra `lake`)."""
    _require("pyarrow")
    from twinvouch.adapters.parquet_file import ParquetFile

    draft = out.with_name(f"{out.name}.tmp")
    file, count = ParquetFile(draft), 0
    for tag, columns in _pages(config_path, principal, asked):
        file.add(tag, columns)
        count += len(columns["t_ns"])
    file.close()
    draft.replace(out)
    click.echo(f"{out}: {count} readings")


@command.command()
@click.argument("query")
@click.argument("paths", metavar="FILE.parquet...", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False, exists=True))  # fmt: skip
def sql(query: str, paths: tuple[Path, ...]) -> None:
    """Ask exported Parquet files, as the view `history`, in SQL; one JSON object a row (extra `lake`)."""
    _require("duckdb")
    from twinvouch.adapters.duck import ask

    for row in ask(list(paths), query):
        click.echo(json.dumps(row, default=str))


@command.command()
@click.argument("entry", type=click.IntRange(0))
@config_option
def prov(entry: int, config_path: Path) -> None:
    """Print what ENTRY of the ledger was derived from, as W3C PROV-JSON."""
    from twinvouch.app import derivation
    from twinvouch.app.config import load

    click.echo(json.dumps(derivation.prov(derivation.of(load(config_path), entry)), indent=1))


@command.command()
@click.argument("entry", type=click.IntRange(0))
@config_option
def openlineage(entry: int, config_path: Path) -> None:
    """Print what ENTRY of the ledger was derived from, as OpenLineage run events, one a line."""
    from twinvouch.app import derivation
    from twinvouch.app.config import load

    for event in derivation.openlineage(derivation.of(load(config_path), entry)):
        click.echo(json.dumps(event))


def _require(module: str) -> None:
    if find_spec(module) is None:
        raise UnavailableError(
            f"this needs {module}, which is not installed: pip install 'twinvouch[lake]'"
        )


def _pages(
    config_path: Path, principal: str | None, asked: Any
) -> Iterator[tuple[str, dict[str, list[Any]]]]:
    """Tag and columns, page by page."""
    from twinvouch.app.client import Client, load, token_of

    config = load(config_path)
    client = Client(config, token_of(config, principal))
    given = {name: asked[key] for name, key in (("from", "start"), ("to", "end")) if asked[key]}
    for tag in asked["tags"]:
        after: dict[str, str] = {}
        while True:
            page = client.get(f"/export/{tag}", limit=PAGE, purpose="export", **after, **given)
            for erased in page["erased"]:
                day = f"{erased['stream']}, received {erased['day']}"
                click.echo(f"{tag}: {day}: its key was shredded", err=True)
            yield tag, page["columns"]
            if page["next"] is None:
                break
            after = {"after": page["next"]}
