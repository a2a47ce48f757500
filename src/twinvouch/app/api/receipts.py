"""`GET /receipts/{id}`: the receipt of a command or reading, as far as gate 3 lets its asker see.

The entries and what was decided need `readLedger` and, of a command, `readCommands`; the contents of batches need
`readTags` for every tag in them, and stay closed without it.
"""

import asyncio
import time
from contextlib import closing
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response

from twinvouch.app.api.description import Purpose
from twinvouch.app.api.desk import Desk
from twinvouch.app.receipts import Entry, Sources, groups_of, head, of_command, of_reading, write
from twinvouch.core.errors import UsageError
from twinvouch.engine.memory import Memory
from twinvouch.ledger.receipt import About

KIND = "application/cbor"
Readings = Annotated[int, Query(ge=0, le=1, description="0: the contents of batches stay closed")]


def router(desk: Desk) -> APIRouter:
    """The route of one core."""
    made = APIRouter(tags=["out"])
    turn = asyncio.Lock()  # one at a time: making one reads files

    @made.get("/receipts/{ident:path}")
    async def receipt(
        request: Request,
        ident: str,
        readings: Readings = 1,
        purpose: Purpose = "",
    ) -> Response:
        """The receipt of a command (its id) or a reading (`TAG@ENTRY`): CBOR that verifies offline."""
        ident = ident[:200]
        found, said = await desk.read(
            request,
            "readLedger",
            ident,
            purpose=purpose,
            after=lambda m: [_span(m, ident), _said(m)],
        )
        is_reading = "@" in ident
        if not is_reading:
            await desk.read(request, "readCommands", ident, purpose=purpose)
            if found is None:
                raise HTTPException(404, f"no command `{ident}` is remembered: see --offline")
        about = About(desk.plant.id, time.time_ns(), "reading" if is_reading else "command", ident)
        async with turn:
            with closing(_sources(desk)) as sources:
                entries = await _found(sources, ident, found)
                shows = bool(readings) and await _may_read(desk, request, entries, purpose)
                raw = await asyncio.to_thread(write, sources, about, entries, said, readings=shows)
        return Response(raw, media_type=KIND)

    return made


def _span(m: Memory, ident: str) -> tuple[int, int] | None:
    """Where the entries of a command lie; None where it is not remembered."""
    record = m.records.get(ident)
    if record is None:
        return None
    return record.entry, (record.outcome_entry + 1 if record.outcome_entry >= 0 else m.size)


def _said(m: Memory) -> list[int]:
    """Where the root's statements about keys are."""
    return [] if m.ring is None else sorted(e for _, e in m.ring.serials.values() if e >= 0)


def _sources(desk: Desk) -> Sources:
    sources = desk.core.sources
    if sources is None:
        raise HTTPException(404, "this core makes no receipts")
    return sources


async def _found(sources: Sources, ident: str, span: tuple[int, int] | None) -> list[Entry]:
    """The entries of the story; 404 where there is none."""

    def find() -> list[Entry]:
        ledger = head(sources)
        return of_reading(ledger, ident) if span is None else of_command(ledger, ident, *span)

    try:
        return await asyncio.to_thread(find)
    except UsageError as error:
        raise HTTPException(404, str(error)) from None


async def _may_read(desk: Desk, request: Request, entries: list[Entry], purpose: str) -> bool:
    """Whether the asker may see every tag of the batches."""
    named = groups_of(entries)
    if not named or not named <= desk.plant.groups.keys():
        return False  # of a group that is gone nobody knows how confidential it was
    tags = [tag for name in sorted(named) for tag in desk.plant.groups[name].ids]
    try:
        await desk.read(request, "readTags", purpose=purpose, tags=tags)
    except HTTPException:
        return False
    return True
