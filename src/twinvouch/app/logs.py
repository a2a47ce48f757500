"""What the processes log: one line an event on stderr, as text for people or JSON for programs.

Core, device and peers may have chosen what a message quotes, so it cannot move the cursor, fake a line or break
the JSON. No line holds a secret that this process knows. A line that repeats is told once a minute with its count,
so that nobody fills a journal from outside. The process writes no file and rotates none: that is the journal's work.
"""

import json
import logging
import sys
import threading
import time
import traceback
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from typing import Any, Final, Literal

from twinvouch.adapters.known_secrets import hidden
from twinvouch.app.terminal import safe

Format = Literal["text", "json"]
WINDOW_S: Final = 60.0
MOST_OF_A_KIND: Final = 60  # lines of one template a window, however their words differ
MOST_KINDS: Final = 1_000  # lines and templates that are remembered
LONGEST: Final = 4_000  # characters of a message
_FRAME = "    | "  # before each line of a traceback, so that none passes for an event


class Text(logging.Formatter):
    """`time LEVEL message`, one line; the lines of a traceback below it are marked."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, harmless."""
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        head = f"{at} {record.levelname} {_words(record)}"
        return "\n".join([head, *(_FRAME + line for line in _trace(record))])


class Json(logging.Formatter):
    """One JSON object a line, with the same keys in every line."""

    def __init__(self, process: str, plant: str) -> None:
        super().__init__()
        self._process, self._plant = process, plant

    def format(self, record: logging.LogRecord) -> str:
        """The line: `event` is the message before its values were put in, so it can be filtered by."""
        second, ns = divmod(time.time_ns(), 1_000_000_000)
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        told: dict[str, Any] = {
            "time": f"{at}.{ns:09}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": hidden(safe(str(record.msg)))[:LONGEST],
            "message": _words(record),
            "process": self._process,
            "plant": self._plant,
            "fields": {k: _plain(v) for k, v in getattr(record, "fields", {}).items()},
        }
        if trace := _trace(record):
            told["traceback"] = trace
        return json.dumps(told, separators=(",", ":"))


@dataclass(slots=True)
class _Seen:
    """How often a line was told since `since_s`, and how many were not told since then or before."""

    since_s: float
    count: int = 0
    untold: int = 0


class Repeats:
    """Lets a line through once a window, and at most so many of one template; then says how many were left out."""

    def __init__(self, now_s: Any = time.monotonic) -> None:
        self._now_s = now_s
        self._lines: dict[tuple[str, str], _Seen] = {}
        self._kinds: dict[tuple[str, str], _Seen] = {}
        self._lock = threading.Lock()

    def told(self, record: logging.LogRecord) -> logging.LogRecord | None:
        """The record as it is told, with the count of those that were not; None where it is left out."""
        now_s, words = self._now_s(), record.getMessage()
        with self._lock:
            line = self._seen(self._lines, (record.name, words[:LONGEST]), now_s)
            kind = self._seen(self._kinds, (record.name, str(record.msg)), now_s)
            full = line if line.count else kind if kind.count >= MOST_OF_A_KIND else None
            if full is not None:
                full.untold += 1
                return None
            line.count, kind.count = line.count + 1, kind.count + 1
            left_out = line.untold + kind.untold
            line.untold = kind.untold = 0
        if not left_out:
            return record
        counted = copy(record)  # other handlers have theirs
        counted.msg, counted.args = "%s (%d more like it before)", (words, left_out)
        return counted

    @staticmethod
    def _seen(known: dict[tuple[str, str], _Seen], key: tuple[str, str], now_s: float) -> _Seen:
        seen = known.get(key)
        if seen is None:
            if len(known) >= MOST_KINDS:
                del known[next(iter(known))]
            seen = known[key] = _Seen(now_s)
        elif now_s - seen.since_s >= WINDOW_S:
            seen.since_s, seen.count = now_s, 0
        return seen


class _Stderr(logging.Handler):
    """Writes what `repeats` lets through to what is stderr now, not to what it was when logging began."""

    def __init__(self) -> None:
        super().__init__()
        self._repeats = Repeats()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line, or none; where nobody reads stderr any more the process goes on."""
        told = self._repeats.told(record)
        if told is not None:
            with suppress(OSError, ValueError):  # a closed stream raises ValueError
                print(self.format(told), file=sys.stderr, flush=True)


def start(process: str, plant: str, form: Format) -> None:
    """Send everything that is logged in this process to stderr: ours from INFO on, of others from WARNING on."""
    handler = _Stderr()
    handler.setFormatter(Json(process, plant) if form == "json" else Text())
    handler.set_name("twinvouch")
    root = logging.getLogger()
    for old in [h for h in root.handlers if h.get_name() == "twinvouch"]:
        root.removeHandler(old)
    root.addHandler(handler)
    logging.getLogger("twinvouch").setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    threading.excepthook = _thread_failed


def is_json() -> bool:
    """True where this process logs JSON, so that its last words are JSON too."""
    return any(isinstance(h.formatter, Json) for h in logging.getLogger().handlers)


def last_words(text: str, code: int, trace: str = "") -> None:
    """Why the process ends, and with which exit code, as one more line."""
    fields = {"exit_code": code, **({"traceback": trace} if trace else {})}
    logging.getLogger("twinvouch").critical("%s", text, extra={"fields": fields})


def harmless(text: str) -> str:
    """Text of several lines for a terminal: each line harmless, and no secret in it."""
    return "\n".join(hidden(safe(line)) for line in text.splitlines())


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    error = failed.exc_value
    name = failed.thread.name if failed.thread is not None else "?"
    shown = (failed.exc_type, error, failed.exc_traceback) if error is not None else None
    logging.getLogger("twinvouch").error("thread %s failed", name, exc_info=shown)


def _words(record: logging.LogRecord) -> str:
    return hidden(safe(record.getMessage()))[:LONGEST]


def _trace(record: logging.LogRecord) -> list[str]:
    """The traceback in harmless lines; none where there is no exception."""
    if not record.exc_info or record.exc_info[0] is None:
        return []
    text = "".join(traceback.format_exception(*record.exc_info))
    return [hidden(safe(line))[:LONGEST] for line in text.splitlines()][-200:]


def _plain(value: object) -> object:
    if isinstance(value, bool | int | float) or value is None:
        return value
    return hidden(safe(value))[:LONGEST]
