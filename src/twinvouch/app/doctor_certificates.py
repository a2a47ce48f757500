"""What the doctor says of certificates: which of those on this machine end soon, or have ended.

Only files that are here are looked at, since a twin.yaml also names those of other machines. Whether a file can be
used at all is told where the process that needs it is asked.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from twinvouch.adapters.link_tls import ends_s
from twinvouch.app.actuator_config import ActuatorConfig
from twinvouch.app.config_types import TlsFiles
from twinvouch.app.doctor import Found, Patient, fail, ok, warn
from twinvouch.core.errors import ConfigError

SOON_DAYS: Final = 30
_DAY_S: Final = 86_400


def certificates(patient: Patient, now_s: float | None = None) -> Iterator[Found]:
    """Own certificates, authorities and the list of revoked ones, by file; `now_s` is the time, s since 1970."""
    now_s = time.time() if now_s is None else now_s
    seen: dict[Path, float] = {}
    trouble = False
    for what, file in _named(patient):
        path = file.resolve()
        if path in seen or not path.exists():
            continue
        try:
            seen[path] = ends_s(path)
        except ConfigError as error:
            trouble = True
            yield fail("certificates", f"{what}: {error}", "bring the right file here")
            continue
        left_days = (seen[path] - now_s) / _DAY_S
        if left_days < SOON_DAYS:
            trouble = True
            yield _ending(what, file, seen[path], left_days)
    if seen and not trouble:
        first = f"the first ends {_date(min(seen.values()))}"
        yield ok("certificates", f"{len(seen)} files hold for {SOON_DAYS} days at least, {first}")


def _ending(what: str, file: Path, at_s: float, left_days: float) -> Found:
    if what.endswith("crl"):
        do = "`twinvouch certs revoke` writes a new one; copy it here (until then the old one stays in force)"
    elif what.endswith("ca"):
        do = "make a new authority in time: every certificate is then issued anew"
    else:
        do = "`twinvouch certs issue` makes a new one; restart what uses it"
    if left_days < 0:
        return fail("certificates", f"{what}: `{file}` ended {_date(at_s)}", do)
    said = f"{what}: `{file}` ends {_date(at_s)}, in {left_days:.0f} days"
    return warn("certificates", said, do)


def _date(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d}" if at_s < float("inf") else "never"


def _named(patient: Patient) -> Iterator[tuple[str, Path]]:
    """What every file is for, and where it would be."""
    if (config := patient.config) is not None:
        base = config.path.parent
        if (own := config.api.tls) is not None:
            yield "api.tls.cert", base / own.cert
            yield "api.tls.client_ca", base / own.client_ca
            if own.crl is not None:
                yield "api.tls.crl", base / own.crl
        for edge, edges in config.edges.items():
            yield from _of(f"edges.{edge}.tls", edges.tls, base)
            for name, broker in edges.mqtt.items():
                yield from _of(f"edges.{edge}.mqtt.{name}.tls", broker.tls, base)
        for name, device in config.devices.items():
            yield from _of(f"devices.{name}.tls", device.tls, base)
    if patient.actuator is not None:
        yield from _of_actuator(patient.actuator, patient.actuator_path.parent)


def _of_actuator(own: ActuatorConfig, base: Path) -> Iterator[tuple[str, Path]]:
    yield from _of("actuator.yaml tls", own.tls, base)
    for name, target in own.devices.items():
        yield from _of(f"actuator.yaml devices.{name}.tls", target.tls, base)
    for front in own.proxy.listen if own.proxy is not None else ():
        if front.tls is not None:
            where = f"actuator.yaml proxy.listen {front.host}:{front.port} tls"
            yield f"{where}.cert", base / front.tls.cert
            yield f"{where}.client_ca", base / front.tls.client_ca
            if front.tls.crl is not None:
                yield f"{where}.crl", base / front.tls.crl


def _of(where: str, files: TlsFiles | None, base: Path) -> Iterator[tuple[str, Path]]:
    if files is not None:
        yield f"{where}.ca", base / files.ca
        if files.cert is not None:
            yield f"{where}.cert", base / files.cert
