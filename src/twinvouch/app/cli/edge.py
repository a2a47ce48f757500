"""`twinvouch edge TWIN.YAML --edge NAME`."""

from pathlib import Path

import click


@click.command()
@click.argument(
    "config", type=click.Path(path_type=Path, dir_okay=False), default=Path("twin.yaml")
)
@click.option(
    "--edge", metavar="NAME", help="which of the configured edges; needed where there are several"
)
def command(config: Path, edge: str | None) -> int:
    """Run the process that reads devices and signs readings. Stops cleanly on Ctrl-C."""
    from twinvouch.adapters.modbus_tcp import ModbusDevice, TlsFiles
    from twinvouch.app.config_model import DeviceSettings
    from twinvouch.app.edge_process import run

    def connect(settings: DeviceSettings, directory: Path) -> ModbusDevice:
        files = settings.tls
        tls = None
        if files is not None:
            cert = directory / files.cert if files.cert else None
            tls = TlsFiles(directory / files.ca, cert, directory / files.key if files.key else None)
        return ModbusDevice(settings.host, settings.port, settings.timeout_s, tls)

    return run(config, edge, connect)
