"""A worker of look-ahead: `python -m twinvouch.app.lookahead_process`, a model that answers questions until its input ends.

Frames in and out are a length of four bytes, big-endian, and as many bytes. First comes what to run as JSON (`model`, `data`
in base64, `numbers`, `memory_mib`); its answer is JSON (`digest`, `open`: what is not prevented). Then questions, each three
bytes (1: the command's branch, 0: the backup's; the first member, and the first that is not wanted any more) and
wire/lookahead.py, answered by runs; an empty answer is a question that the model could not take. The process is confined before the model's code is loaded. Whatever a model prints goes to stderr.
"""

import base64
import json
import os
import signal
import sys
from typing import Any, BinaryIO

from twinvouch.adapters.confined import confine
from twinvouch.app.model_class import make
from twinvouch.core.ports import Lookahead
from twinvouch.twin.rollout import run
from twinvouch.wire.lookahead import read_question, write_answer

LARGEST = 1 << 28  # bytes of one frame
HEAD = 3  # bytes before a question


def read_frame(source: BinaryIO) -> bytes | None:
    """The next frame; None where there is none any more."""
    head = source.read(4)
    if len(head) < 4:
        return None
    length = int.from_bytes(head, "big")
    body = source.read(length) if length <= LARGEST else b""
    return body if len(body) == length else None


def frame(body: bytes) -> bytes:
    """A frame of these bytes."""
    return len(body).to_bytes(4, "big") + body


def asked_for(question: bytes, part: slice, *, is_command: bool) -> bytes:
    """What a worker is asked: one branch of these members."""
    return bytes([is_command, part.start, part.stop]) + question


def answer(model: Lookahead, asked: bytes) -> bytes:
    """The runs for one question; none where the model could not take it."""
    try:
        part = slice(asked[1], asked[2])
        told = run(model, read_question(asked[HEAD:]), is_command=asked[0] == 1, part=part)
        return write_answer(told)
    except Exception as error:  # noqa: BLE001 - a plant's own class may fail in any way
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return b""


def serve(source: BinaryIO, target: BinaryIO) -> None:
    """Confine this process, load the model, answer."""
    first = read_frame(source)
    if first is None:
        return
    told: Any = json.loads(first)
    unprevented = confine(told["memory_mib"])
    made = make(told["model"], base64.b64decode(told["data"]), told["numbers"])
    ready = {"digest": made.digest.hex(), "open": unprevented}
    _send(target, json.dumps(ready).encode())
    while (asked := read_frame(source)) is not None:
        _send(target, answer(made.model, asked))


def _send(target: BinaryIO, body: bytes) -> None:
    target.write(frame(body))
    target.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the core ends us
    private = os.dup(1)
    os.dup2(2, 1)  # a library that prints must not speak for us
    with os.fdopen(private, "wb") as answers:
        serve(sys.stdin.buffer, answers)
