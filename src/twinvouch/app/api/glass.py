"""The view and route of break-glass: what is asked for, and what is open."""

from typing import Any

from fastapi import APIRouter, Request

from twinvouch.app.api.description import Purpose
from twinvouch.app.api.desk import Desk
from twinvouch.core.event import Plain
from twinvouch.engine.glass import shown
from twinvouch.engine.memory import Memory


def glasses(memory: Memory) -> list[Plain]:
    """Of every subject whose commands, since whose word, until when; `shown` is what a person who agrees signs."""
    return [
        {
            "subject": g.subject,
            "person": g.person,
            "reason": g.reason,
            "is_open": g.is_open(memory.now_ns),
            "second": g.second or None,
            "until_ns": g.until_ns or g.asked_until_ns,
            "uses": g.uses,
            "entry": g.entry if g.entry >= 0 else None,
            "asked_entry": g.asked_entry,
            "shown": shown(g).hex(),
        }
        for g in sorted(memory.glasses.values(), key=lambda g: g.subject)
    ]


def router(desk: Desk) -> APIRouter:
    """GET /break-glass."""
    routes = APIRouter(tags=["out"])

    @routes.get("/break-glass")
    async def break_glass(request: Request, purpose: Purpose = "") -> Any:
        """Break-glass that is asked for or open, and what a person who agrees signs."""
        return await desk.read(request, "readStatus", purpose=purpose, after=glasses)

    return routes
