"""Routes of lineage: what an entry rests on, what rests on it, and what a source that was bad has touched.

Gate 3 is asked first, as for every read; the lineage itself is read and evaluated off the engine's thread.
"""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, HTTPException, Query, Request

from twinvouch.app.api.description import Purpose
from twinvouch.app.api.desk import Desk
from twinvouch.app.lineage import LineageReader
from twinvouch.app.lineage_view import layouts, picture
from twinvouch.app.touched import Asked, open_now, subject_of, touched
from twinvouch.core.errors import UnavailableError
from twinvouch.core.subject import Subject
from twinvouch.engine.memory import Memory

T = TypeVar("T")
Steps = Annotated[int, Query(ge=0, le=1000, description="at most so many steps; 0: all")]
Moment = Annotated[int, Query(ge=0, le=2**63 - 1, description="ns since 1970")]
NEVER = 2**63 - 1


class Turns:
    """One question at a time works on the lineage; the others wait without holding a thread."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._turn = desk, asyncio.Lock()

    async def take(self, work: Callable[[LineageReader], T]) -> T:
        """What `work` makes of the lineage, on a thread of its own."""
        reader = self._desk.core.lineage
        if reader is None:
            raise UnavailableError("this core keeps no ledger that can be read")

        def locked() -> T:
            with reader.lock:
                return work(reader)

        async with self._turn:
            return await asyncio.to_thread(locked)


def routes(desk: Desk) -> APIRouter:
    """GET /lineage/{ident} and GET /affected/{subject}."""
    router, turns = APIRouter(tags=["out"]), Turns(desk)

    @router.get("/lineage/{ident:path}")
    async def lineage(
        request: Request,
        ident: str,
        direction: Literal["up", "down"] = "up",
        depth: Steps = 0,
        purpose: Purpose = "",
    ) -> Any:
        """What a ledger entry, a command or the newest batch of a tag rests on, or what rests on it."""
        start = await desk.read(
            request,
            "readLineage",
            ident[:200],
            purpose=purpose,
            after=lambda m: _known(m, ident),
        )
        how = {"up": int(direction == "up"), "depth": depth}
        return await turns.take(lambda reader: _traced(desk, reader, ident, start, how))

    _affected(desk, router, turns)
    return router


def _affected(desk: Desk, router: APIRouter, turns: Turns) -> None:
    @router.get("/affected/{subject:path}")
    async def affected(
        request: Request,
        subject: str,
        since: Moment = 0,
        until: Moment = NEVER,
        purpose: Purpose = "",
    ) -> Any:
        """What a tag, edge, principal, key or model that was bad from `since` to `until` has touched: a preview."""
        told: Any = await desk.read(
            request,
            "readLineage",
            subject[:200],
            purpose=purpose,
            after=lambda m: [subject_of(m, subject), open_now(m)],
        )
        known_now, pending = told

        def work(reader: LineageReader) -> Any:
            of = reader.up_to_date()
            known = Subject(*known_now) if known_now is not None else None
            if known is None and reader.models(subject):
                known = Subject("model", subject)
            if known is None:
                raise HTTPException(
                    404, f"`{subject[:200]}` is no tag, principal, key or model of this plant"
                )
            return touched(of, reader, desk.plant, Asked(known, since, until), pending)

        return await turns.take(work)


def _known(m: Memory, ident: str) -> int | None:
    """The entry of a tag's newest batch or of a command that the engine remembers."""
    if ident in m.site.plant.tags:
        entry = m.frame.entry(ident)
        return entry if entry >= 0 else None
    record = m.records.get(ident)
    return None if record is None else record.entry


def _traced(
    desk: Desk, reader: LineageReader, ident: str, start: int | None, how: dict[str, int]
) -> Any:
    of = reader.up_to_date()
    if start is None:
        is_index = ident.isascii() and ident.isdigit() and len(ident) < 19
        start = int(ident) if is_index else reader.command(ident)
    if start is None or not of.first <= start < of.end:
        raise HTTPException(
            404,
            f"`{ident[:200]}` is no ledger index from {of.first} to {of.end - 1}, no command and no tag that was read",
        )
    return picture(of, start, reader.entries, layouts(desk.plant), **how)
