"""`twinvouch lookahead fit`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twinvouch.app.cli.params import from_records
from twinvouch.app.cli.printing import config_option, json_option, say

if TYPE_CHECKING:
    from twinvouch.twin.fitting import Fit


@click.group()
def command() -> None:
    """Models that commands are tried on before they are allowed."""


@command.command()
@click.argument("name")
@from_records
@click.option(
    "--flow",
    "flows",
    multiple=True,
    metavar="COLUMN=TAG",
    help="a column of the model that a tag reads in the model's unit, such as inflow:1=tank-1/inflow",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="the new data file")
@click.option(
    "--stretch-h", type=click.FloatRange(min=0.01, max=48), default=1.0, show_default=True
)
@config_option
@json_option
def fit(  # noqa: PLR0913 (one option each)
    *,
    name: str,
    sources: tuple[str, ...],
    flows: tuple[str, ...],
    out: Path,
    stretch_h: float,
    period_s: float | None,
    time_format: str,
    config_path: Path,
    as_json: bool,
) -> None:
    """Fit the model NAME to what the plant did, and write its data file anew."""
    from twinvouch.adapters.disk import OsDisk
    from twinvouch.adapters.whole_file import replace_file
    from twinvouch.app import build, lookahead_model, training
    from twinvouch.app.lookahead_fit import fitted_data, record_of
    from twinvouch.core.errors import UsageError

    config = build.load(config_path)
    settings = config.lookahead.get(name)
    if settings is None:
        raise UsageError(f"`{name}` is not in `lookahead:` of {config_path}")
    step_s = period_s or settings.step_s
    wanted = training.Wanted(time_format, "", step_s)
    tables = [training.table(s, config, wanted, say)[0] for s in sources]
    records = [record_of(settings, t, _pairs(flows), step_s) for t in tables]
    of = lookahead_model.data_of(config, name), settings.numbers
    found = fitted_data(settings.model, of, records, max(1, round(stretch_h * 3_600 / step_s)))
    replace_file(OsDisk(), out, found.data, 0o644)
    for line in [json.dumps(_plain(found.fit, out))] if as_json else _lines(found.fit, out, name):
        click.echo(line)


def _pairs(flows: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for each in flows:
        column, sign, tag = each.partition("=")
        if not (column and sign and tag):
            raise click.BadParameter(f"`{each}`: expected COLUMN=TAG")
        found[column] = tag
    return found


def _plain(found: "Fit", out: Path) -> dict[str, Any]:
    told = {p.name: {"value": p.value, "half": p.half} for p in found.parameters}
    apart = {"before": dict(found.before), "after": dict(found.after)}
    return {"data": str(out), "stretches": found.stretches, "parameters": told, "rms": apart}


def _lines(found: "Fit", out: Path, name: str) -> list[str]:
    lines = [f"# {found.stretches} stretches; value, half of the 95 % interval"]
    lines += [f"{p.name:20} {p.value:10.4g}  {p.half:8.2g}" for p in found.parameters]
    lines.append("# what was foreseen less what was, root mean square: before, after")
    lines += [f"{c:20} {b:10.4g}  {found.after[c]:10.4g}" for c, b in found.before.items()]
    lines.append(
        f"written: {out}. Name it as `lookahead.{name}.data`, and have two persons sign it"
    )
    return lines
