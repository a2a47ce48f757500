"""Routes of what persons distrust now, and of what is known of it: what a restore is signed over."""

from typing import Any

from fastapi import APIRouter, HTTPException, Request

from twinvouch.app.api.description import Purpose
from twinvouch.app.api.desk import Desk
from twinvouch.core.event import Plain
from twinvouch.engine import restoring
from twinvouch.engine.memory import Memory
from twinvouch.engine.watch import UNKNOWN


def router(desk: Desk) -> APIRouter:
    """GET /distrusted and /distrusted/{subject}."""
    routes = APIRouter(tags=["out"])

    @routes.get("/distrusted")
    async def distrusted(request: Request, purpose: Purpose = "") -> Any:
        """What persons distrust now: tags, edges, models, keys; since when, until when."""
        return await desk.read(request, "readStatus", purpose=purpose, after=_all)

    @routes.get("/distrusted/{subject:path}")
    async def one(request: Request, subject: str, purpose: Purpose = "") -> Any:
        """What is known of one of them: findings since, labels as they would count, what independent tags say."""
        shown = await desk.read(
            request,
            "readFindings",
            subject[:200],
            purpose=purpose,
            after=lambda m: restoring.known(m, subject) if subject in m.distrusted else None,
        )
        if shown is None:
            raise HTTPException(404, f"`{subject[:200]}` is not distrusted")
        return shown

    return routes


def _all(m: Memory) -> list[Plain]:
    watched = (
        (subject, until, m.watched.get(subject, UNKNOWN)) for subject, until in m.distrusted.items()
    )
    return [
        {
            "subject": subject,
            "kind": restoring.kind_of(m, subject),
            "since_ns": watch.since_ns,
            "until_ns": until,
            "entry": watch.entry,
            "restorable": watch.is_offered,
        }
        for subject, until, watch in watched
    ]
