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
    from twinvouch.core.virtual import Instead


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
    driven = [{"lost": sorted(lost), "points": [point(p) for p in told]} for lost, told in found.driven.items()]  # fmt: skip
    instead = {t: {"base": i.base, "gains": dict(i.gains)} for t, i in found.instead.items()}
    return {"usual": found.usual, "sets": sets, "instead": instead, "driven": driven}


def _lines(found: "Calibrated", error: float) -> list[str]:
    lines = [
        f"# half widths beyond error {error:g} that hold 95 % of the first half; coverage is of the second"
    ]
    both = [(", ".join(sorted(lost)) or "no meter", told) for lost, told in found.points.items()]
    both += [(f"{', '.join(sorted(lost))}, by what drives", t) for lost, t in found.driven.items()]
    for name, told in both:
        lines.append(f"# lost: {name}")
        lines += [
            f"#   {p.hours:5g} h  {p.width:10.4g}  of {p.made_of} stretches, covers {p.coverage:.1%} of {p.tried}"
            for p in told
        ]
    whole, *others = found.points.items()
    usual = ", ".join(f"{tag}: {value:g}" for tag, value in found.usual.items())
    lines += [f"# usual: {usual}", *map(_instead, found.instead.items())]
    lines.append(f"growth: {_pairs(whole[1])}")
    if others:
        lines.append("without:")
    lines += [
        f"  - {{lost: [{', '.join(sorted(lost))}], growth: {_pairs(told)}{_driven(found, lost)}}}"
        for lost, told in others
        if told
    ]
    return lines


def _instead(of: "tuple[str, Instead]") -> str:
    tag, told = of
    gains = ", ".join(f"{t}: {g:g}" for t, g in told.gains)
    return f"# instead of {tag}: {{base: {told.base:g}, gains: {{{gains}}}}}"


def _driven(found: "Calibrated", lost: frozenset[str]) -> str:
    told = found.driven.get(lost)
    return f", instead: {_pairs(told)}" if told else ""


def _pairs(told: "tuple[Point, ...]") -> str:
    return "[" + ", ".join(f"[{p.hours:g}, {p.width:g}]" for p in told) + "]"
