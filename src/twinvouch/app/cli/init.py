"""`twinvouch init [DIR]`."""

from pathlib import Path

import click


@click.command()
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=Path())
@click.option("--plant", help="id of the plant; otherwise the name of the folder or of the CSV")
@click.option(
    "--from-csv",
    "csv_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="make tags of the columns of this file of readings",
)
@click.option(
    "--time-zone", help="of the CSV, such as UTC or Europe/Rome; required with --from-csv"
)
@click.option("--time-format", default="", help="iso, unix, unix_ms or a strptime pattern")
@click.option("--time-column", default="", help="name of the time column; otherwise the first")
@click.option(
    "--ignore", multiple=True, metavar="COLUMN", help="a column that is no tag; repeatable"
)
def command(
    folder: Path, plant: str | None, csv_file: Path | None, time_zone: str | None, **csv: object
) -> None:
    """Write a commented starter twin.yaml into DIR, also from a CSV of readings. Never overwrites."""
    from twinvouch.app import starter
    from twinvouch.app.starter_csv import CsvChoices, clean_id

    if csv_file is None:
        if time_zone or any(csv.values()):
            raise click.UsageError("these options belong to --from-csv FILE")
        text = starter.template(plant or clean_id(folder.resolve().name))
    elif time_zone is None:
        raise click.UsageError(
            "--from-csv needs --time-zone: times without one could be any hour of the day"
        )
    else:
        choices = CsvChoices(
            time_zone, str(csv["time_format"]), str(csv["time_column"]), _texts(csv["ignore"])
        )
        text = starter.from_csv(csv_file, plant or clean_id(csv_file.stem), choices)
    config = starter.write(folder, text)
    click.echo(f"wrote {config.path}: {len(config.tags)} tags")
    click.echo("next:")
    for line in starter.next_steps(config):
        click.echo(f"  {line}")


def _texts(values: object) -> tuple[str, ...]:
    return tuple(str(v) for v in values) if isinstance(values, tuple) else ()
