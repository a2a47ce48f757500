"""A configured device as a Modbus/TCP connection; names of certificate files count from the configuration's directory."""

from pathlib import Path

from twinvouch.adapters.modbus_tcp import ModbusDevice, TlsFiles
from twinvouch.app.config_model import DeviceSettings


def connect(settings: DeviceSettings, directory: Path) -> ModbusDevice:
    """The device; it connects when it is first asked. Raises ConfigError where its files are unusable."""
    tls = settings.tls
    files = None
    if tls is not None:
        cert = directory / tls.cert if tls.cert is not None else None
        key = directory / tls.key if tls.key is not None else None
        files = TlsFiles(directory / tls.ca, cert, key)
    return ModbusDevice(settings.host, settings.port, settings.timeout_s, files)
