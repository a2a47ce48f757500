"""What every route needs: the core, the door, and the answers of the engine as answers of HTTP."""

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi import HTTPException, Request
from fastapi.responses import JSONResponse, Response

from twinvouch.app.api import guard, problems
from twinvouch.app.api.door import Door, peer_of
from twinvouch.app.api.hub import Hub
from twinvouch.app.api.problems import StrangerError
from twinvouch.app.api.submission import Files, files_of
from twinvouch.app.core import Core, salt
from twinvouch.app.inbox import After
from twinvouch.core.errors import MalformedError
from twinvouch.core.event import Event, Priority, QueryAsked, Reply
from twinvouch.core.inventory import Plant, Principal
from twinvouch.core.kind import Purpose
from twinvouch.wire.config import is_config


class Desk:
    """What every route needs: the core, its inventory and the way out of effects."""

    def __init__(self, core: Core, hub: Hub, door: Door) -> None:
        self.core = core
        self.hub = hub
        self.door = door
        self.plant: Plant = core.engine.memory.site.plant

    async def ask(self, priority: Priority, event: Event, after: After | None = None) -> Reply:
        """Submit an event and wait until it is durable."""
        return await asyncio.wrap_future(self.core.submit(priority, event, after))

    async def answer(self, priority: Priority, event: Event) -> Response:
        """The engine's reply as an HTTP answer."""
        return told(await self.ask(priority, event))

    async def sealed(self, request: Request, purpose: str) -> tuple[bytes, bytes]:
        """The body, which an enrolled key has signed, and that key; StrangerError for anything else."""
        raw = await guard.body_of(request)
        return raw, await self.door.known(raw, purpose, request.scope)

    async def stated(self, request: Request) -> bytes:
        """The body of a person's statement, or of a signature under the configuration; as `sealed`."""
        raw = await guard.body_of(request)
        purpose = Purpose.CONFIG if is_config(raw) else Purpose.STATEMENT
        await self.door.known(raw, purpose, request.scope)
        return raw

    async def submitted(self, request: Request) -> tuple[bytes, Files]:
        """The sealed manifest of a model and its files; StrangerError unless an enrolled key signed the manifest."""
        body = await guard.body_of(request)
        try:
            raw, files = files_of(body)
        except MalformedError as error:
            raise self.door.stranger("malformed", str(error), request.scope) from None
        await self.door.known(raw, Purpose.MODEL, request.scope)
        return raw, files

    def principal_of(self, request: Request) -> Principal:
        """The principal whose token came with the request; StrangerError, counted, where none did."""
        try:
            principal = guard.principal_of(request, self.plant)
        except StrangerError as error:
            self.door.refused(error.rule, peer(request))
            raise
        if principal is None:
            self.door.refused("no_token", peer(request))
            raise StrangerError("no_token", "denied: this needs a bearer token")
        return principal

    async def read(self, request: Request, action: str, resource: str = "*", **more: Any) -> Any:
        """Ask gate 3 and give what the view shows; StrangerError without a token, 403 where gate 3 says no."""
        tags: Sequence[str] = more.get("tags", ())
        after: After | None = more.get("after")
        principal = self.principal_of(request)
        query = QueryAsked(
            salt(),
            principal.id,
            action,
            resource,
            more.get("purpose", ""),
            tuple(tags),
            more.get("link", ""),
        )
        reply = await self.ask(Priority.QUERY, query, after)
        if reply.code != 200:
            raise HTTPException(403, f"denied: {words(reply.body.get('why'))}")
        return reply.body.get("data")


def told(reply: Reply) -> Response:
    """The engine's reply as an HTTP answer: what is no 200 is a problem document."""
    body = dict(reply.body)
    if reply.code == 200:
        return JSONResponse(body)
    return problems.problem(reply.code, words(body.pop("why", "")), more=body)


def peer(request: Request) -> str:
    """The network address of the other end."""
    return peer_of(request.scope)


def words(why: object) -> str:
    """What the engine said, as one line."""
    return "; ".join(str(w) for w in why) if isinstance(why, list | tuple) else str(why or "")
