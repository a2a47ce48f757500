"""Routes of what was decided: commands with everything an approver must see, and admitted models."""

from typing import Any

from fastapi import APIRouter, HTTPException, Request

from twinvouch.app.api import explained, views
from twinvouch.app.api.description import Purpose
from twinvouch.app.api.desk import Desk


def router(desk: Desk) -> APIRouter:
    """GET /commands, /commands/{ident}, its explanation, and /models."""
    routes = APIRouter(tags=["out"])

    @routes.get("/commands")
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

    _explain(desk, routes)

    @routes.get("/commands/{ident}")
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

    @routes.get("/models")
    async def models(request: Request, purpose: Purpose = "") -> Any:
        """Admitted models."""
        return await desk.read(
            request, "readModels", purpose=purpose, after=lambda m: list(m.models.values())
        )

    return routes


def _explain(desk: Desk, routes: APIRouter) -> None:
    @routes.get("/commands/{ident}/explain")
    async def explain(request: Request, ident: str, purpose: Purpose = "") -> Any:
        """Why a command is as it is: rule by rule, what it rests on, where a short label comes from, what was foreseen."""
        told = await desk.read(
            request,
            "readCommands",
            ident[:64],
            purpose=purpose,
            after=lambda m: explained.record(m, ident),
        )
        if told is None:
            raise HTTPException(404, f"no command `{ident[:64]}`")
        return told
