"""`twinvouch run`: the core process of one plant; on loopback, or with mutual TLS."""

import base64
import logging
import os
import signal
import socket
import threading
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import uvicorn

from twinvouch.app import build, detection, key_list, logs, signing, witnessing
from twinvouch.app.api.door import Door
from twinvouch.app.api.hub import Hub
from twinvouch.app.api.links import Links
from twinvouch.app.api.quotas import quotas
from twinvouch.app.api.server import create_app
from twinvouch.app.config_model import Config
from twinvouch.app.config_types import ns
from twinvouch.app.core import Core, salt
from twinvouch.app.effects import Effects
from twinvouch.app.keeper import Keeper
from twinvouch.app.link_tls import ServerTls, server_tls
from twinvouch.app.service import USUAL, Manner, notify
from twinvouch.core.errors import ConfigError, UnavailableError
from twinvouch.core.event import KeyStated, Priority, StatementReceived
from twinvouch.core.ports import Signer
from twinvouch.core.site import Site
from twinvouch.engine import Engine
from twinvouch.engine.withholding import withheld
from twinvouch.wire.cose import unseal

GRACE_S = 5
_log = logging.getLogger("twinvouch.core")


def run(path: Path, manner: Manner = USUAL) -> int:
    """Run until SIGTERM or Ctrl-C; the exit code."""
    logs.start("core", "", manner.log_format or "text")
    config = build.load(path)
    logs.start("core", config.plant.id, manner.log_format or config.log.format)
    door = _door(config)
    tls = server_tls(config.api.tls, config.path.parent) if config.api.tls is not None else None
    signer = build.permit_signer(config)
    site = live_site(config, signer)
    hub = Hub(config.plant.id, signer, ns(config.commands.permit_s))
    stores = build.stores(config)
    effects = Effects(config, hub)
    core = effects.begin(Core(Engine(site), stores, effects.leave, config.data_dir / "models"))
    for repair in stores.repairs:
        _log.warning("%s", repair)
    core.start()
    tell_what_was_said(core, config)
    end_witnessing = witnessing.start(witnessing.witnessing(config, core))
    _announce(config, core, stores.ledger.verifier_key, signer)
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again once it has stopped serving; what is open is closed after that
        signal.signal(number, lambda *_: None)
    server = _server(config, core, hub, tls)
    threading.Thread(target=_end_when_fatal, args=(core, server), daemon=True).start()
    keeper = Keeper(config, core)
    server.run(sockets=[door])
    keeper.stop()
    if core.fatal:
        _log.critical("%s", core.fatal)
        return 5
    notify("STOPPING=1")
    end_witnessing()
    effects.end()
    core.stop()
    _log.info("stopped")
    return 0


def live_site(config: Config, permit_signer: Signer | None) -> Site:
    """What the engine of a plant works with that may be written to: with its permit key, and what must be signed."""
    return build.live_site(config, permit_signer.public_key if permit_signer else b"")


def tell_what_was_said(core: Core, config: Config) -> None:
    """Let a core that has just started know what the root and the signers have said in files."""
    _tell_keys(core, config)
    _tell_signatures(core, config)
    _tell_model(core, config)


def _tell_keys(core: Core, config: Config) -> None:
    """Let the engine have what the root has said and it does not know yet."""
    ring = core.engine.memory.ring
    known = {digest for digest, _ in ring.serials.values()} if ring is not None else set()
    for raw in key_list.statements(config):
        if (
            unseal(raw).digest in known
        ):  # the list was read as a whole before: nothing in it is malformed
            continue
        reply = core.submit(Priority.STATEMENT, KeyStated(salt(), "key list", raw)).result()
        if reply.code != HTTPStatus.OK:
            _log.warning("key list: %s", reply.body.get("why"))


def _announce(config: Config, core: Core, ledger_key: str, signer: Signer | None) -> None:
    """Say what runs and where, and the public keys that others need."""
    size, recovered = core.engine.memory.size, core.recovered
    fields = {"entries": size, "recovered": recovered}
    name = config.plant.id
    _log.info(
        "plant %s: %d ledger entries, %d events recovered", name, size, recovered, extra=_f(fields)
    )
    _log.info("ledger key: %s", ledger_key, extra=_f({"ledger_key": ledger_key}))
    if signer is not None:
        key = base64.b64encode(signer.public_key).decode()
        _log.info("permit key: %s", key, extra=_f({"permit_key": key}))
    scheme = "https" if config.api.tls is not None else "http"
    url = f"{scheme}://{config.api.host}:{config.api.port}"
    _log.info("listening on %s", url, extra=_f({"url": url}))


def _f(fields: Mapping[str, object]) -> dict[str, object]:
    """Values of a line that programs read by name."""
    return {"fields": fields}


def _tell_signatures(core: Core, config: Config) -> None:
    """Let the engine have the signatures that wait in the file, where it asks for some; say what is missing."""
    memory = core.engine.memory
    asked = memory.site.safety
    if asked is None or memory.signed.digest == asked.digest:
        return
    for raw in signing.to_tell(config, memory.signed.number, asked.digest):
        event = StatementReceived(salt(), "signatures file", raw)
        core.submit(Priority.STATEMENT, event).result()
    for _, why in withheld(memory):
        _log.warning("NO PERMITS: %s", why, extra=_f({"no_permits": why}))


def _tell_model(core: Core, config: Config) -> None:
    """Let gate 2 judge the configured model where it has not admitted it; readings are not scored until it has."""
    if core.engine.memory.site.detector is None or core.engine.memory.detector() is not None:
        return
    reply = core.submit(Priority.QUERY, detection.submission(config, salt())).result()
    if reply.code != HTTPStatus.OK:
        why = f"detection is off, gate 2 refused the model: {reply.body.get('why')}"
        _log.warning("NO DETECTION: %s", why, extra=_f({"no_detection": why}))


def _door(config: Config) -> socket.socket:
    """The socket of the API, bound before anything else is opened: a taken port changes nothing."""
    host, port = config.api.host, config.api.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ConfigError(f"{config.path}: api.host `{host}`: {error.strerror}") from None
    door = socket.socket(found[0], socket.SOCK_STREAM)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind(found[4])
    except OSError as error:
        door.close()
        raise UnavailableError(
            f"{config.path}: api: cannot listen on {host}:{port}: {error.strerror}; "
            "stop what listens there, or set another `api.port` (and `core` of every edge)"
        ) from None
    return door


def _server(config: Config, core: Core, hub: Hub, tls: ServerTls | None) -> uvicorn.Server:
    plant = core.engine.memory.site.plant
    memory = core.engine.memory
    door = Door(
        plant,
        quotas(config.api.quotas),
        is_mutual=tls is not None,
        ring=memory.ring,
        signers=lambda: memory.signed.signers,
    )
    links: Links | None = None
    more: dict[str, Any] = {}
    if tls is not None:
        context, revoked, ends = tls
        links = Links(plant.id, revoked, door.refused, ends)
        watched = links.watched(context)
        more = {"http": links.protocol(), "ssl_context_factory": lambda *_: watched}
    app = create_app(core, hub, config.api.allowed_hosts, door, links, config.path)
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=config.api.host,
            port=config.api.port,
            log_config=None,  # what it says goes the way of all our lines
            access_log=False,
            server_header=False,
            proxy_headers=False,  # else whoever is on this host names his own address
            ws="none",
            timeout_graceful_shutdown=GRACE_S,
            limit_concurrency=512,
            **more,
        )
    )


def _end_when_fatal(core: Core, server: uvicorn.Server) -> None:
    """Stop serving as soon as nothing can be made durable any more."""
    core.ended.wait()
    if core.fatal:
        server.should_exit = True
        os.kill(os.getpid(), signal.SIGTERM)
