"""The history of a tag over the API: gate 3 is asked first, then a thread beside the engine looks it up."""

import asyncio
from dataclasses import dataclass
from math import isfinite
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request

from twinvouch.adapters.key_store import iso
from twinvouch.app.api.desk import Desk
from twinvouch.app.moments import moment_ns
from twinvouch.app.recall import EARLIEST, LATEST, Page, Recall
from twinvouch.app.recalled import Cursor, Readings
from twinvouch.core.batch import Quality
from twinvouch.core.errors import UsageError
from twinvouch.core.event import Plain
from twinvouch.core.label import Axis

MOST = 10_000  # readings of one answer
AT_ONCE = 2  # looks into the history
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

    def call(self, recall: Recall, tag: str) -> tuple[Any, ...]:
        """The call that answers; UsageError where a time or a place is none, or what is asked contradicts itself."""
        is_last = self.at or self.last
        if (is_last and (self.from_ or self.after)) or (self.at and (self.last or self.to)):
            raise UsageError("expected `from` and `to` with `after`, or `last` with `to`, or `at`")
        if self.at:
            return recall.last, tag, 1, moment_ns(self.at)
        start = moment_ns(self.from_) if self.from_ else EARLIEST
        end = moment_ns(self.to) if self.to else LATEST
        if self.last:
            return recall.last, tag, self.last, end
        after = cursor_of(self.after) if self.after else None
        return recall.page, tag, (start, end), after, self.limit


def router(desk: Desk, recall: Recall | None) -> APIRouter:
    """The routes; None: this core keeps no files to look into."""
    routes = APIRouter(tags=["out"])
    looking = asyncio.Semaphore(AT_ONCE)

    @routes.get("/history/{tag:path}")
    async def history(request: Request, tag: str, asked: Annotated[Asked, Depends()]) -> Any:
        """Readings of one tag with quality, label and reasons: a span, the last ones, or as of a time."""
        page = await looked(request, tag, asked, "readTags")
        return {"tag": tag, "unit": desk.plant.tags[tag].unit, **shown(page)}

    @routes.get("/export/{tag:path}")
    async def export(request: Request, tag: str, asked: Annotated[Asked, Depends()]) -> Any:
        """The same as columns, for files: gate 3 is asked for `export`."""
        page = await looked(request, tag, asked, "export")
        return {"tag": tag, "unit": desk.plant.tags[tag].unit, **columns(page)}

    async def looked(request: Request, tag: str, asked: Asked, action: str) -> Page:
        known = (tag,) if tag in desk.plant.tags else ()
        purpose = asked.purpose or "history"
        await desk.read(request, action, tag[:200], purpose=purpose, tags=known)
        if not known:
            raise HTTPException(404, f"no tag `{tag[:200]}`")
        if recall is None:
            raise HTTPException(404, "this core keeps no history")
        try:
            call = asked.call(recall, tag)
        except UsageError as error:
            raise HTTPException(422, str(error)) from None
        async with looking:
            page: Page = await asyncio.to_thread(*call)
        return page

    return routes


def cursor_of(text: str) -> Cursor:
    """The place that `next` of an answer names."""
    parts = text.split(".")
    try:
        numbers = [moment_ns(part) for part in parts]
        return Cursor(*numbers)
    except (UsageError, TypeError):
        raise UsageError(f"`after`: expected `next` of an answer, got `{text[:80]}`") from None


def shown(page: Page) -> dict[str, Plain]:
    """A page as plain data."""
    readings = page.readings
    return {"readings": [_reading(readings, n) for n in range(len(readings))], **_rest(page)}


def columns(page: Page) -> dict[str, Plain]:
    """A page as columns of one length; `reasons` are texts, empty where nothing was said."""
    r, count = page.readings, len(page.readings)
    values = r.values.tolist()
    told = {n: "; ".join(f"{w.rule}: {w.sentence}" for w in why) for n, why in r.reasons.items()}
    return {
        "columns": {
            "t_ns": r.clock.t_ns.tolist(),
            "value": [v if isfinite(v) else None for v in values],
            "quality": [Quality(q).name.lower() for q in r.quality.tolist()],
            **{a.name.lower(): r.axes[a].tolist() for a in Axis},
            "fresh_until_ns": r.fresh_until.tolist(),
            "received_ns": r.clock.received_ns.tolist(),
            "entry": r.clock.entry.tolist(),
            "row": r.clock.row.tolist(),
            "reasons": [told.get(n, "") for n in range(count)],
        },
        **_rest(page),
    }


def _rest(page: Page) -> dict[str, Plain]:
    return {
        "next": None if page.next is None else str(page.next),
        "erased": [{"stream": stream, "day": iso(day)} for stream, day in page.erased],
    }


def _reading(r: Readings, n: int) -> dict[str, Plain]:
    value, axes = float(r.values[n]), r.axes[:, n].tolist()
    return {
        "t_ns": int(r.clock.t_ns[n]),
        "value": value if isfinite(value) else None,
        "quality": Quality(int(r.quality[n])).name.lower(),
        "label": {a.name.lower(): axes[a] for a in Axis},
        "headline": min(axes),
        "fresh_until_ns": int(r.fresh_until[n]),
        "received_ns": int(r.clock.received_ns[n]),
        "entry": int(r.clock.entry[n]),
        "row": int(r.clock.row[n]),
        "reasons": [
            {
                "rule": w.rule,
                "severity": w.severity,
                "sentence": w.sentence,
                "technique": w.technique,
            }
            for w in r.reasons.get(n, ())
        ],
    }
