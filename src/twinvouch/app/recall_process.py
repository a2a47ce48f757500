"""The process that looks into the history for the API: `python -m twinvouch.app.recall_process twin.yaml`.

Apart from the core, so that decoding never takes the interpreter from its engine. One question a line in, one answer a line
out, JSON both; it ends when its input does, so it never outlives the core.

    question  {"form": "rows" or "columns", "tag", "span": [ns, ns], "last": N or 0, "after": place or null, "limit": N}
    answer    the page as the routes show it, or {"error": sentence, "code": exit code}
"""

import json
import signal
import sys
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO

from twinvouch.adapters.key_store import iso
from twinvouch.app.config import load
from twinvouch.app.recall import Page, Recall, recall_of
from twinvouch.app.recalled import Cursor, Readings
from twinvouch.core.batch import Quality
from twinvouch.core.errors import TwinvouchError
from twinvouch.core.event import Plain
from twinvouch.core.label import Axis


def answer(recall: Recall, question: dict[str, Any]) -> dict[str, Plain]:
    """The page that is asked for, as plain data."""
    span = (question["span"][0], question["span"][1])
    if question["last"]:
        page = recall.last(question["tag"], question["last"], span[1])
    else:
        after = None if question["after"] is None else Cursor(*question["after"])
        page = recall.page(question["tag"], span, after, question["limit"])
    return (columns if question["form"] == "columns" else rows)(page)


def rows(page: Page) -> dict[str, Plain]:
    """A page, reading by reading."""
    readings = page.readings
    return {"readings": [_reading(readings, n) for n in range(len(readings))], **_rest(page)}


def columns(page: Page) -> dict[str, Plain]:
    """A page as columns of one length; `reasons` are texts, empty where nothing was said."""
    r, count = page.readings, len(page.readings)
    told = {n: "; ".join(f"{w.rule}: {w.sentence}" for w in why) for n, why in r.reasons.items()}
    return {
        "columns": {
            "t_ns": r.clock.t_ns.tolist(),
            "value": [v if isfinite(v) else None for v in r.values.tolist()],
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


def serve(recall: Recall, source: BinaryIO, target: BinaryIO) -> None:
    """Answer until there are no more questions."""
    for line in source:
        try:
            said = answer(recall, json.loads(line))
        except TwinvouchError as error:
            said = {"error": str(error), "code": error.exit_code}
        target.write(json.dumps(said).encode() + b"\n")
        target.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the core ends us
    serve(recall_of(load(Path(sys.argv[1]))), sys.stdin.buffer, sys.stdout.buffer)
