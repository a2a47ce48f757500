"""The route by which services read the value for control: the reading while it counts, its estimate while it does not."""

from typing import Any

from fastapi import APIRouter, HTTPException, Request

from twinvouch.app.api import virtual_view
from twinvouch.app.api.description import Purpose
from twinvouch.app.api.desk import Desk


def router(desk: Desk) -> APIRouter:
    """GET /virtual/{tag}."""
    routes = APIRouter(tags=["out"])

    @routes.get("/virtual/{tag:path}")
    async def virtual(request: Request, tag: str, purpose: Purpose = "") -> Any:
        """The value for control of a tag that has a virtual sensor, and the entry that a command from it declares."""
        shown = await desk.read(
            request,
            "readVirtual",
            tag[:200],
            purpose=purpose,
            after=lambda m: virtual_view.for_control(m, tag),
        )
        if shown is None:
            raise HTTPException(404, f"`{tag[:200]}` has no virtual sensor")
        return shown

    return routes
