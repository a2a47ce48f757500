"""Options that several verbs have, and how they print: tables for people, one JSON value for programs."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from twinvouch.app.cli import complete
from twinvouch.app.terminal import safe

F = TypeVar("F", bound=Callable[..., Any])


def config_option(f: F) -> F:
    """`--config FILE`, twin.yaml by default."""
    kind = click.Path(path_type=Path, dir_okay=False)
    return click.option(
        "--config", "config_path", type=kind, default=Path("twin.yaml"), show_default=True
    )(f)


def as_option(f: F) -> F:
    """`--as PRINCIPAL`: whose token is used for reading."""
    return click.option(
        "--as",
        "principal",
        metavar="PRINCIPAL",
        shell_complete=complete.principals,
        help="use this principal's token",
    )(f)


def json_option(f: F) -> F:
    """`--json`: one JSON value on stdout."""
    return click.option("--json", "as_json", is_flag=True, help="print one JSON value")(f)


def log_option(f: F) -> F:
    """`--log-format text|json`, else `TWINVOUCH_LOG_FORMAT`, else what the configuration says."""
    return click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        envvar="TWINVOUCH_LOG_FORMAT",
        help="how to log; otherwise as TWINVOUCH_LOG_FORMAT or the configuration says",
    )(f)


def metrics_option(f: F) -> F:
    """`--metrics-file FILE`: metrics for node_exporter's textfile collector."""
    kind = click.Path(path_type=Path, dir_okay=False)
    words = "write metrics here every 15 s, for node_exporter (name it *.prom)"
    return click.option("--metrics-file", metavar="FILE", type=kind, help=words)(f)


def show(data: Any, columns: Sequence[str], *, as_json: bool) -> None:
    """Print rows as JSON or as a table of these columns."""
    if as_json:
        click.echo(json.dumps(data, indent=2))
        return
    rows = [[safe(_cell(row.get(c))) for c in columns] for row in data]
    widths = [
        max(len(c), *(len(r[i]) for r in rows)) if rows else len(c) for i, c in enumerate(columns)
    ]
    for line in ([c.replace("_", " ") for c in columns], *rows):
        click.echo(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )


def show_figures(figures: Mapping[str, Any], *, as_json: bool) -> None:
    """Print what was measured, one figure a line, or as one JSON object."""
    if as_json:
        click.echo(json.dumps(figures))
        return
    for key, value in figures.items():
        click.echo(f"{key:<32}{value:.4g}" if isinstance(value, float) else f"{key:<32}{value}")


def say(line: str) -> None:
    """Progress, beside what is printed."""
    click.echo(line, err=True)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
