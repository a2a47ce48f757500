"""The routes: every request becomes an event, every answer is what the engine said of it once durable."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from twinvouch import __version__
from twinvouch.app.api import description, guard, metrics, problems, views
from twinvouch.app.api.hub import Hub, Subscriber
from twinvouch.app.api.proposal import Proposal, content_of
from twinvouch.app.api.submission import files_of
from twinvouch.app.core import Core, salt
from twinvouch.app.core_metrics import CoreMetrics
from twinvouch.app.inbox import After
from twinvouch.app.service import Alive, notify
from twinvouch.core.errors import UnavailableError
from twinvouch.core.event import (
    BatchReceived,
    CommandProposed,
    Event,
    ModelSubmitted,
    OutcomeReported,
    Priority,
    QueryAsked,
    Reply,
    StatementReceived,
)
from twinvouch.core.inventory import Plant
from twinvouch.queries.gate import visible

REASK_S = 60.0  # an open stream is asked of gate 3 again after this
Purpose = Annotated[str, Query(max_length=200, description="what the answer is for; it is logged")]


class Desk:
    """What every route needs: the core, its inventory and the way out of effects."""

    def __init__(self, core: Core, hub: Hub) -> None:
        self.core = core
        self.hub = hub
        self.plant: Plant = core.engine.memory.site.plant

    async def ask(self, priority: Priority, event: Event, after: After | None = None) -> Reply:
        """Submit an event and wait until it is durable."""
        return await asyncio.wrap_future(self.core.submit(priority, event, after))

    async def answer(self, priority: Priority, event: Event) -> Response:
        """The engine's reply as an HTTP answer."""
        return _told(await self.ask(priority, event))

    async def read(self, request: Request, action: str, resource: str = "*", **more: Any) -> Any:
        """Ask gate 3 and give what the view shows; 401 without a token, 403 where gate 3 says no."""
        tags: Sequence[str] = more.get("tags", ())
        after: After | None = more.get("after")
        principal = guard.principal_of(request, self.plant)
        query = QueryAsked(
            salt(),
            principal.id if principal else "",
            action,
            resource,
            more.get("purpose", ""),
            tuple(tags),
        )
        reply = await self.ask(Priority.QUERY, query, after)
        if reply.code != 200:
            code = 403 if principal else 401
            headers = {} if principal else {"WWW-Authenticate": "Bearer"}
            raise HTTPException(code, f"denied: {_text(reply.body.get('why'))}", headers)
        return reply.body.get("data")


def create_app(core: Core, hub: Hub, allowed_hosts: Sequence[str]) -> FastAPI:
    """The API of one running core."""
    desk = Desk(core, hub)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        hub.attach(asyncio.get_running_loop())
        ticking = asyncio.create_task(_tick(core))
        yield
        ticking.cancel()

    app = FastAPI(
        title="twinvouch", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    problems.install(app)
    guard.install(app, frozenset(allowed_hosts))
    description.install(app)
    app.include_router(_health(desk))
    site = core.engine.memory.site
    app.include_router(metrics.router(CoreMetrics(core, hub.audience), site, desk.read))
    for router in (
        _in(desk),
        _reports(desk),
        _out(desk),
        _findings(desk),
        _decisions(desk),
        _streams(desk),
    ):
        app.include_router(router, prefix="/api/v1")
    return app


async def _tick(core: Core) -> None:
    """Let time pass in the core, and tell the service manager that it works while its ticks become durable."""
    notify("READY=1")
    alive = Alive()
    last = core.tick()
    while True:
        await asyncio.sleep(1.0)
        if last is None or last.done():
            if last is not None and not core.fatal:
                alive()
            last = core.tick()


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
        event = BatchReceived(salt(), _peer(request), await guard.body_of(request))
        return await desk.answer(Priority.READING, event)

    @router.post("/commands")
    async def propose(request: Request) -> Response:
        """A sealed command (`application/cose`), or JSON with a bearer token (gate 4)."""
        raw = await guard.body_of(request)
        if request.headers.get("content-type", "").startswith("application/cose"):
            return await desk.answer(
                Priority.COMMAND, CommandProposed(salt(), _peer(request), raw, "")
            )
        principal = guard.principal_of(request, desk.plant)
        if principal is None:
            raise HTTPException(
                401,
                "a command is signed, or comes with a bearer token",
                {"WWW-Authenticate": "Bearer"},
            )
        try:
            asked = msgspec.json.decode(raw, type=Proposal)
        except msgspec.DecodeError as error:
            raise HTTPException(422, f"no command: {error}") from None
        nonce = secrets.token_bytes(16)
        content = content_of(asked, desk.plant.id, principal.id, nonce)
        return await desk.answer(
            Priority.COMMAND, CommandProposed(salt(), _peer(request), content, principal.id)
        )

    return router


def _reports(desk: Desk) -> APIRouter:
    router = APIRouter(tags=["in"])

    @router.post("/statements")
    async def state(request: Request) -> Response:
        """A person's sealed statement: approve, reject, distrust, restore."""
        event = StatementReceived(salt(), _peer(request), await guard.body_of(request))
        return await desk.answer(Priority.STATEMENT, event)

    @router.post("/outcomes")
    async def report(request: Request) -> Response:
        """The actuator's sealed report on a permit."""
        event = OutcomeReported(salt(), _peer(request), await guard.body_of(request))
        return await desk.answer(Priority.COMMAND, event)

    @router.post("/models")
    async def submit(request: Request) -> Response:
        """A sealed manifest with the files it names (gate 2)."""
        raw, files = files_of(await guard.body_of(request))
        judged = await asyncio.to_thread(files.check)
        reply = await desk.ask(Priority.QUERY, ModelSubmitted(salt(), _peer(request), raw, judged))
        if reply.code == 200:
            named = _text(reply.body["name"]), _text(reply.body["version"])
            await asyncio.to_thread(files.store, desk.core.model_directory, *named)
        return _told(reply)

    return router


def _out(desk: Desk) -> APIRouter:
    router = APIRouter(tags=["out"])

    @router.get("/status")
    async def status(request: Request, purpose: Purpose = "") -> Any:
        """Counts, edges, open commands."""
        return await desk.read(request, "readStatus", purpose=purpose, after=views.status)

    @router.get("/tags")
    async def tags(request: Request, purpose: Purpose = "") -> Any:
        """Last value, age and label of every tag that the principal may read."""
        principal = guard.principal_of(request, desk.plant)
        site = desk.core.engine.memory.site
        ids = visible(principal.id, site) if principal is not None else ()
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


def _decisions(desk: Desk) -> APIRouter:
    router = APIRouter(tags=["out"])

    @router.get("/commands")
    async def commands(
        request: Request, status: str = "", limit: int = 100, purpose: Purpose = ""
    ) -> Any:
        """Commands, newest first."""
        bounded = max(1, min(limit, 1000))
        return await desk.read(
            request,
            "readCommands",
            purpose=purpose,
            after=lambda m: views.commands(m, status, bounded),
        )

    @router.get("/commands/{ident}")
    async def command(request: Request, ident: str, purpose: Purpose = "") -> Any:
        """One command with everything an approver must see."""
        shown = await desk.read(
            request,
            "readCommands",
            ident[:64],
            purpose=purpose,
            after=lambda m: views.command(m.records[ident]) if ident in m.records else None,
        )
        if shown is None:
            raise HTTPException(404, f"no command `{ident[:64]}`")
        return shown

    @router.get("/models")
    async def models(request: Request, purpose: Purpose = "") -> Any:
        """Admitted models."""
        return await desk.read(
            request, "readModels", purpose=purpose, after=lambda m: list(m.models.values())
        )

    return router


def _streams(desk: Desk) -> APIRouter:
    router = APIRouter(tags=["streams"])

    @router.get("/stream")
    async def stream(request: Request, purpose: Purpose = "") -> Response:
        """Labels, findings, commands and outcomes as they happen (server-sent events)."""
        return await _open(desk, request, "stream", purpose)

    @router.get("/permits/stream")
    async def permits(request: Request) -> Response:
        """Sealed permits, for the actuator process only (server-sent events)."""
        return await _open(desk, request, "takePermits", "actuation")

    return router


async def _open(desk: Desk, request: Request, action: str, purpose: str) -> Response:
    tags = tuple(desk.plant.tags) if action == "stream" else ()
    await desk.read(request, action, purpose=purpose, tags=tags)
    subscriber = desk.hub.open(actuator=action == "takePermits")
    if subscriber is None:
        raise UnavailableError("too many streams are open")

    async def events() -> AsyncIterator[str]:
        try:
            yield ": twinvouch\n\n"
            async for message in _until_denied(desk, request, action, tags, subscriber):
                yield message
        finally:
            desk.hub.close(subscriber)

    return StreamingResponse(events(), media_type="text/event-stream")


async def _until_denied(
    desk: Desk, request: Request, action: str, tags: Sequence[str], subscriber: Subscriber
) -> AsyncIterator[str]:
    """The subscriber's events; gate 3 is asked again every minute, and a no ends the stream."""
    loop = asyncio.get_running_loop()
    ask_at = loop.time() + REASK_S
    async for message in subscriber.events():
        if loop.time() > ask_at:
            try:
                await desk.read(request, action, purpose="stream", tags=tags)
            except (HTTPException, UnavailableError):
                return
            ask_at = loop.time() + REASK_S
        yield message


def _told(reply: Reply) -> Response:
    """The engine's reply as an HTTP answer: what is no 200 is a problem document."""
    body = dict(reply.body)
    if reply.code == 200:
        return JSONResponse(body)
    return problems.problem(reply.code, _text(body.pop("why", "")), more=body)


def _peer(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _text(why: object) -> str:
    return "; ".join(str(w) for w in why) if isinstance(why, list | tuple) else str(why or "")
