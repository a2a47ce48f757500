"""`twinvouch run`: the core process of one plant, on loopback."""

import base64
import logging
import os
import signal
import socket
import threading
from collections.abc import Mapping
from pathlib import Path

import uvicorn

from twinvouch.app import build, logs
from twinvouch.app.api.hub import Hub
from twinvouch.app.api.server import create_app
from twinvouch.app.config_model import Config
from twinvouch.app.config_types import ns
from twinvouch.app.core import Core
from twinvouch.app.service import USUAL, Manner, notify
from twinvouch.core.errors import ConfigError, UnavailableError
from twinvouch.core.ports import Signer
from twinvouch.engine import Engine

GRACE_S = 5
_log = logging.getLogger("twinvouch.core")


def run(path: Path, manner: Manner = USUAL) -> int:
    """Run until SIGTERM or Ctrl-C; the exit code."""
    logs.start("core", "", manner.log_format or "text")
    config = build.load(path)
    logs.start("core", config.plant.id, manner.log_format or config.log.format)
    site = build.site(config)
    door = _door(config)
    signer = build.permit_signer(config)
    hub = Hub(config.plant.id, signer, ns(config.commands.permit_s))
    stores = build.stores(config)
    core = Core(Engine(site), stores, hub.leave, config.data_dir / "models")
    for repair in stores.repairs:
        _log.warning("%s", repair)
    core.start()
    _announce(config, core, stores.ledger.verifier_key, signer)
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again once it has stopped serving; what is open is closed after that
        signal.signal(number, lambda *_: None)
    server = _server(config, core, hub)
    threading.Thread(target=_end_when_fatal, args=(core, server), daemon=True).start()
    server.run(sockets=[door])
    if core.fatal:
        _log.critical("%s", core.fatal)
        return 5
    notify("STOPPING=1")
    core.stop()
    _log.info("stopped")
    return 0


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
    url = f"http://{config.api.host}:{config.api.port}"
    _log.info("listening on %s", url, extra=_f({"url": url}))


def _f(fields: Mapping[str, object]) -> dict[str, object]:
    """Values of a line that programs read by name."""
    return {"fields": fields}


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


def _server(config: Config, core: Core, hub: Hub) -> uvicorn.Server:
    app = create_app(core, hub, config.api.allowed_hosts)
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=config.api.host,
            port=config.api.port,
            log_config=None,  # what it says goes the way of all our lines
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
            limit_concurrency=512,
        )
    )


def _end_when_fatal(core: Core, server: uvicorn.Server) -> None:
    """Stop serving as soon as nothing can be made durable any more."""
    core.ended.wait()
    if core.fatal:
        server.should_exit = True
        os.kill(os.getpid(), signal.SIGTERM)
