"""`twinvouch learn`."""

import json
import time
from pathlib import Path
from typing import Any

import click

from twinvouch.app.cli import complete
from twinvouch.app.cli.printing import config_option, json_option


@click.command()
@click.option(
    "--from",
    "source",
    required=True,
    help="a wide CSV of clean readings, or `history`: what this core has admitted",
)
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--period-s",
    type=click.FloatRange(min=0.001),
    help="of a row; faster sources are averaged (default: the slowest scan group's, or the file's)",
)
@click.option("--time-format", default="", help="strptime pattern, iso, unix or unix_ms")
@click.option("--label-column", default="", help="a column that is left out, as known labels are")
@click.option("--keep-suspect", is_flag=True, help="learn from rows that do not fit the rest, too")
@click.option(
    "--signer",
    shell_complete=complete.principals,
    help="sign the model: a principal with role model-signer and a key in the keys directory",
)
@click.option("--name", default="normal", show_default=True, help="of the model")
@click.option("--version", "version", default="1", show_default=True)
@click.option(
    "--days", default=365, show_default=True, type=click.IntRange(1, 3660), help="validity"
)
@config_option
@json_option
def command(*, source: str, out: Path, config_path: Path, as_json: bool, **said: Any) -> None:
    """Learn what normal is from commissioning data; writes a model and a report on it."""
    from twinvouch.adapters import detector_files
    from twinvouch.app import build, learning, training
    from twinvouch.app.signed_model import About, sign, signer_of

    config = build.load(config_path)
    taken = training.Wanted(said["time_format"], said["label_column"], said["period_s"])
    table, step = training.table(source, config, taken, _say)
    lesson = learning.teach(table, step, _say, keep_suspect=said["keep_suspect"])
    files = detector_files.write(out, lesson.learned, lesson.report)
    if said["signer"]:
        expected = {"expected_false_alarms_per_30d": lesson.report["expected_false_alarms_per_30d"]}
        now = time.time_ns()
        about = About(said["name"], said["version"], now, said["days"], table.ids, expected)
        sealed = sign(files, about, config.plant.id, signer_of(config, said["signer"]))
        (out / detector_files.MANIFEST).write_bytes(sealed)
    for line in [json.dumps(lesson.report)] if as_json else _lines(lesson.report):
        click.echo(line)
    _say(f"wrote {out}; `detection: {{model: {out}}}` in {config_path} takes it")
    if not said["signer"]:
        _say("it is not signed yet: `twinvouch learn --signer`, or `twinvouch models sign`")


def _say(text: str) -> None:
    click.echo(text, err=True)


def _lines(report: dict[str, Any]) -> list[str]:
    kinds = [tag["kind"] for tag in report["tags"].values()]
    counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    found = [
        f"rows                 {report['rows']} every {report['period_s']:g} s, {report['first']} to {report['last']}",
        f"tags                 {len(kinds)}: {counted}",
        f"false alarms         {report['expected_false_alarms_per_30d']:g} in 30 days are to be expected",
        f"left out as suspect  {report['suspect_rows']} rows",
    ]
    found += [
        f"  {s['from']} to {s['to']}: {s['rows']} rows, {', '.join(s['tags'][:5]) or 'no tag named'}"
        for s in report["suspect"][:20]
    ]
    found += [f"control logic        {rule}" for rule in report["control_rules"][:40]]
    return found
