"""The configured device: its TLS files count from the configuration's directory."""

from pathlib import Path

import pytest

from twinvouch.app.config_model import DeviceSettings, TlsFiles
from twinvouch.app.devices import connect
from twinvouch.core.errors import ConfigError


def test_a_plain_device_has_its_address(tmp_path: Path) -> None:
    device = connect(DeviceSettings(host="192.0.2.7", port=5020, timeout_s=0.5), tmp_path)
    assert device.name == "192.0.2.7:5020"


def test_tls_files_are_looked_for_beside_the_configuration(tmp_path: Path) -> None:
    tls = TlsFiles(ca="pki/ca.pem")
    with pytest.raises(ConfigError, match=str(tmp_path / "pki" / "ca.pem")):
        connect(DeviceSettings(host="127.0.0.1", tls=tls), tmp_path)
