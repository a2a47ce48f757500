"""`twinvouch run`: the core process of one plant, on loopback."""

import os
import signal
import sys
import threading
from pathlib import Path

import uvicorn

from twinvouch.app import build
from twinvouch.app.api.hub import Hub
from twinvouch.app.api.server import create_app
from twinvouch.app.config_model import Config
from twinvouch.app.core import Core
from twinvouch.engine import Engine

GRACE_S = 5


def run(path: Path) -> int:
    """Run until SIGTERM or Ctrl-C; the exit code."""
    config = build.load(path)
    hub = Hub(config.plant.id, build.permit_signer(config))
    stores = build.stores(config)
    core = Core(Engine(build.site(config)), stores, hub.leave, config.data_dir / "models")
    for repair in stores.repairs:
        print(repair, file=sys.stderr)
    core.start()
    print(
        f"plant {config.plant.id}: {core.engine.memory.size} ledger entries, {core.recovered} events recovered",
        file=sys.stderr,
    )
    print(f"ledger key: {stores.ledger.verifier_key}", file=sys.stderr)
    print(f"listening on http://{config.api.host}:{config.api.port}", file=sys.stderr, flush=True)
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again once it has stopped serving; what is open is closed after that
        signal.signal(number, lambda *_: None)
    server = _server(config, core, hub)
    threading.Thread(target=_end_when_fatal, args=(core, server), daemon=True).start()
    server.run()
    if core.fatal:
        print(f"twinvouch: {core.fatal}", file=sys.stderr)
        return 5
    core.stop()
    return 0


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
