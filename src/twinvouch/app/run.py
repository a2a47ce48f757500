"""`twinvouch run`: the core process of one plant, on loopback."""

import base64
import os
import signal
import socket
import sys
import threading
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import uvicorn

from twinvouch.app import build, key_list, safety, signing
from twinvouch.app.api.hub import Hub
from twinvouch.app.api.server import create_app
from twinvouch.app.config_model import Config
from twinvouch.app.config_types import ns
from twinvouch.app.core import Core, salt
from twinvouch.core.errors import ConfigError, UnavailableError
from twinvouch.core.event import KeyStated, Priority, StatementReceived
from twinvouch.core.ports import Signer
from twinvouch.core.site import Site
from twinvouch.engine import Engine
from twinvouch.wire.cose import unseal

GRACE_S = 5


def run(path: Path) -> int:
    """Run until SIGTERM or Ctrl-C; the exit code."""
    config = build.load(path)
    door = _door(config)
    signer = build.permit_signer(config)
    site = live_site(config, signer)
    hub = Hub(config.plant.id, signer, ns(config.commands.permit_s))
    stores = build.stores(config)
    core = Core(Engine(site), stores, hub.leave, config.data_dir / "models")
    for repair in stores.repairs:
        print(repair, file=sys.stderr)
    core.start()
    tell_what_was_said(core, config)
    print(
        f"plant {config.plant.id}: {core.engine.memory.size} ledger entries, {core.recovered} events recovered",
        file=sys.stderr,
    )
    print(f"ledger key: {stores.ledger.verifier_key}", file=sys.stderr)
    if signer is not None:
        permit_key = base64.b64encode(signer.public_key).decode()
        print(f"permit key: {permit_key}", file=sys.stderr)
    print(f"listening on http://{config.api.host}:{config.api.port}", file=sys.stderr, flush=True)
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again once it has stopped serving; what is open is closed after that
        signal.signal(number, lambda *_: None)
    server = _server(config, core, hub)
    threading.Thread(target=_end_when_fatal, args=(core, server), daemon=True).start()
    server.run(sockets=[door])
    if core.fatal:
        print(f"twinvouch: {core.fatal}", file=sys.stderr)
        return 5
    core.stop()
    return 0


def live_site(config: Config, permit_signer: Signer | None) -> Site:
    """What the engine of a plant works with that may be written to: with its permit key, and what must be signed."""
    site = build.site(config)
    return replace(
        site,
        permit_key=permit_signer.public_key if permit_signer else b"",
        safety=safety.of(config, site.plant, site.policy.digest),
    )


def tell_what_was_said(core: Core, config: Config) -> None:
    """Let a core that has just started know what the root and the signers have said in files."""
    _tell_keys(core, config)
    _tell_signatures(core, config)


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
            print(f"key list: {reply.body.get('why')}", file=sys.stderr)


def _tell_signatures(core: Core, config: Config) -> None:
    """Let the engine have the signatures that wait in the file, where it asks for some; say what is missing."""
    memory = core.engine.memory
    asked = memory.site.safety
    if asked is None or memory.signed.digest == asked.digest:
        return
    for raw in signing.to_tell(config, memory.signed.number, asked.digest):
        event = StatementReceived(salt(), "signatures file", raw)
        core.submit(Priority.STATEMENT, event).result()
    for _, why in memory.withheld():
        print(f"NO PERMITS: {why}", file=sys.stderr)


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
            log_level="warning",
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
