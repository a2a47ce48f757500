"""Who is asking: host allow-list, Origin check, size limit, and the bearer token's principal.

Tokens travel in the Authorization header only, so that a web page of another origin has nothing to ride on;
the Host check stops DNS rebinding. A token is looked up by its SHA-256.
"""

from collections.abc import Awaitable, Callable, Collection
from hashlib import sha256
from urllib.parse import urlsplit

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import Response

from twinvouch.app.api.door import LATE, MAX_BODY, TOO_SLOW
from twinvouch.app.api.problems import StrangerError, problem
from twinvouch.core.inventory import Plant, Principal


def install(app: FastAPI, allowed_hosts: Collection[str]) -> None:
    """Refuse foreign hosts and origins before any route is reached."""

    @app.middleware("http")
    async def check(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        host = host_of(request.headers.get("host", ""))
        if host not in allowed_hosts:
            return problem(421, f"host `{host[:100]}` is not in api.allowed_hosts")
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).hostname not in allowed_hosts:
            return problem(403, "requests from pages of other origins are refused")
        response = await call_next(request)
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
        return response


def host_of(header: str) -> str:
    """The host name of a Host header, without port; brackets of IPv6 removed."""
    return (urlsplit(f"//{header}").hostname or "") if header.isprintable() else ""


def principal_of(request: Request, plant: Plant) -> Principal | None:
    """The principal whose token came with the request; None without a token, StrangerError with a wrong one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if not scheme:
        return None
    principal = (
        plant.by_token.get(sha256(token.strip().encode()).digest())
        if scheme.lower() == "bearer"
        else None
    )
    if principal is None:
        raise StrangerError("unknown_token", "the token is not known here")
    return principal


async def body_of(request: Request) -> bytes:
    """The body, refused as soon as it is larger than allowed."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY:
            raise HTTPException(413, f"a body has at most {MAX_BODY} bytes")
        parts.append(part)
    if request.scope.get("state", {}).get(LATE):
        raise HTTPException(408, TOO_SLOW, {"Connection": "close"})
    return b"".join(parts)
