"""Logs: one harmless line an event, the same keys in each, no secret in any, and no flood of one line."""

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from twinvouch.adapters.known_secrets import HIDDEN, hidden, remember
from twinvouch.app import cli, logs

KEYS = ["time", "level", "logger", "event", "message", "process", "plant", "fields"]
SEED = "4kAPP+0Jd1vwrN3mcoOuHnbRoAnYq1dNZzQLOnNEBcs="


def failing(log: logging.Logger, error: Exception, words: str) -> None:
    try:
        raise error
    except type(error):
        log.exception(words)


class Said:
    """What was written to stderr so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys, self._text = capsys, ""

    def getvalue(self) -> str:
        self._text += self._capsys.readouterr().err
        return self._text


@pytest.fixture
def stderr(capsys: pytest.CaptureFixture[str]) -> Iterator[Said]:
    hook, level = threading.excepthook, logging.getLogger("twinvouch").level
    yield Said(capsys)
    root = logging.getLogger()
    for handler in [h for h in root.handlers if h.get_name() == "twinvouch"]:
        root.removeHandler(handler)
    threading.excepthook = hook
    logging.captureWarnings(capture=False)
    logging.getLogger("twinvouch").setLevel(level)


def lines(stderr: Said) -> list[Any]:
    return [json.loads(line) for line in stderr.getvalue().splitlines()]


def test_every_line_is_one_object_with_the_same_keys(stderr: Said) -> None:
    logs.start("core", "net3", "json")
    log = logging.getLogger("twinvouch.core")
    log.info("listening on %s", "http://x", extra={"fields": {"url": "http://x", "n": 3}})
    logging.getLogger("uvicorn.error").warning("odd")
    logging.getLogger("httpx").info("not ours: not told")
    first, second = lines(stderr)
    assert list(first) == list(second) == KEYS
    assert first["time"][10] == "T"
    assert len(first["time"]) == len("2026-11-25T22:53:38.123456789Z")
    assert (first["level"], first["logger"]) == ("info", "twinvouch.core")
    assert first["event"] == "listening on %s"
    assert first["message"] == "listening on http://x"
    assert (first["process"], first["plant"]) == ("core", "net3")
    assert first["fields"] == {"url": "http://x", "n": 3}


HOSTILE = 'x\n2026-11-25 00:00:00 INFO all is well\r\x1b[2J\x07\x9b1m"}\u2028{'


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_others_chose_neither_breaks_a_line_nor_moves_the_cursor(
    stderr: Said, form: logs.Format
) -> None:
    logs.start("edge", "net3", form)
    log = logging.getLogger("twinvouch.edge")
    log.warning("the core said %s", HOSTILE, extra={"fields": {"said": HOSTILE}})
    log.warning(HOSTILE)
    failing(log, ValueError(HOSTILE), "failed")
    text = stderr.getvalue()
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in text.replace("\n", ""))
    assert "\u2028" not in text
    if form == "json":
        assert [list(line)[: len(KEYS)] for line in lines(stderr)] == [KEYS] * 3
        assert lines(stderr)[2]["traceback"][0].startswith("Traceback")
    else:
        told = text.splitlines()
        assert all(line.startswith(("20", "    | ")) for line in told)
        assert sum(line.startswith("20") for line in told) == 3
        assert not any(line.startswith("2026-11-25 00:00:00") for line in told)


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_that_is_known_is_written(stderr: Said, form: logs.Format) -> None:
    logs.start("core", "net3", form)
    log = logging.getLogger("twinvouch.core")
    remember(SEED)
    log.error("the key is %s", SEED, extra={"fields": {"key": SEED, "all": [SEED]}})
    log.error(SEED)
    log.error("Authorization: Bearer tvt_unknown_to_us")
    failing(log, RuntimeError(f"boom {SEED}"), f"failed with {SEED}")
    with pytest.raises(SystemExit):
        cli.main(["check", f"{SEED}.yaml"])
    text = stderr.getvalue()
    assert SEED not in text
    assert "tvt_unknown" not in text
    assert text.count(HIDDEN) >= 6


def test_short_words_are_no_secrets() -> None:
    assert hidden(f"the {remember('word')} stays") == "the word stays"


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def told(repeats: logs.Repeats, template: str, *args: object) -> str | None:
    record = logging.LogRecord("twinvouch.edge", logging.WARNING, "", 0, template, args, None)
    shown = repeats.told(record)
    assert record.getMessage() == template % args, "other handlers see it as it was"
    return shown.getMessage() if shown is not None else None


def test_a_line_that_repeats_is_told_once_a_minute_with_its_count() -> None:
    clock = Clock()
    repeats = logs.Repeats(clock)
    assert told(repeats, "no answer from %s", "plc-1") == "no answer from plc-1"
    for _ in range(500):
        clock.now_s += 0.1
        assert told(repeats, "no answer from %s", "plc-1") is None
    assert told(repeats, "no answer from %s", "plc-2") == "no answer from plc-2"
    clock.now_s += 60
    again = told(repeats, "no answer from %s", "plc-1")
    assert again == "no answer from plc-1 (500 more like it before)"
    clock.now_s += 60
    assert told(repeats, "no answer from %s", "plc-1") == "no answer from plc-1"


def test_a_flood_of_lines_that_differ_is_bounded_too() -> None:
    clock = Clock()
    repeats = logs.Repeats(clock)
    flood = [told(repeats, "ignored: %s", i) for i in range(5_000)]
    assert sum(line is not None for line in flood) == logs.MOST_OF_A_KIND
    assert told(repeats, "something else") == "something else"
    clock.now_s += 61
    left_out = 5_000 - logs.MOST_OF_A_KIND
    assert told(repeats, "ignored: %s", "z") == f"ignored: z ({left_out} more like it before)"
    assert len(repeats._lines) <= logs.MOST_KINDS


def test_a_thread_that_fails_is_an_event(stderr: Said) -> None:
    logs.start("core", "net3", "json")

    def fail() -> None:
        raise KeyError("gone")

    thread = threading.Thread(target=fail, name="tiles")
    thread.start()
    thread.join()
    (line,) = lines(stderr)
    assert line["message"] == "thread tiles failed"
    assert "KeyError: 'gone'" in line["traceback"][-1]


def test_the_last_words_of_a_process_are_json_where_it_logs_json(stderr: Said) -> None:
    with pytest.raises(SystemExit):
        cli.main(["run", "/no/such/twin.yaml", "--log-format", "json"])
    (line,) = lines(stderr)
    assert (line["level"], line["fields"]["exit_code"]) == ("critical", 3)
    assert "no such file" in line["message"]


def test_starting_again_replaces_what_was_there(stderr: Said) -> None:
    logs.start("core", "", "text")
    logs.start("core", "net3", "json")
    logging.getLogger("twinvouch").info("once")
    assert len(lines(stderr)) == 1
    assert logs.is_json()


@pytest.mark.usefixtures("stderr")
def test_a_stderr_that_is_closed_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    logs.start("core", "net3", "text")
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    logging.getLogger("twinvouch.core").error("nobody reads this")
    fresh = io.StringIO()
    monkeypatch.setattr(sys, "stderr", fresh)
    logging.getLogger("twinvouch.core").error("somebody reads this")
    assert fresh.getvalue().endswith("ERROR somebody reads this\n")
