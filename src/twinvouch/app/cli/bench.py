"""`twinvouch bench NAME`: stdout has one JSON object with `--json`, progress goes to stderr."""

import importlib
import os
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any, Final

import click

from twinvouch.app.cli.bench_endure import endure, vectors
from twinvouch.app.cli.bench_guard import guard
from twinvouch.app.cli.demo import require_lab
from twinvouch.app.cli.printing import say, show_figures

# name -> modules of app/bench whose figures it prints
BENCHES: Final = {
    "continuity": ("continuity",),
    "decide": ("decide", "durable_commands"),
    "ingest": ("verify", "ledger", "durable", "modbus"),
    "latency": ("latency",),
    "lookahead": ("lookahead",),
    "modbus": ("modbus", "scan"),
    "mqtt": ("mqtt",),
    "proxy": ("proxy_latency", "proxy_matrix"),
    "trust": ("trust", "proofs"),
}
AS_JSON: Final = click.option("--json", "as_json", is_flag=True, help="print one JSON object")
_ADAPTS: Final = click.option(
    "--adapt-per-day",
    type=click.FloatRange(0.0, 1.0),
    default=0.0,
    show_default=True,
    help="as `detection.adapt_per_day`",
)
PROCESSES: Final = ("core", "edge", "actuator", "worker")


@click.group()
def command() -> None:
    """Measure, and drill: ratios are against a named baseline in the same run."""


def _measure(name: str) -> Callable[..., None]:
    def measure(*, as_json: bool) -> None:
        figures: dict[str, float | int | str] = {}
        for part in BENCHES[name]:
            say(f"measuring {part} ...")
            figures |= importlib.import_module(f"twinvouch.app.bench.{part}").run()
        show_figures(figures, as_json=as_json)

    measure.__doc__ = f"Figures of {', '.join(BENCHES[name])}; exit 0 whatever they are."
    return measure


for _name in BENCHES:
    command.command(_name)(AS_JSON(_measure(_name)))
command.add_command(vectors)
command.add_command(endure)
command.add_command(guard)


def _processes(_context: click.Context, _parameter: click.Parameter, value: str) -> list[str]:
    named = value.split(",")
    if strange := sorted(set(named) - set(PROCESSES)):
        raise click.BadParameter(f"{strange}: expected some of {', '.join(PROCESSES)}")
    return named


@command.command()
@click.option(
    "--kills",
    type=click.IntRange(1, 100_000),
    default=200,
    show_default=True,
    help="of each process",
)
@click.option(
    "--processes",
    callback=_processes,
    default=",".join(PROCESSES),
    show_default=True,
    help="which to kill, with commas",
)
@click.option(
    "--batches-per-s",
    type=click.FloatRange(1, 1000),
    default=60.0,
    show_default=True,
    help="what the edge ships; less on a busy machine",
)
@click.option("--seed", type=int, default=0, show_default=True, help="of moments and order")
@click.option(
    "--minutes",
    type=click.FloatRange(0.1),
    default=inf,
    help="at most; then what was killed until then is judged  [default: as long as it takes]",
)
@AS_JSON
def kill(
    *,
    kills: int,
    processes: list[str],
    batches_per_s: float,
    seed: int,
    minutes: float,
    as_json: bool,
) -> int:
    """Kill real processes with SIGKILL under load; exit 1 where anything was lost or done twice."""
    require_lab()
    from twinvouch.app.bench.kill import Plan, run

    figures, is_ok = run(Plan(kills, processes, batches_per_s, seed, 60 * minutes), say)
    show_figures(figures, as_json=as_json)
    return 0 if is_ok else 1


@command.command()
@click.option("--seeds", type=click.IntRange(1, 10_000_000), default=200, show_default=True)
@click.option(
    "--first-seed", type=click.IntRange(0), default=0, show_default=True, help="the first of them"
)
@AS_JSON
def simulation(*, seeds: int, first_seed: int, as_json: bool) -> int:
    """Run seeds of the fault simulation; exit 1 where an invariant did not hold."""
    from twinvouch.app.simulation.run import figures

    found = figures(first_seed, seeds, say)
    show_figures(found, as_json=as_json)
    return 1 if found["violations"] else 0


@command.command()
@click.option("--pairs", type=click.IntRange(1, 10_000_000), default=1000, show_default=True)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="of the first pair"
)
@AS_JSON
def noninterference(*, pairs: int, seed: int, as_json: bool) -> int:
    """Play generated plants twice that differ in what low sources say; exit 1 where that created or changed a command."""
    from twinvouch.app.noninterference.figures import figures

    found, is_ok = figures(seed, pairs, say)
    show_figures(found, as_json=as_json)
    return 0 if is_ok else 1


@command.command()
@click.option(
    "--minutes",
    type=click.FloatRange(0.2, 600),
    default=2.0,
    show_default=True,
    help="of the plant's life that are rewound, in virtual time",
)
@AS_JSON
def rewind(*, minutes: float, as_json: bool) -> int:
    """Rewind the built-in plant's log, against feeding it once; exit 1 where the same is not the same."""
    require_lab()
    from twinvouch.app.bench.rewind import run

    figures = run(minutes, say)
    show_figures(figures, as_json=as_json)
    return 0 if figures["same_is_same"] else 1


@command.command()
@click.option(
    "--hours",
    type=click.FloatRange(0.01, 720),
    default=6.0,
    show_default=True,
    help="without a link, in virtual time",
)
@AS_JSON
def outage(*, hours: float, as_json: bool) -> int:
    """Take an edge's link away for hours; exit 1 where history misses a row or live state takes a late one."""
    require_lab()
    from twinvouch.app.bench.outage import run

    figures, is_ok = run(hours, say)
    show_figures(figures, as_json=as_json)
    return 0 if is_ok else 1


@command.command()
@click.option(
    "--hours-simulated", type=click.FloatRange(0.1, 1000), default=24.0, show_default=True
)
@click.option(
    "--wall-minutes",
    type=click.FloatRange(0.1, 10_000),
    default=60.0,
    show_default=True,
    help="to do the work of those hours in",
)
@click.option(
    "--csv",
    "table",
    type=click.Path(path_type=Path, dir_okay=False),
    help="file for all samples (else beside the data)",
)
@AS_JSON
def soak(*, hours_simulated: float, wall_minutes: float, table: Path | None, as_json: bool) -> int:
    """Do the work of a day in an hour; exit 1 where a process grows or leaks handles."""
    require_lab()
    from twinvouch.app.bench.soak import run

    figures, is_ok = run(hours_simulated, wall_minutes, table, say)
    show_figures(figures, as_json=as_json)
    return 0 if is_ok else 1


FILE: Final = click.Path(path_type=Path, dir_okay=False, exists=True)
_FORM: Final = (
    ("--time-column", "time_column", "its name (else the first column)"),
    ("--time-format", "time_format", "strptime pattern, iso, unix or unix_ms"),
    ("--label-column", "label_column", "its name (else one that is known)"),
    ("--sep", "delimiter", "what stands between cells (else what stands most often)"),
)


def _form(command_of: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say how the files are written; none of them tunes anything."""
    for option, name, told in reversed(_FORM):
        command_of = click.option(option, name, default="", help=told)(command_of)
    return command_of


@command.command()
@click.option("--train", type=FILE, required=True, help="CSV of clean rows")
@click.option("--test", type=FILE, required=True, help="CSV to be judged by its label column")
@_form
@click.option(
    "--predictions",
    type=click.Path(path_type=Path, dir_okay=False),
    help="file for time, alarm and the tags that are named",
)
@AS_JSON
def detect(
    *,
    train: Path,
    test: Path,
    predictions: Path | None,
    as_json: bool,
    **form: str,
) -> None:
    """Learn what is normal from one file and judge another by its labels; no option tunes anything."""
    require_lab()
    from twinvouch.app.bench.detect import run
    from twinvouch.app.wide_csv import Form

    show_figures(run(train, test, Form(**form), predictions, say), as_json=as_json)


@command.command()
@click.option("--train", type=FILE, required=True, help="CSV of clean rows")
@click.option("--test", type=FILE, required=True, help="CSV whose unlabelled rows take the ramps")
@_form
@click.option("--seeds", type=click.IntRange(1, 1000), default=20, show_default=True)
@AS_JSON
@_ADAPTS
def drift(
    *, train: Path, test: Path, seeds: int, adapt_per_day: float, as_json: bool, **form: str
) -> None:
    """Put slow ramps on one tag at a time and tell how many are found, and when; no option tunes anything."""
    require_lab()
    from twinvouch.app.bench.drift import run
    from twinvouch.app.wide_csv import Form

    show_figures(run(train, test, Form(**form), seeds, say, adapt_per_day), as_json=as_json)


DIRECTORY: Final = click.Path(path_type=Path, file_okay=False, exists=True)


@command.command()
@click.argument("directory", type=DIRECTORY)
@AS_JSON
def tep(*, directory: Path, as_json: bool) -> None:
    """Judge detection on the 21 faults of the Tennessee Eastman process."""
    require_lab()
    from twinvouch.app.bench.tep import run

    show_figures(run(directory, say), as_json=as_json)


@command.command()
@click.argument("directory", type=DIRECTORY)
@AS_JSON
def skab(*, directory: Path, as_json: bool) -> None:
    """Judge detection on the valve faults of the Skoltech pump testbed."""
    require_lab()
    from twinvouch.app.bench.skab import run

    show_figures(run(directory, say), as_json=as_json)


_WORLDS: Final = (
    click.option("--seeds", type=click.IntRange(1, 1000), default=5, show_default=True),
    click.option("--first-seed", type=click.IntRange(0), default=0, show_default=True),
    click.option(
        "--networks",
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        help="directory that holds ctown.inp (else Net3 alone)",
    ),
)


def _worlds(command_of: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say which simulated worlds."""
    for option in reversed(_WORLDS):
        command_of = option(command_of)
    return command_of


@command.command()
@_worlds
@AS_JSON
@_ADAPTS
@click.option("--with-twin", is_flag=True, help="levels that a twin predicts are tags too")
def scenarios(
    *,
    seeds: int,
    first_seed: int,
    networks: Path | None,
    adapt_per_day: float,
    with_twin: bool,
    as_json: bool,
) -> None:
    """Judge detection on simulated attacks and honest changes, event by event."""
    require_lab()
    from twinvouch.app.bench.scenarios import Plan, run

    plan = Plan(seeds, first_seed, networks, adapt_per_day, with_twin)
    show_figures(run(plan, say), as_json=as_json)


@command.command()
@_worlds
@AS_JSON
def change(*, seeds: int, first_seed: int, networks: Path | None, as_json: bool) -> None:
    """Judge whether a change of the plant and a lie that looks like it on one tag are told apart."""
    require_lab()
    from twinvouch.app.bench.change import run

    show_figures(run(seeds, first_seed, networks, say), as_json=as_json)


@command.command()
@click.option("--scale", is_flag=True, help="2,000 tags too: takes minutes and gigabytes")
@AS_JSON
def gate(*, scale: bool, as_json: bool) -> None:
    """Speed of detection on one core, against detectors of river and PyOD in the same run."""
    from twinvouch.app.bench.gate import run

    show_figures(run(say, with_scale=scale), as_json=as_json)


@command.command()
@click.option(
    "--values",
    type=click.IntRange(1, 10**10),
    default=100_000_000,
    show_default=True,
    help="readings in the store that is asked",
)
@click.option(
    "--data",
    type=DIRECTORY,
    help="folder with batadal, skab and tep (else $TWINVOUCH_SHARED or ../shared/data)",
)
@AS_JSON
def history(*, values: int, data: Path | None, as_json: bool) -> None:
    """One tag of one day out of many readings, warm and cold, and bytes for a reading of public data."""
    from twinvouch.app.bench.history import run

    shared = Path(os.environ.get("TWINVOUCH_SHARED", "../shared/data"))
    found = data if data is not None else shared if shared.is_dir() else None
    show_figures(run(values, found, say), as_json=as_json)
