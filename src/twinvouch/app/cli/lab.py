"""`twinvouch lab`: the built-in plant by itself, and its throw-away certificates."""

from pathlib import Path

import click

from twinvouch.app.cli.demo import require_lab


@click.group()
def command() -> None:
    """Run the built-in plant by itself (needs the `[lab]` extra)."""
    require_lab()


@command.command()
@click.option(
    "--certificates",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="directory of certificates, as `lab certificates` makes it",
)
@click.option("--plain-port", default=0, show_default="any free one", help="port without TLS")
@click.option("--tls-port", default=0, show_default="any free one", help="port with TLS and roles")
@click.option("--legacy-writes", is_flag=True, help="let the plain port write, as old devices do")
@click.option(
    "--journal", type=click.Path(path_type=Path, dir_okay=False), help="file for truth and writes"
)
@click.option("--orders", is_flag=True, help="take orders on standard input; end when it ends")
def plant(
    directory: Path,
    plain_port: int,
    tls_port: int,
    legacy_writes: bool,  # noqa: FBT001
    journal: Path | None,
    orders: bool,  # noqa: FBT001
) -> None:
    """EPANET Net3 in accelerated time behind Modbus/TCP; prints its ports as one JSON line."""
    from twinvouch.lab.plant import PlantOptions, run

    run(PlantOptions(directory, plain_port, tls_port, legacy_writes, journal, orders))


@command.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def certificates(directory: Path) -> None:
    """Make an authority, a server and three clients (`actuator` writes, `operator` switches the pump, `visitor` reads)."""
    from twinvouch.lab import certificates as made

    made.make(directory)
    click.echo(f"certificates for one day in `{directory}`")


@command.command()
@click.option("--core", required=True, help="address of the core, such as http://127.0.0.1:8710")
@click.option("--key", type=click.Path(path_type=Path), required=True, help="its signing key")
@click.option("--token", type=click.Path(path_type=Path), required=True, help="its API token")
@click.option(
    "--of",
    type=click.Choice(["tank-1", "tower"]),
    default="tank-1",
    show_default=True,
    help="what it keeps in its band",
)
def controller(core: str, key: Path, token: Path, of: str) -> None:
    """The level controller that stands for the twin: keeps tank 1, or the tower, in its band."""
    import logging

    from twinvouch.lab.controller import run

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    run(core, key, token, of)


@command.command()
@click.option("--seed", type=int, required=True, help="what decides everything")
def simulate(seed: int) -> None:
    """Run one seed of the fault simulation and tell its story; exit 1 where an invariant does not hold."""
    from twinvouch.app.simulation.run import simulate as run_seed

    result = run_seed(seed)
    for line in result.story:
        click.echo(line)
    crashes = ", ".join(f"{n} x {what}" for what, n in sorted(result.crashes.items()))
    faults = ", ".join(f"{n} x {what}" for what, n in sorted(result.faults.items()))
    click.echo(f"crashes: {crashes or 'none'}")
    click.echo(f"faults: {faults or 'none'}")
    click.echo(
        f"{result.events} events, {result.acknowledged} batches acknowledged, {result.permits} permits, "
        f"{result.executions} executions, {result.checkpoints} checkpoints, ledger {result.head[:16]}"
    )
    for sentence in result.violations:
        click.echo(f"VIOLATED {sentence}")
    if result.violations:
        raise SystemExit(1)


@command.command()
@click.option("--network", type=click.Choice(["net3", "ctown"]), default="net3", show_default=True)
@click.option("--seed", type=click.IntRange(min=0), required=True, help="what decides everything")
@click.option(
    "--networks",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="directory that holds ctown.inp",
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="where to write"
)
def scenario(network: str, seed: int, networks: Path | None, out: Path) -> None:
    """Half a year of clean readings of a simulated water network, then three months of attacks and honest changes."""
    from twinvouch.lab.scenarios.files import write
    from twinvouch.lab.scenarios.settings import settings
    from twinvouch.lab.scenarios.world import world

    made = world(network, seed, settings(), networks)
    write(made, out)
    events = sum(e.is_attack for e in made.events)
    click.echo(
        f"{len(made.test.t_ns)} rows of {len(made.test.ids)} tags with {events} attacks and "
        f"{len(made.events) - events} honest changes in `{out}`, digest {made.digest[:16]}"
    )
