"""What the doctor asks over the network: the core at its address, tokens, and, if told to, devices."""

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from twinvouch import __version__
from twinvouch.adapters.event_stream import read_token
from twinvouch.app.actuator_config import ActuatorConfig
from twinvouch.app.client import CERTIFICATE_VARIABLES, address_of, tls_of
from twinvouch.app.config_checks import is_loopback
from twinvouch.app.config_types import TlsFiles
from twinvouch.app.devices import connect
from twinvouch.app.doctor import Found, Patient, fail, ok, warn
from twinvouch.app.link_tls import link_tls
from twinvouch.core.errors import TwinvouchError

ASK_S = 3.0


@dataclass(frozen=True, slots=True)
class Link:
    """An address, and how to prove who is at both ends of it (None: plain, or an authority of the machine)."""

    url: str
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """An edge or the actuator as its settings have it; `own` is plant and principal of its certificate."""

    who: str
    url: str
    tls: TlsFiles | None
    directory: Path
    own: tuple[str, str]

    @property
    def name(self) -> str:
        """The principal."""
        return self.own[1]


def core(patient: Patient) -> Iterator[Found]:
    """The port of the API: our core answers there, or it is free for one."""
    config = patient.config
    if config is None:
        return
    host, port = config.api.host, config.api.port
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if not is_taken(host, port):
        yield warn(
            "core",
            f"nothing listens on {address}: the core does not run",
            "start it with `twinvouch run`",
        )
        return
    tls = config.api.tls
    if tls is not None and tls.require == "all" and not os.environ.get(CERTIFICATE_VARIABLES[0]):
        do = f"let {' and '.join(CERTIFICATE_VARIABLES)} name a certificate of a person or service"
        said = f"{address} takes nobody without a certificate (`require: all`), so it was not asked"
        yield warn("core", said, do)
        return
    yield from _core(Link(address_of(config), tls_of(config)), "core")


def links(patient: Patient) -> Iterator[Found]:
    """The core as edges and actuator are told to reach it, and whether the actuator's token is known there."""
    asked: set[tuple[str, str]] = set()  # address and, where it asks with a certificate, who
    for caller in _callers(patient):
        how = (caller.url, caller.name if caller.tls is not None else "")
        if how in asked:
            continue
        asked.add(how)
        if _is_elsewhere(caller):
            yield ok("core", f"{caller.who} is not asked: its TLS key is not on this machine")
            continue
        try:
            link = Link(caller.url, link_tls(caller.tls, caller.directory, caller.own))
        except TwinvouchError as error:
            yield fail("core", f"{caller.who}: {error}", "bring the right files here")
            continue
        yield from _core(link, caller.who)
    if patient.actuator is not None:
        yield from _actuators_token(patient, patient.actuator)


def _callers(patient: Patient) -> Iterator[Caller]:
    """Who calls the core, from the files that are here."""
    if patient.config is not None:
        directory, plant = patient.config.path.parent, patient.config.plant.id
        for edge, edges in patient.config.edges.items():
            url, who = edges.core.rstrip("/"), f"core of edge `{edge}`"
            if edges.tls is not None or url != address_of(patient.config):  # else `core` has asked
                yield Caller(who, url, edges.tls, directory, (plant, edge))
    if (told := patient.actuator) is not None:
        own = (told.plant, told.principal)
        url, directory = told.core.rstrip("/"), patient.actuator_path.parent
        yield Caller("core of the actuator", url, told.tls, directory, own)


def _is_elsewhere(caller: Caller) -> bool:
    """True where this configuration came without the private key of the caller's machine."""
    key = caller.tls.key if caller.tls is not None else None
    return key is not None and not (caller.directory / key).exists()


def _actuators_token(patient: Patient, told: ActuatorConfig) -> Iterator[Found]:
    directory = patient.actuator_path.parent
    try:
        tls = link_tls(told.tls, directory, (told.plant, told.principal))
    except TwinvouchError:
        return  # told by the check of the core
    yield from _token(Link(told.core.rstrip("/"), tls), directory / told.token_file)


def devices(patient: Patient) -> Iterator[Found]:
    """One read of each device, where that is allowed; nothing is ever written."""
    if not patient.devices:
        return
    for name, said in asyncio.run(_read_all(patient)).items():
        if said:
            do = "see that it is on, that the address is right and nothing between refuses"
            yield fail("devices", f"`{name}`: {said}", do)
        else:
            yield ok("devices", f"`{name}` answers")


async def _read_all(patient: Patient) -> dict[str, str]:
    """By device what went wrong, empty where nothing did; one tag of each is read."""
    one: dict[str, tuple[int, str, int]] = {}
    if patient.config is not None:
        for tag in patient.config.tags.values():
            if tag.device is not None and tag.table is not None and tag.address is not None:
                one.setdefault(tag.device, (tag.modbus_unit, tag.table, tag.address))
    found = {}
    for name, (unit, table, address) in sorted(one.items()):
        assert patient.config is not None
        device = connect(patient.config.devices[name], patient.config.path.parent)
        try:
            await device.read(unit, table, address, 1)
            found[name] = ""
        except TwinvouchError as error:
            found[name] = str(error)
        finally:
            await device.close()
    return found


def _core(link: Link, who: str) -> Iterator[Found]:
    """What answers there: a core of this release that can make events durable."""
    url = link.url
    try:
        alive = _get(link, "/livez").json()
        running = str(alive["version"])
    except httpx.TransportError as error:
        yield fail(
            "core",
            f"{who}: no answer from {url}: {error}",
            "start the core, or correct the address or the certificates",
        )
        return
    except (ValueError, KeyError, TypeError):
        do = "stop what listens there, or set another `api.port`"
        yield fail("core", f"{who}: something else than twinvouch answers at {url}", do)
        return
    if running != __version__:
        do = "upgrade in the order of docs/how-to/upgrade.md"
        yield warn("core", f"{who}: runs twinvouch {running}, this is {__version__}", do)
    ready = _get(link, "/readyz")
    if ready.status_code == httpx.codes.OK:
        yield ok("core", f"{who}: twinvouch {running} at {url} is ready")
    else:
        yield fail("core", f"{who}: {ready.text[:300]}", "make room on its disk and start it again")


def _token(link: Link, file: Path) -> Iterator[Found]:
    """Whether the core knows the token: it answers 401 to one that it does not know."""
    url = link.url
    if not file.exists():
        return  # told by the check of keys
    token = read_token(file)
    if url.startswith("http:") and not is_loopback(httpx.URL(url).host):
        said = f"{url} is not on this machine, and a token leaves it over https only"
        yield fail("token", said, "run the core's command side here, or use https")
        return
    try:
        answer = _get(link, "/api/v1/status", token)
    except httpx.TransportError:
        return  # told by the check of the core
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        do = "enter its SHA-256 in the configuration (`principals add --token`), restart the core"
        yield fail("token", f"the core at {url} does not know the token in `{file}`", do)
    else:
        yield ok("token", f"the core at {url} knows the token in `{file}`")


def _get(link: Link, path: str, token: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(
        timeout=ASK_S, trust_env=False, headers=headers, verify=link.tls or True
    ) as client:
        return client.get(link.url + path)


def is_taken(host: str, port: int) -> bool:
    """True where something listens there."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(found[0], socket.SOCK_STREAM) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind(found[4])
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            raise
    return False
