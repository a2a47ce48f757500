"""The history of a tag over the API: gate 3 is asked first, then a process beside the core looks it up."""

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request

from twinvouch.app.api.desk import Desk
from twinvouch.app.api.doubted import shown, spans
from twinvouch.app.moments import moment_ns
from twinvouch.app.recall import EARLIEST, LATEST
from twinvouch.core.errors import UnavailableError, UsageError

MOST = 10_000  # readings of one answer
ANSWER_S = 60.0
LONGEST = 1 << 26  # bytes of an answer
_MOMENT = "ns since 1970, or ISO 8601"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for: a span page by page, the last readings up to its end, or the one as of a time."""

    from_: Annotated[str, Query(alias="from", max_length=40, description=_MOMENT)] = ""
    to: Annotated[str, Query(max_length=40, description=_MOMENT)] = ""
    at: Annotated[str, Query(max_length=40, description=_MOMENT)] = ""
    last: Annotated[int, Query(ge=0, le=MOST)] = 0
    after: Annotated[str, Query(max_length=80, description="`next` of the answer before")] = ""
    limit: Annotated[int, Query(ge=1, le=MOST)] = 1_000
    purpose: Annotated[str, Query(max_length=200, description="it is logged")] = ""

    def question(self, tag: str, form: str) -> dict[str, Any]:
        """For the process; UsageError where a time or a place is none, or what is asked contradicts itself."""
        is_last = self.at or self.last
        if (is_last and (self.from_ or self.after)) or (self.at and (self.last or self.to)):
            raise UsageError("expected `from` and `to` with `after`, or `last` with `to`, or `at`")
        end = self.at or self.to
        span = [
            moment_ns(self.from_) if self.from_ else EARLIEST,
            moment_ns(end) if end else LATEST,
        ]
        after = _place(self.after) if self.after else None
        last = 1 if self.at else self.last
        told = {"form": form, "tag": tag, "span": span, "last": last}
        return {**told, "after": after, "limit": self.limit}


class Looking:
    """The process that looks, started with the first question; one question at a time."""

    def __init__(self, config: Path | None) -> None:
        self._config = config
        self._turn = asyncio.Lock()
        self._child: asyncio.subprocess.Process | None = None

    async def ask(self, question: dict[str, Any]) -> Any:
        """The answer; UnavailableError where the process ended or took too long, and the next question starts another."""
        if self._config is None:
            raise HTTPException(404, "this core keeps no history")
        async with self._turn:
            try:
                line = await asyncio.wait_for(self._said(question), ANSWER_S)
            except BaseException:  # also where nobody waits any more: what comes late is no answer
                await self._end()
                raise
        if not line:
            await self._end()
            raise UnavailableError("the process that looks into the history ended: ask again")
        found = json.loads(line)
        if "error" in found:
            raise HTTPException(503, found["error"])
        return found

    async def _said(self, question: dict[str, Any]) -> bytes:
        child = self._child
        if child is None or child.returncode is not None:
            child = self._child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "twinvouch.app.recall_process", str(self._config),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LONGEST,
            )  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(json.dumps(question).encode() + b"\n")
            await child.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            return b""
        return await child.stdout.readline()

    async def close(self) -> None:
        """End the process."""
        async with self._turn:
            await self._end()

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            if child.returncode is None:
                child.kill()
            await child.wait()


def router(desk: Desk, looking: Looking) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["out"])

    @routes.get("/history/{tag:path}")
    async def history(request: Request, tag: str, asked: Annotated[Asked, Depends()]) -> Any:
        """Readings of one tag with quality, label and reasons: a span, the last ones, or as of a time."""
        return await looked(request, tag, asked, "readTags")

    @routes.get("/export/{tag:path}")
    async def export(request: Request, tag: str, asked: Annotated[Asked, Depends()]) -> Any:
        """The same as columns, for files: gate 3 is asked for `export`."""
        return await looked(request, tag, asked, "export")

    async def looked(request: Request, tag: str, asked: Asked, action: str) -> Any:
        known = (tag,) if tag in desk.plant.tags else ()
        purpose = asked.purpose or "history"
        doubted = await desk.read(
            request, action, tag[:200], purpose=purpose, tags=known, after=lambda m: spans(m, tag)
        )
        if not known:
            raise HTTPException(404, f"no tag `{tag[:200]}`")
        try:
            question = asked.question(tag, "columns" if action == "export" else "rows")
        except UsageError as error:
            raise HTTPException(422, str(error)) from None
        found = await looking.ask(question)
        return {"tag": tag, "unit": desk.plant.tags[tag].unit, **shown(found, doubted)}

    return routes


def _place(text: str) -> list[int]:
    """The place that `next` of an answer names."""
    parts = text.split(".")
    try:
        numbers = [moment_ns(part) for part in parts]
    except UsageError:
        numbers = []
    if len(numbers) != 3:
        raise UsageError(f"`after`: expected `next` of an answer, got `{text[:80]}`")
    return numbers
