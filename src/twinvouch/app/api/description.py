"""The API's own description (OpenAPI 3.1): bodies, tokens and errors, which routes that take raw requests do not tell.

Served as /openapi.json, and kept as docs/reference/openapi.json, which a test compares.
"""

from typing import Annotated, Any

from fastapi import FastAPI, Query
from fastapi.openapi.utils import get_openapi

from twinvouch import __version__

PREFIX = "/api/v1"
Purpose = Annotated[str, Query(max_length=200, description="what the answer is for; it is logged")]
_SEALED = {"type": "string", "format": "binary"}
_INPUT = {
    "type": "object",
    "required": ["tag", "entry"],
    "properties": {"tag": {"type": "string"}, "entry": {"type": "integer", "minimum": 0}},
    "additionalProperties": False,
}
_PROPOSAL: dict[str, Any] = {
    "type": "object",
    "required": ["tag", "value", "unit"],
    "properties": {
        "tag": {"type": "string"},
        "value": {"type": "number"},
        "unit": {"type": "string"},
        "inputs": {"type": "array", "items": _INPUT, "default": []},
        "reason": {"type": "string", "maxLength": 1000, "default": ""},
    },
    "additionalProperties": False,
}
_SIMULATED = {
    **_PROPOSAL,
    "properties": {
        **_PROPOSAL["properties"],
        "signed": {
            "type": "boolean",
            "default": False,
            "description": "judge it as if its principal had signed it",
        },
    },
}
_ADVICE = {
    "type": "object",
    "required": ["subject", "says", "until_ns"],
    "properties": {
        "subject": {"type": "string", "description": "a tag or an asset"},
        "says": {"type": "string", "minLength": 1, "maxLength": 1000},
        "until_ns": {"type": "integer", "minimum": 0},
        "value": {"type": ["number", "null"], "default": None},
        "unit": {"type": "string", "default": ""},
        "inputs": {"type": "array", "items": _INPUT, "default": []},
    },
    "additionalProperties": False,
}
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"description": "the number, or a gate's own word, such as `refused`"},
        "detail": {"type": "string"},
        "rule": {"type": "string", "description": "the rule that objected"},
        "entry": {"type": ["integer", "null"], "description": "ledger index, null where counted"},
    },
}
BODIES: dict[str, dict[str, Any]] = {
    "/ingest": {"application/cose": _SEALED},
    "/commands": {"application/cose": _SEALED, "application/json": _PROPOSAL},
    "/commands/simulate": {"application/json": _SIMULATED},
    "/advice": {"application/cose": _SEALED, "application/json": _ADVICE},
    "/statements": {"application/cose": _SEALED},
    "/outcomes": {"application/cose": _SEALED},
    "/keys": {"application/cose": _SEALED},
    "/models": {"application/cbor": _SEALED},
}
STREAMS = ("/stream", "/permits/stream")


def install(app: FastAPI) -> None:
    """Let the app describe itself with what is written here."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # FastAPI says to do it so


def _described(app: FastAPI) -> dict[str, Any]:
    spec = get_openapi(title="twinvouch", version=__version__, routes=app.routes)
    spec["components"] = {
        "schemas": {"Problem": _PROBLEM},
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
    }
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            route = path.removeprefix(PREFIX)
            operation["responses"] = _answers(route) | {
                "default": {"description": "RFC 9457", "content": problem}
            }
            if method == "post":
                kinds = {k: {"schema": schema} for k, schema in BODIES[route].items()}
                operation["requestBody"] = {"required": True, "content": kinds}
            if path.startswith(PREFIX) and (method == "get" or "application/json" in BODIES[route]):
                is_free = "application/cose" in BODIES.get(route, {})  # a signature does as well
                operation["security"] = [{"token": []}, *([{}] if is_free else [])]
    return spec


def _answers(route: str) -> dict[str, Any]:
    kind = "text/event-stream" if route in STREAMS else "application/json"
    kind = "text/plain" if route == "/metrics" else kind
    return {"200": {"description": "done", "content": {kind: {"schema": {}}}}}
