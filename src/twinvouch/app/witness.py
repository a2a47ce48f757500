"""`twinvouch witness serve`: the C2SP tlog-witness protocol over HTTP, and what a witness notes of contradictions.

Who asks needs no credentials: what counts is the log's signature under the checkpoint, and a cosignature is for
everybody. Limits: a small body, one request judged at a time, at most EVIDENCE_MAX files of evidence.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from starlette.requests import ClientDisconnect

from twinvouch import __version__
from twinvouch.adapters.witness_store import Cosigned, WitnessStore
from twinvouch.core.errors import MalformedError, TwinvouchError, UsageError
from twinvouch.ledger import checkpoint, evidence, witness
from twinvouch.ledger.checkpoint import VerifierKey
from twinvouch.ledger.evidence import Evidence
from twinvouch.ledger.witness import Judged

BODY_MAX = 1 << 17  # 63 proof lines, and a note with some post-quantum signatures
READ_S = 10.0
CONCURRENT = 64
EVIDENCE_MAX = 100
SIZE_TYPE = "text/x.tlog.size"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

_log = logging.getLogger("twinvouch.witness")
Logs = Mapping[str, Sequence[VerifierKey]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a witness listens; beyond loopback only with the files of a certificate."""

    host: str = "127.0.0.1"
    port: int = 8720
    cert: Path | None = None
    key: Path | None = None


def logs_of(texts: Sequence[str]) -> Logs:
    """The trusted keys by origin, from key lines or files that hold them; UsageError where one is neither."""
    found: dict[str, list[VerifierKey]] = {}
    for text in texts:
        key = log_key(text)
        found.setdefault(key.name, []).append(key)
    return found


def log_key(text: str) -> VerifierKey:
    """A log's verifier key: its line, or a file that holds it."""
    try:
        path = Path(text)
        line = path.read_text("utf-8") if "+" not in text and path.is_file() else text
        return checkpoint.read_key(line)
    except (MalformedError, UsageError, OSError, UnicodeDecodeError) as error:
        raise UsageError(f"log key `{text[:80]}`: {error}") from None


def create_app(store: WitnessStore, logs: Logs, directory: Path) -> FastAPI:
    """The two calls of the protocol, and /livez; evidence goes to files in `directory`."""
    app = FastAPI(
        title="twinvouch witness",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    turn = asyncio.Lock()

    @app.post("/add-checkpoint")
    async def add(request: Request) -> Response:
        raw = await _body(request)
        if raw is None:
            return PlainTextResponse(f"a body has at most {BODY_MAX} bytes, in time\n", 413)
        async with turn:
            return await asyncio.to_thread(_answer, store, logs, directory, raw)

    @app.get("/{origin_hash}/checkpoint")
    async def last(origin_hash: str) -> Response:
        origins = {sha256(origin.encode()).hexdigest(): origin for origin in logs}
        async with turn:
            origin = origins.get(origin_hash, "")
            found = await asyncio.to_thread(_last, store, origin) if origin else None
        if found is None:
            return PlainTextResponse("nothing was cosigned of such a log\n", 404)
        return found if isinstance(found, Response) else PlainTextResponse(found.note)

    @app.get("/livez")
    async def livez() -> dict[str, str]:
        return {"status": "alive", "witness": store.key.text()}

    return app


def serve(store: WitnessStore, logs: Logs, directory: Path, place: Place) -> None:
    """Serve until SIGTERM; UsageError for a bind beyond loopback without a certificate."""
    if place.host not in LOOPBACK and place.cert is None:
        raise UsageError(
            f"--host {place.host}: beyond loopback a witness needs --cert and --cert-key: whoever asks must know whom it asks"
        )
    _log.info("witness key: %s", store.key.text())
    for origin in sorted(logs):
        seen = store.last(origin)
        _log.info("log %s: %s entries cosigned", origin, seen.head.size if seen else "no")
    uvicorn.run(
        create_app(store, logs, directory),
        host=place.host,
        port=place.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        limit_concurrency=CONCURRENT,
        ssl_certfile=None if place.cert is None else str(place.cert),
        ssl_keyfile=None if place.key is None else str(place.key),
    )


def show(first: Cosigned, judged: Judged, proof: Sequence[bytes], directory: Path) -> Path | None:
    """Write two heads that contradict each other to a file of its own; None where there are too many of them."""
    found = Evidence(first.note, judged.note, judged.shown, tuple(proof))
    text = evidence.write(found, judged.why)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / f"evidence-{sha256(judged.note).hexdigest()[:16]}.json"
    if not path.exists() and len(list(directory.glob("evidence-*.json"))) >= EVIDENCE_MAX:
        return None
    path.write_text(text, "utf-8")
    return path


async def _body(request: Request) -> bytes | None:
    """The body; None where it is too large or too slow, or who asked is gone."""
    parts: list[bytes] = []
    try:
        async with asyncio.timeout(READ_S):
            async for part in request.stream():
                parts.append(part)
                if sum(map(len, parts)) > BODY_MAX:
                    return None
    except (TimeoutError, ClientDisconnect):
        return None
    return b"".join(parts)


def _last(store: WitnessStore, origin: str) -> Cosigned | Response | None:
    try:
        return store.last(origin)
    except TwinvouchError as error:
        return _down(error)


def _answer(store: WitnessStore, logs: Logs, directory: Path, raw: bytes) -> Response:
    try:
        asked = witness.read_request(raw)
    except MalformedError as error:
        return PlainTextResponse(f"{error}\n", witness.BAD)
    try:
        judged, kept = store.add(asked, logs)
    except TwinvouchError as error:
        return _down(error)
    if judged.shown and kept is not None:
        proof = () if kept.head.size == (judged.head or kept.head).size else asked.proof
        path = show(kept, judged, proof, directory)
        _log.error("TWO HISTORIES: %s; evidence: %s", judged.why, path)
    elif judged.code not in {witness.OK, witness.CONFLICT}:
        _log.debug("not cosigned (%d): %s", judged.code, judged.why)  # anybody can ask
    if judged.code == witness.OK and kept is not None:
        return PlainTextResponse(kept.line)
    if judged.code == witness.CONFLICT:
        size = kept.head.size if kept is not None else 0
        return Response(f"{size}\n", witness.CONFLICT, {"Content-Type": SIZE_TYPE})
    return PlainTextResponse(f"{judged.why}\n", judged.code)


def _down(error: TwinvouchError) -> Response:
    _log.error("%s", error)
    return PlainTextResponse("the witness cannot keep what it would cosign\n", 503)
