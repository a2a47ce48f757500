"""What the doctor asks over the network: the core at its address, tokens, and, if told to, devices."""

import asyncio
import errno
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx

from twinvouch import __version__
from twinvouch.adapters.event_stream import read_token
from twinvouch.app.config_checks import is_loopback
from twinvouch.app.devices import connect
from twinvouch.app.doctor import Found, Patient, fail, ok, warn
from twinvouch.core.errors import TwinvouchError

ASK_S = 3.0


def core(patient: Patient) -> Iterator[Found]:
    """The port of the API: our core answers there, or it is free for one."""
    config = patient.config
    if config is None:
        return
    host, port = config.api.host, config.api.port
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    url = f"http://{address}"
    if not _is_taken(host, port):
        yield warn(
            "core",
            f"nothing listens on {address}: the core does not run",
            "start it with `twinvouch run`",
        )
        return
    yield from _core(url, "core")


def links(patient: Patient) -> Iterator[Found]:
    """The core as edges and actuator are told to reach it, and whether the actuator's token is known there."""
    asked: dict[str, str] = {}
    if patient.config is not None:
        own = f"http://{patient.config.api.host}:{patient.config.api.port}"
        for edge, settings in patient.config.edges.items():
            if settings.core.rstrip("/") != own:
                asked[settings.core.rstrip("/")] = f"core of edge `{edge}`"
    if patient.actuator is not None:
        asked.setdefault(patient.actuator.core.rstrip("/"), "core of the actuator")
    for url, who in asked.items():
        yield from _core(url, who)
    if patient.actuator is not None:
        token = patient.actuator_path.parent / patient.actuator.token_file
        yield from _token(patient.actuator.core.rstrip("/"), token)


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


def _core(url: str, who: str) -> Iterator[Found]:
    """What answers at `url`: a core of this release that can make events durable."""
    try:
        alive = _get(url, "/livez").json()
        running = str(alive["version"])
    except httpx.TransportError as error:
        yield fail(
            "core",
            f"{who}: no answer from {url}: {error}",
            "start the core, or correct the address",
        )
        return
    except (ValueError, KeyError, TypeError):
        do = "stop what listens there, or set another `api.port`"
        yield fail("core", f"{who}: something else than twinvouch answers at {url}", do)
        return
    if running != __version__:
        do = "upgrade in the order of docs/how-to/upgrade.md"
        yield warn("core", f"{who}: runs twinvouch {running}, this is {__version__}", do)
    ready = _get(url, "/readyz")
    if ready.status_code == httpx.codes.OK:
        yield ok("core", f"{who}: twinvouch {running} at {url} is ready")
    else:
        yield fail("core", f"{who}: {ready.text[:300]}", "make room on its disk and start it again")


def _token(url: str, file: Path) -> Iterator[Found]:
    """Whether the core knows the token: it answers 401 to one that it does not know."""
    if not file.exists():
        return  # told by the check of keys
    token = read_token(file)
    if url.startswith("http:") and not is_loopback(httpx.URL(url).host):
        said = f"{url} is not on this machine, and a token leaves it over https only"
        yield fail("token", said, "run the core's command side here, or use https")
        return
    try:
        answer = _get(url, "/api/v1/status", token)
    except httpx.TransportError:
        return  # told by the check of the core
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        do = "enter its SHA-256 in the configuration (`principals add --token`), restart the core"
        yield fail("token", f"the core at {url} does not know the token in `{file}`", do)
    else:
        yield ok("token", f"the core at {url} knows the token in `{file}`")


def _get(url: str, path: str, token: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(timeout=ASK_S, trust_env=False, headers=headers) as client:
        return client.get(url + path)


def _is_taken(host: str, port: int) -> bool:
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
