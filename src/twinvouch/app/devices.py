"""From the settings of a device to the device: the only place that names a protocol adapter."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeAlias

from twinvouch.app.config_model import DeviceSettings
from twinvouch.core.ports import Device


class Closing(Device, Protocol):
    """A device with a connection to close."""

    async def close(self) -> None:
        """Close the connection."""
        ...


# settings, and the directory that names of files count from
Connect: TypeAlias = Callable[[DeviceSettings, Path], Closing]


def connect(settings: DeviceSettings, directory: Path) -> Closing:
    """A Modbus/TCP device, not connected yet; raises ConfigError where its TLS files are no good."""
    from twinvouch.adapters.modbus_tcp import ModbusDevice, TlsFiles

    tls = settings.tls
    files = None
    if tls is not None:
        cert = directory / tls.cert if tls.cert is not None else None
        key = directory / tls.key if tls.key is not None else None
        files = TlsFiles(directory / tls.ca, cert, key)
    return ModbusDevice(settings.host, settings.port, settings.timeout_s, files)
