"""Errors of the API as problem details (RFC 9457), for every error there is."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from twinvouch.app.disk_watch import RETRY_S
from twinvouch.core.errors import FullError, TwinvouchError, UnavailableError


class StrangerError(TwinvouchError):
    """No enrolled key has signed this; `rule` says what is wrong with it."""

    def __init__(self, rule: str, why: str) -> None:
        super().__init__(why)
        self.rule = rule


def problem(
    code: int,
    detail: str,
    headers: dict[str, str] | None = None,
    more: Mapping[str, object] | None = None,
) -> JSONResponse:
    """A problem document; `more` are extension members.

    A gate's own `status` (refused, denied) takes the place of the number, which the status line says
    anyway: edges and actuators read the word.
    """
    body = {
        "type": "about:blank",
        "title": HTTPStatus(code).phrase,
        "status": code,
        "detail": detail,
        **(more or {}),
    }
    return JSONResponse(body, code, headers, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Answer every kind of error with a problem document."""

    @app.exception_handler(HTTPException)
    async def on_http(_: Request, error: HTTPException) -> Response:
        return problem(error.status_code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def on_validation(_: Request, error: RequestValidationError) -> Response:
        where = [
            {"at": ".".join(str(p) for p in e["loc"]), "expected": e["msg"]} for e in error.errors()
        ]
        return problem(422, "the request does not fit the API", more={"errors": where})

    @app.exception_handler(StrangerError)
    async def on_stranger(_: Request, error: StrangerError) -> Response:
        more = {"status": "refused", "rule": error.rule, "entry": None}
        headers = {"WWW-Authenticate": "Bearer"} if error.rule.endswith("_token") else None
        return problem(401, str(error), headers, more)

    @app.exception_handler(FullError)
    async def on_full(_: Request, error: FullError) -> Response:
        return problem(507, str(error), {"Retry-After": str(RETRY_S)})

    @app.exception_handler(UnavailableError)
    async def on_unavailable(_: Request, error: UnavailableError) -> Response:
        return problem(429, str(error), {"Retry-After": "1"})

    @app.exception_handler(TwinvouchError)
    async def on_ours(_: Request, error: TwinvouchError) -> Response:
        return problem(422, str(error))
