"""`twinvouch run`: the core process of one plant; on loopback, or with mutual TLS."""

import base64
import os
import signal
import socket
import sys
import threading
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import uvicorn

from twinvouch.app import build, key_list
from twinvouch.app.api.door import Door
from twinvouch.app.api.hub import Hub
from twinvouch.app.api.links import Links
from twinvouch.app.api.quotas import quotas
from twinvouch.app.api.server import create_app
from twinvouch.app.config_model import Config
from twinvouch.app.config_types import ns
from twinvouch.app.core import Core, salt
from twinvouch.app.link_tls import ServerTls, server_tls
from twinvouch.core.errors import ConfigError, UnavailableError
from twinvouch.core.event import KeyStated, Priority
from twinvouch.engine import Engine

GRACE_S = 5


def run(path: Path) -> int:
    """Run until SIGTERM or Ctrl-C; the exit code."""
    config = build.load(path)
    door = _door(config)
    tls = server_tls(config.api.tls, config.path.parent) if config.api.tls is not None else None
    signer = build.permit_signer(config)
    site = replace(build.site(config), permit_key=signer.public_key if signer else b"")
    hub = Hub(config.plant.id, signer, ns(config.commands.permit_s))
    stores = build.stores(config)
    core = Core(Engine(site), stores, hub.leave, config.data_dir / "models")
    for repair in stores.repairs:
        print(repair, file=sys.stderr)
    core.start()
    _tell_keys(core, config)
    print(
        f"plant {config.plant.id}: {core.engine.memory.size} ledger entries, {core.recovered} events recovered",
        file=sys.stderr,
    )
    print(f"ledger key: {stores.ledger.verifier_key}", file=sys.stderr)
    if signer is not None:
        permit_key = base64.b64encode(signer.public_key).decode()
        print(f"permit key: {permit_key}", file=sys.stderr)
    scheme = "https" if config.api.tls is not None else "http"
    print(
        f"listening on {scheme}://{config.api.host}:{config.api.port}", file=sys.stderr, flush=True
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again once it has stopped serving; what is open is closed after that
        signal.signal(number, lambda *_: None)
    server = _server(config, core, hub, tls)
    threading.Thread(target=_end_when_fatal, args=(core, server), daemon=True).start()
    server.run(sockets=[door])
    if core.fatal:
        print(f"twinvouch: {core.fatal}", file=sys.stderr)
        return 5
    core.stop()
    return 0


def _tell_keys(core: Core, config: Config) -> None:
    """Let the engine have what the root has said; what it has already is answered as known."""
    for raw in key_list.statements(config):
        reply = core.submit(Priority.STATEMENT, KeyStated(salt(), "key list", raw)).result()
        if reply.code != HTTPStatus.OK:
            print(f"key list: {reply.body.get('why')}", file=sys.stderr)


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
    door = Door(
        plant, quotas(config.api.quotas), is_mutual=tls is not None, ring=core.engine.memory.ring
    )
    links: Links | None = None
    more: dict[str, Any] = {}
    if tls is not None:
        context, revoked = tls
        links = Links(plant.id, revoked, door.refused)
        watched = links.watched(context)
        more = {"http": links.protocol(), "ssl_context_factory": lambda *_: watched}
    app = create_app(core, hub, config.api.allowed_hosts, door, links)
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=config.api.host,
            port=config.api.port,
            log_level="warning",
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
