"""What the doctor says of the guard proxy: whether both files mean the same, and who can come in."""

import base64
import os
from collections.abc import Iterator

from twinvouch.adapters.keys import FileSigner
from twinvouch.app.actuator_config import ActuatorConfig
from twinvouch.app.config_checks import is_loopback
from twinvouch.app.config_model import Config
from twinvouch.app.doctor import Found, Patient, fail, ok, warn
from twinvouch.app.doctor_network import is_taken
from twinvouch.app.proxy_config import FrontSettings, ProxySettings
from twinvouch.core.inventory import PrincipalKind


def proxy(patient: Patient) -> Iterator[Found]:
    """The proxy of actuator.yaml, where there is one."""
    own = patient.actuator
    if own is None or own.proxy is None:
        return
    for front in own.proxy.listen:
        yield _front(front)
    if patient.config is not None:
        wrong = list(_differences(patient, own, own.proxy, patient.config))
        for text in wrong:
            do = "correct `proxy:` or twin.yaml: until then every write of a client is refused"
            yield fail("proxy", text, do)
        if not wrong:
            yield ok("proxy", f"{len(own.proxy.tags)} tags may be written by its clients")


def _front(front: FrontSettings) -> Found:
    address = f"{front.host}:{front.port}"
    if front.tls is None and not is_loopback(front.host):
        do = "close every other way to the device (docs/how-to/put-a-proxy-before-a-controller.md), or use `tls`"
        return warn("proxy", f"{address} lets everybody in who reaches it (`plain: true`)", do)
    if not is_taken(front.host, front.port):
        said = f"nothing listens on {address}: the actuator does not run"
        return warn("proxy", said, "start it with `twinvouch actuator`")
    return ok("proxy", f"{address} is listened on, before `{front.device}`")


def _differences(
    patient: Patient, own: ActuatorConfig, guard: ProxySettings, config: Config
) -> Iterator[str]:
    principal = next((p for p in config.principals if p.id == guard.principal), None)
    if principal is None or principal.kind is not PrincipalKind.SERVICE:
        yield f"`{guard.principal}` is no principal of kind service in `{config.path}`"
    if guard.principal == own.principal:
        yield f"`{guard.principal}` is the actuator itself: the proxy asks in a name of its own"
    file = patient.actuator_path.parent / guard.key
    if principal is not None and principal.key and file.exists() and os.access(file, os.R_OK):
        here = base64.b64encode(FileSigner(file).public_key).decode()
        if config.key_list is None and here != principal.key:
            yield f"`{file}` is not the key that principal `{guard.principal}` has"
    for name, written in guard.tags.items():
        tag = config.tags.get(name)
        if tag is not None and tag.unit != written.measured_in:
            yield f"`{name}` is measured in `{written.measured_in}` there, in `{tag.unit}` in `{config.path}`"
