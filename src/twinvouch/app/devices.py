"""From the settings of a device or broker to the thing: the only place that names a protocol adapter."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeAlias

from twinvouch.app.config_model import DeviceSettings
from twinvouch.app.config_mqtt import BrokerSettings
from twinvouch.app.config_types import TlsFiles
from twinvouch.app.edge_listen import Broker
from twinvouch.core.errors import ConfigError, UsageError
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
    from twinvouch.adapters.modbus_tcp import ModbusDevice
    from twinvouch.adapters.modbus_tcp import TlsFiles as Files

    tls = settings.tls
    files = None
    if tls is not None:
        cert = directory / tls.cert if tls.cert is not None else None
        key = directory / tls.key if tls.key is not None else None
        files = Files(directory / tls.ca, cert, key)
    return ModbusDevice(settings.host, settings.port, settings.timeout_s, files, settings.in_flight)


def listen(name: str, client_id: str, settings: BrokerSettings, directory: Path) -> Broker:
    """A broker, not connected yet; ConfigError where its TLS files are no good, UsageError without the extra."""
    try:
        from twinvouch.adapters.mqtt import Broker as Address
        from twinvouch.adapters.mqtt import MqttSource
    except ModuleNotFoundError as error:
        raise UsageError(f"broker `{name}` needs `{error.name}`: install twinvouch[mqtt]") from None
    tls, secret = settings.tls, settings.password_file
    address = Address(
        settings.host,
        settings.port,
        settings.client_id or client_id,
        settings.version,
        settings.username,
        None if secret is None else directory / secret,
        None if tls is None else _context(name, tls, directory),
        settings.keepalive_s,
        settings.queue,
    )
    return Broker(name, MqttSource(address), settings.rebirth)


def _context(name: str, tls: TlsFiles, directory: Path) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=directory / tls.ca)
        if tls.cert is not None:
            key = None if tls.key is None else directory / tls.key
            context.load_cert_chain(directory / tls.cert, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"broker `{name}`: its TLS files cannot be used: {error}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
