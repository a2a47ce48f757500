"""`twinvouch virtual calibrate`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twinvouch.app.cli import complete
from twinvouch.app.cli.params import from_records
from twinvouch.app.cli.printing import config_option, json_option, say

if TYPE_CHECKING:
    from twinvouch.app.virtual_calibration import Calibrated, Point


@click.group()
def command() -> None:
    """What stands in for a level while its own reading does not count."""


@command.command()
@click.argument("tag", shell_complete=complete.tags)
@from_records
@config_option
@json_option
def calibrate(
    tag: str,
    sources: tuple[str, ...],
    period_s: float | None,
    time_format: str,
    config_path: Path,
    *,
    as_json: bool,
) -> None:
    """Work out how far the estimate of TAG is off by the hours that nobody sees it, and print it to paste."""
    from twinvouch.app import build, inventory, training, virtual_sensors
    from twinvouch.app.virtual_calibration import calibrate as worked_out
    from twinvouch.core.errors import UsageError

    config = build.load(config_path)
    if tag not in config.virtual:
        raise UsageError(f"`{tag}` is not in `virtual:` of {config_path}")
    v = virtual_sensors.sensors(config, inventory.plant(config))[tag]
    wanted = training.Wanted(time_format, "", period_s)
    tables = [training.table(s, config, wanted, say)[0] for s in sources]
    found = worked_out(v, tables)
    for line in [json.dumps(_plain(found))] if as_json else _lines(found, v.error):
        click.echo(line)


def _plain(found: "Calibrated") -> dict[str, Any]:
    def point(p: "Point") -> dict[str, float]:
        return {"hours": p.hours, "width": p.width, "made_of": p.made_of, "coverage": p.coverage, "tried": p.tried}  # fmt: skip

    sets = [{"lost": sorted(lost), "points": [point(p) for p in told]} for lost, told in found.points.items()]  # fmt: skip
    return {"usual": found.usual, "sets": sets}


def _lines(found: "Calibrated", error: float) -> list[str]:
    lines = [
        f"# half widths beyond error {error:g} that hold 95 % of the first half; coverage is of the second"
    ]
    for lost, told in found.points.items():
        lines.append(f"# lost: {', '.join(sorted(lost)) or 'no meter'}")
        lines += [
            f"#   {p.hours:5g} h  {p.width:10.4g}  of {p.made_of} stretches, covers {p.coverage:.1%} of {p.tried}"
            for p in told
        ]
    whole, *others = found.points.items()
    usual = ", ".join(f"{tag}: {value:g}" for tag, value in found.usual.items())
    lines += [f"# usual: {usual}", f"growth: {_pairs(whole[1])}"]
    if others:
        lines.append("without:")
    lines += [
        f"  - {{lost: [{', '.join(sorted(lost))}], growth: {_pairs(told)}}}"
        for lost, told in others
        if told
    ]
    return lines


def _pairs(told: "tuple[Point, ...]") -> str:
    return "[" + ", ".join(f"[{p.hours:g}, {p.width:g}]" for p in told) + "]"
