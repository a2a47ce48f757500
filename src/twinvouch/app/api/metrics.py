"""GET /metrics: counts for anybody on this machine, names for whom gate 3 lets in.

A reader with a token sees the assets whose tags he may read, and no others.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from fastapi import APIRouter, Request
from fastapi.responses import Response

from twinvouch.app.core_metrics import CONTENT_TYPE, Asset, CoreMetrics, assets
from twinvouch.app.inbox import After
from twinvouch.core.inventory import Principal
from twinvouch.core.site import Site
from twinvouch.queries.gate import visible


class Reads(Protocol):
    """Asks gate 3 and gives what the view shows."""

    def __call__(
        self, request: Request, action: str, *, purpose: str, after: After
    ) -> Awaitable[list[Asset]]:
        """Raises what the API answers where gate 3 says no."""
        ...


def router(
    metrics: CoreMetrics, site: Site, read: Reads, principal_of: Callable[[Request], Principal]
) -> APIRouter:
    """The one route; `principal_of` counts a token that nobody has."""
    made = APIRouter(tags=["health"])

    @made.get("/metrics")
    async def scrape(request: Request) -> Response:
        """Counters for Prometheus; per edge and asset only with a token that may `readMetrics`."""
        named: list[Asset] | None = None
        if request.headers.get("authorization"):
            tags = visible(principal_of(request).id, site)
            named = await read(
                request, "readMetrics", purpose="metrics", after=lambda m: assets(m, tags)
            )
        text = await asyncio.to_thread(metrics.text, named)
        return Response(text, media_type=CONTENT_TYPE)

    return made
