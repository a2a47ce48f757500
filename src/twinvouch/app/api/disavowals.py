"""Routes of disavowals: what was said to have been bad when, how that stands, and everything that it touches.

Gate 3 is asked first, as for every read of the lineage. The list comes from what was kept when it was worked out; what
each entry is, from the ledger.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Annotated, Any, Final

import numpy as np
from fastapi import APIRouter, HTTPException, Query, Request

from twinvouch.app.api.description import Purpose
from twinvouch.app.api.desk import Desk
from twinvouch.app.api.lineage import Turns
from twinvouch.app.lineage import PATIENCE_S, LineageReader
from twinvouch.core.disavowal import Stage
from twinvouch.core.errors import UnavailableError
from twinvouch.core.event import Plain
from twinvouch.engine.disavowals import Disavowed, Traced
from twinvouch.engine.memory import Memory
from twinvouch.ledger.lineage import Index
from twinvouch.ledger.told import told
from twinvouch.wire.cbor import decode

MOST: Final = 1000  # entries of one page
SALT: Final = 16
_AGAIN_S: Final = 0.05
Ident = Annotated[str, Query(max_length=200)]


def view(memory: Memory, d: Disavowed) -> dict[str, Plain]:
    """One disavowal, with what a second person must see."""
    waits = d.stage_ns + memory.site.distrust.waiting_ns
    return {
        "id": d.id,
        "stage": d.stage.value,
        "subject": {"kind": d.kind, "name": d.name},
        "since_ns": d.said.since_ns,
        "until_ns": d.said.until_ns,
        "reason": d.said.reason,
        "principal": d.said.principal,
        "second": d.second,
        "withdrawing": d.withdrawing,
        "preview": d.said.shown.hex(),
        "entry": d.entry,
        "stage_entry": d.stage_entry,
        "stage_ns": d.stage_ns,
        "expires_ns": waits if d.is_open else None,
        "marked": list(d.marked),
        **_traced(d.traced),
    }


def _traced(traced: Traced | None) -> dict[str, Plain]:
    """What it touches, as far as that is worked out."""
    if traced is None:
        return {"touched": None}
    return {
        "begins_at": traced.first,
        "touched": traced.touched,
        "sources": traced.sources,
        "counts": dict(traced.counts),
        "highest_class": traced.highest or None,
        "models": [{"name": name, "entry": entry} for name, entry in traced.models],
        "readers": [
            {"principal": who, "times": times, "last_ns": last}
            for who, times, last in traced.readers
        ],
        "digest": traced.digest.hex(),
        "listed": traced.listed.hex(),
    }


def listed(memory: Memory, stage: str) -> list[Plain]:
    """The newest first."""
    chosen = [d for d in memory.disavowals.values() if not stage or d.stage.value == stage]
    return [view(memory, d) for d in reversed(chosen)]


def routes(desk: Desk) -> APIRouter:
    """GET /disavowals and GET /disavowals/{id}."""
    router, turns = APIRouter(tags=["out"]), Turns(desk)

    @router.get("/disavowals")
    async def disavowals(
        request: Request, stage: Stage | None = None, purpose: Purpose = ""
    ) -> Any:
        """What persons said was bad for a past time, newest first, and how each stands."""
        wanted = "" if stage is None else stage.value
        return await desk.read(
            request,
            "readLineage",
            "*",
            purpose=purpose,
            after=lambda m: listed(m, wanted),
        )

    _one(desk, router, turns)
    return router


def _one(desk: Desk, router: APIRouter, turns: Turns) -> None:
    @router.get("/disavowals/{ident}")
    async def disavowal(
        request: Request,
        ident: str,
        after: Annotated[int, Query(ge=-1, le=2**63 - 1)] = -1,
        limit: Annotated[int, Query(ge=0, le=MOST)] = 100,
        principal: Ident = "",
        purpose: Purpose = "",
    ) -> Any:
        """One disavowal, and page by page the entries that it touches, oldest first; of one `principal` on demand."""
        found: Any = await desk.read(
            request,
            "readLineage",
            ident[:200],
            purpose=purpose,
            after=lambda m: view(m, m.disavowals[ident]) if ident in m.disavowals else None,
        )
        if found is None:
            raise HTTPException(404, f"no disavowal `{ident[:200]}`")
        if found["touched"] is None:
            return {**found, "entries": [], "next": None, "left_off": 0}
        indices = await asyncio.to_thread(_indices, desk, bytes.fromhex(found["listed"]))
        left_off = found["touched"] - len(indices)
        page = await turns.take(lambda reader: _page(reader, indices, principal, (after, limit)))
        return {**found, **page, "left_off": left_off}


def _indices(desk: Desk, digest: bytes) -> Index:
    """The list as it was kept; the state follows the log by a moment, which is waited for."""
    sources = desk.core.sources
    if sources is None:
        raise UnavailableError("this core keeps no ledger that can be read")
    give_up = time.monotonic() + PATIENCE_S
    try:
        while (stored := sources.blob(digest)) is None and time.monotonic() < give_up:
            time.sleep(_AGAIN_S)
    finally:
        sources.close()
    if stored is None:
        raise UnavailableError("the list is being written: ask again")
    raw: Any = decode(stored[SALT:])
    return np.frombuffer(raw, "<u8").astype(np.int64)


def _page(
    reader: LineageReader, indices: Index, principal: str, place: tuple[int, int]
) -> Mapping[str, Any]:
    """Entries behind `after`, at most `limit`; only what `principal` signed or was answered, where one is named."""
    after, limit = place
    chosen = indices[indices > after]
    if principal:
        of = reader.up_to_date()
        known = chosen[(chosen >= of.first) & (chosen < of.end)]
        chosen = known[of.who[known - of.first] == of.people.get(principal, -1)]
    page = chosen[:limit].tolist()
    rows = [
        {"entry": index, **told(raw)} for index, raw in zip(page, reader.entries(page), strict=True)
    ]
    more = page[-1] if page and len(chosen) > limit else None
    return {"entries": rows, "next": more}
