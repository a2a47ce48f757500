"""The routes: every request becomes an event, every answer is what the engine said of it once durable."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from twinvouch import __version__
from twinvouch.adapters.event_stream import PRINCIPAL_HEADER
from twinvouch.app.api import (
    advice,
    commands,
    decisions,
    description,
    disavowals,
    distrust,
    glass,
    guard,
    history,
    lineage,
    metrics,
    problems,
    receipts,
    views,
    virtual,
)
from twinvouch.app.api.description import Purpose
from twinvouch.app.api.desk import Desk, peer, told, words
from twinvouch.app.api.door import Door, link_of
from twinvouch.app.api.hub import Hub, Subscriber
from twinvouch.app.api.links import Links
from twinvouch.app.api.quotas import quotas
from twinvouch.app.config_model import QuotaSettings
from twinvouch.app.core import Core, salt
from twinvouch.app.core_metrics import CoreMetrics
from twinvouch.app.service import Alive, notify
from twinvouch.core.errors import UnavailableError
from twinvouch.core.event import (
    BatchReceived,
    KeyStated,
    ModelSubmitted,
    OutcomeReported,
    Priority,
    StatementReceived,
)
from twinvouch.core.kind import Purpose as Signed
from twinvouch.queries.gate import visible
from twinvouch.queries.memory import STREAM_NS

REASK_S = 60.0  # an open stream is asked of gate 3 again after this


def create_app(
    core: Core,
    hub: Hub,
    allowed_hosts: Sequence[str],
    door: Door | None = None,
    links: Links | None = None,
    config: Path | None = None,
) -> FastAPI:
    """The API of one running core, behind its door (None: one with the default quotas); `config` is the file it runs with."""
    if door is None:
        door = _usual_door(core)
    desk = Desk(core, hub, door)
    looking = history.Looking(config)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        hub.attach(asyncio.get_running_loop())
        ticking = asyncio.create_task(_tick(core, door, links))
        ticking.add_done_callback(partial(_on_ticked_out, core))
        yield
        ticking.cancel()
        await looking.close()
        _tell(core, door, at_once=True)

    app = FastAPI(
        title="twinvouch", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    problems.install(app)
    guard.install(app, frozenset(allowed_hosts))
    description.install(app)
    app.add_middleware(door.around)
    app.include_router(_health(desk))
    site = core.engine.memory.site
    shown = CoreMetrics(core, hub.audience, door.strangers, links.ends if links else dict)
    app.include_router(metrics.router(shown, site, desk.read, desk.principal_of))
    for router in _routers(desk, looking):
        app.include_router(router, prefix="/api/v1")
    return app


def _routers(desk: Desk, looking: history.Looking) -> Sequence[APIRouter]:
    """Everything below /api/v1."""
    return (
        _in(desk),
        commands.router(desk),
        lineage.routes(desk),
        disavowals.routes(desk),
        _reports(desk),
        _out(desk),
        _findings(desk),
        decisions.router(desk),
        glass.router(desk),
        advice.routes(desk),
        distrust.router(desk),
        virtual.router(desk),
        _streams(desk),
        receipts.router(desk),
        history.router(desk, looking),
    )


def _usual_door(core: Core) -> Door:
    memory = core.engine.memory
    return Door(
        memory.site.plant,
        quotas(QuotaSettings()),
        ring=memory.ring,
        signers=lambda: memory.signed.signers,
    )


async def _tick(core: Core, door: Door, links: Links | None) -> None:
    """Let time pass in the core, and tell the service manager that it works while its ticks become durable."""
    notify("READY=1")
    alive = Alive()
    last = core.tick()
    while True:
        if links is not None:
            links.look()
        _tell(core, door)
        await asyncio.sleep(1.0)
        if last is None or last.done():
            if last is not None and not core.fatal:
                alive()
            last = core.tick()


def _on_ticked_out(core: Core, ticking: "asyncio.Task[None]") -> None:
    """Without ticks nothing expires and nobody is revoked: a core whose time stands still ends."""
    if not ticking.cancelled() and (error := ticking.exception()) is not None:
        core.give_up(error)


def _tell(core: Core, door: Door, *, at_once: bool = False) -> None:
    """Hand over the counts of failures before authentication, where their time has come."""
    event = door.strangers.due(salt(), time.time_ns(), at_once=at_once)
    if event is not None:
        try:
            core.submit(Priority.STATEMENT, event)
        except UnavailableError:
            door.strangers.put_back(event)


def _health(desk: Desk) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/livez")
    async def livez() -> dict[str, str]:
        """The process runs."""
        return {"status": "alive", "version": __version__}

    @router.get("/readyz")
    async def readyz() -> Response:
        """Events can be made durable."""
        if desk.core.fatal:
            return problems.problem(503, desk.core.fatal)
        return JSONResponse({"status": "ready"})

    return router


def _in(desk: Desk) -> APIRouter:
    router = APIRouter(tags=["in"])

    @router.post("/ingest")
    async def ingest(request: Request) -> Response:
        """One sealed batch; answered when it is durable (gate 1)."""
        link = desk.door.machine(request.scope)
        raw, key = await desk.sealed(request, Signed.READINGS)
        event = BatchReceived(salt(), peer(request), raw, link, key)
        return await desk.answer(Priority.READING, event)

    return router


def _reports(desk: Desk) -> APIRouter:
    router = APIRouter(tags=["in"])

    @router.post("/statements")
    async def state(request: Request) -> Response:
        """A person's sealed statement: approve, reject, distrust, restore; or a signature under the configuration."""
        event = StatementReceived(salt(), peer(request), await desk.stated(request))
        return await desk.answer(Priority.STATEMENT, event)

    @router.post("/keys")
    async def key(request: Request) -> Response:
        """A sealed statement of the plant root about a key: trust, revoke, rotate."""
        if desk.core.engine.memory.ring is None:
            raise HTTPException(409, "twin.yaml names no `key_list`: its own keys count")
        raw = await guard.body_of(request)
        desk.door.rooted(raw, request.scope)
        return await desk.answer(Priority.STATEMENT, KeyStated(salt(), peer(request), raw))

    @router.post("/outcomes")
    async def report(request: Request) -> Response:
        """The actuator's sealed report on a permit."""
        link = desk.door.machine(request.scope)
        if link not in {"", desk.plant.actuator}:
            raise HTTPException(
                403, f"`{link}` reports outcomes over its link: only the actuator may"
            )
        raw, _ = await desk.sealed(request, Signed.OUTCOME)
        event = OutcomeReported(salt(), peer(request), raw)
        return await desk.answer(Priority.COMMAND, event)

    @router.post("/models")
    async def submit(request: Request) -> Response:
        """A sealed manifest with the files it names (gate 2)."""
        raw, files = await desk.submitted(request)
        judged = await asyncio.to_thread(files.check)
        reply = await desk.ask(Priority.QUERY, ModelSubmitted(salt(), peer(request), raw, judged))
        if reply.code == 200:
            named = words(reply.body["name"]), words(reply.body["version"])
            await asyncio.to_thread(files.store, desk.core.model_directory, *named)
        return told(reply)

    return router


def _out(desk: Desk) -> APIRouter:
    router = APIRouter(tags=["out"])

    @router.get("/status")
    async def status(request: Request, purpose: Purpose = "") -> Any:
        """Counts, edges, open commands."""
        return await desk.read(request, "readStatus", purpose=purpose, after=views.status)

    @router.get("/modes")
    async def modes(request: Request, purpose: Purpose = "") -> Any:
        """How much the twin may do to each asset, since when, why, and what a person who raises it signs."""
        return await desk.read(request, "readStatus", purpose=purpose, after=views.modes)

    @router.get("/keys")
    async def keys(request: Request, purpose: Purpose = "") -> Any:
        """Every known key: purpose, principal, validity, revocation, use."""
        return await desk.read(request, "readStatus", purpose=purpose, after=views.keys)

    @router.get("/tags")
    async def tags(request: Request, purpose: Purpose = "") -> Any:
        """Last value, age and label of every tag that the principal may read."""
        ids = visible(desk.principal_of(request).id, desk.core.engine.memory.site)
        return await desk.read(
            request,
            "readTags",
            purpose=purpose,
            tags=ids or tuple(desk.plant.tags),
            after=lambda m: views.tags(m, ids),
        )

    @router.get("/tags/{tag:path}")
    async def tag(request: Request, tag: str, purpose: Purpose = "") -> Any:
        """Last value, age and label of one tag."""
        known = (tag,) if tag in desk.plant.tags else ()
        shown = await desk.read(
            request,
            "readTags",
            tag[:200],
            purpose=purpose,
            tags=known,
            after=lambda m: views.tags(m, known),
        )
        if not shown:
            raise HTTPException(404, f"no tag `{tag[:200]}`")
        return shown[0]

    return router


def _findings(desk: Desk) -> APIRouter:
    router = APIRouter(tags=["out"])

    @router.get("/findings")
    async def findings(
        request: Request, since: int = 0, limit: int = 200, purpose: Purpose = ""
    ) -> Any:
        """Recent findings from ledger index `since` on."""
        bounded = max(1, min(limit, 1000))
        return await desk.read(
            request,
            "readFindings",
            purpose=purpose,
            after=lambda m: views.findings(m, since, bounded),
        )

    return router


def _streams(desk: Desk) -> APIRouter:
    router = APIRouter(tags=["streams"])

    @router.get("/stream")
    async def stream(request: Request, purpose: Purpose = "") -> Response:
        """Labels, findings, commands, advice and outcomes as they happen (server-sent events)."""
        return await _open(desk, request, "stream", purpose)

    @router.get("/permits/stream")
    async def permits(request: Request) -> Response:
        """Sealed permits, for the actuator process only (server-sent events)."""
        desk.door.machine(request.scope)
        return await _open(desk, request, "takePermits", "actuation")

    return router


async def _open(desk: Desk, request: Request, action: str, purpose: str) -> Response:
    tags = tuple(desk.plant.tags) if action == "stream" else ()
    is_permits = action == "takePermits"
    link = link_of(request.scope) if is_permits else ""
    await desk.read(request, action, purpose=purpose, tags=tags, link=link)
    subscriber = desk.hub.open(actuator=is_permits)
    if subscriber is None:
        raise UnavailableError("too many streams are open")

    async def events() -> AsyncIterator[str]:
        try:
            yield ": twinvouch\n\n"
            async for message in _until_denied(desk, request, action, tags, subscriber):
                yield message
        finally:
            desk.hub.close(subscriber)

    headers = {PRINCIPAL_HEADER: desk.principal_of(request).id}
    return StreamingResponse(events(), media_type="text/event-stream", headers=headers)


async def _until_denied(
    desk: Desk, request: Request, action: str, tags: Sequence[str], subscriber: Subscriber
) -> AsyncIterator[str]:
    """The subscriber's events; gate 3 is asked again every minute, and a no ends the stream.

    So does a reader that takes nothing for so long that the engine counts no more what the stream shows as read (R7):
    what waits for it would be read unseen.
    """
    loop = asyncio.get_running_loop()
    ask_at = loop.time() + REASK_S
    async for message in subscriber.events():
        if loop.time() > ask_at - REASK_S + STREAM_NS / 1e9:
            return
        if loop.time() > ask_at:
            try:
                await desk.read(request, action, purpose="stream", tags=tags)
            except (HTTPException, UnavailableError):
                return
            ask_at = loop.time() + REASK_S
        yield message
