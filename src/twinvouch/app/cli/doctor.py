"""`twinvouch doctor`."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from twinvouch.app.cli.printing import config_option, json_option

MARKS = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL"}


@click.command()
@config_option
@click.option(
    "--actuator",
    "actuator_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("actuator.yaml"),
    show_default=True,
    help="looked at where it is there",
)
@click.option("--devices", is_flag=True, help="read one tag of every device; nothing is written")
@json_option
@click.pass_context
def command(
    ctx: click.Context, config_path: Path, actuator_path: Path, *, devices: bool, as_json: bool
) -> None:
    """Look over this machine, its configurations, keys, disk, clock and core. Exit 1 where anything fails."""
    from twinvouch.app import doctor_certificates as certificates
    from twinvouch.app import doctor_files as files
    from twinvouch.app import doctor_machine as machine
    from twinvouch.app import doctor_network as network
    from twinvouch.app import doctor_proxy
    from twinvouch.app.doctor import Status, examine
    from twinvouch.app.logs import harmless

    checks = [
        *((c.__name__, c) for c in (machine.python, machine.libraries, machine.clock)),
        *((c.__name__, c) for c in (files.config, files.keys, files.agreement)),
        (certificates.certificates.__name__, certificates.certificates),
        *((c.__name__, c) for c in (machine.data, files.ledger)),
        *((c.__name__, c) for c in (network.core, network.links, network.devices)),
        (doctor_proxy.proxy.__name__, doctor_proxy.proxy),
        (machine.units.__name__, machine.units),
    ]
    patient = files.patient(config_path, actuator_path, devices=devices)
    found = list(examine(patient, checks))
    is_well = not any(f.status is Status.FAIL for f in found)
    if as_json:
        rows = [{k: harmless(v) for k, v in asdict(f).items()} for f in found]
        click.echo(json.dumps({"ok": is_well, "checks": rows}, indent=2))
    else:
        for f in found:
            click.echo(harmless(f"{MARKS[f.status]}  {f.check}: {f.said}"))
            if f.do:
                click.echo(harmless(f"      -> {f.do}"))
    ctx.exit(0 if is_well else 1)
