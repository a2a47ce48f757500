"""Routes of advice: given sealed or with a token, read with its standing; never a way to write to the plant."""

import secrets
import time
from typing import Any

import msgspec
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from twinvouch.app.api import guard, views
from twinvouch.app.api.description import Purpose
from twinvouch.app.api.desk import Desk, peer
from twinvouch.app.api.proposal import DeclaredInput
from twinvouch.app.core import salt
from twinvouch.core.advice import Advice
from twinvouch.core.command import Input
from twinvouch.core.event import AdviceGiven, Priority
from twinvouch.core.kind import Purpose as Signed
from twinvouch.wire.advice import write_advice


class Recommendation(msgspec.Struct, forbid_unknown_fields=True):
    """The JSON body of POST /api/v1/advice."""

    subject: str
    says: str
    until_ns: int
    value: float | None = None
    unit: str = ""
    inputs: list[DeclaredInput] = []


def content_of(asked: Recommendation, plant: str, principal: str) -> bytes:
    """Canonical content of advice, made now by `principal`; raises UsageError where it does not fit."""
    inputs = tuple(Input(i.tag, i.entry) for i in asked.inputs)
    ident, made_ns = secrets.token_hex(16), time.time_ns()
    value, until_ns = asked.value, asked.until_ns
    said = Advice(
        ident, principal, asked.subject, asked.says, value, asked.unit, made_ns, until_ns, inputs
    )
    return write_advice(said, plant)


def routes(desk: Desk) -> APIRouter:
    """POST /advice, GET /advice and GET /advice/{ident}."""
    router = APIRouter()

    @router.post("/advice", tags=["in"])
    async def advise(request: Request) -> Response:
        """Sealed advice (`application/cose`), or JSON with a bearer token (gate 4)."""
        if request.headers.get("content-type", "").startswith("application/cose"):
            raw, _ = await desk.sealed(request, Signed.ADVICE)
            return await desk.answer(Priority.QUERY, AdviceGiven(salt(), peer(request), raw, ""))
        principal = desk.principal_of(request)
        raw = await guard.body_of(request)
        try:
            asked = msgspec.json.decode(raw, type=Recommendation)
        except msgspec.DecodeError as error:
            raise HTTPException(422, f"no advice: {error}") from None
        content = content_of(asked, desk.plant.id, principal.id)
        event = AdviceGiven(salt(), peer(request), content, principal.id)
        return await desk.answer(Priority.QUERY, event)

    _read(desk, router)
    return router


def _read(desk: Desk, router: APIRouter) -> None:
    @router.get("/advice", tags=["out"])
    async def pieces(
        request: Request, standing: str = "", limit: int = 100, purpose: Purpose = ""
    ) -> Any:
        """Advice, newest first, each judged again at this moment."""
        bounded = max(1, min(limit, 1000))
        return await desk.read(
            request,
            "readAdvice",
            purpose=purpose,
            after=lambda m: views.pieces(m, standing, bounded),
        )

    @router.get("/advice/{ident}", tags=["out"])
    async def piece(request: Request, ident: str, purpose: Purpose = "") -> Any:
        """One piece of advice with its label and why it stands as it does."""
        shown = await desk.read(
            request,
            "readAdvice",
            ident[:64],
            purpose=purpose,
            after=lambda m: views.advice(m.advice[ident]) if ident in m.advice else None,
        )
        if shown is None:
            raise HTTPException(404, f"no advice `{ident[:64]}`")
        return shown
