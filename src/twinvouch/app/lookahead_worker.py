"""A worker process as the core holds it: asked with a deadline, killed where it misses it, started anew at the next question."""

import base64
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from twinvouch.app.lookahead_process import LARGEST, frame
from twinvouch.core.errors import UnavailableError

START_S: Final = 30.0  # to import numpy and the model on a busy machine
_ENVIRONMENT: Final = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker runs; `digest` is the model's as the core has it."""

    name: str
    model: str
    data: bytes
    numbers: Mapping[str, float]
    digest: bytes
    memory_mib: int


class Worker:
    """Belongs to one thread."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self.name = plan, plan.name
        self._process: subprocess.Popen[bytes] | None = None
        self.is_closed = False
        self.starts = 0
        self.unprevented = ""

    @property
    def pid(self) -> int:
        """Of the process; 0 where there is none."""
        return 0 if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process where there is none; raises UnavailableError."""
        if self._process is not None and self._process.poll() is None:
            return
        self.kill()
        if self.is_closed:
            raise UnavailableError(f"worker of `{self.name}` is closed")
        env = {n: os.environ[n] for n in _ENVIRONMENT if n in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "twinvouch.app.lookahead_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**env, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
        self.starts += 1
        plan = self._plan
        said = {
            "model": plan.model,
            "data": base64.b64encode(plan.data).decode(),
            "numbers": dict(plan.numbers),
            "memory_mib": plan.memory_mib,
        }
        ready = self._exchange(json.dumps(said).encode(), time.monotonic() + START_S)
        try:
            told: Any = json.loads(ready)
            digest, self.unprevented = bytes.fromhex(told["digest"]), str(told["open"])
        except (ValueError, KeyError, TypeError):
            self.kill()
            raise UnavailableError(f"worker of `{plan.name}` does not say what it runs") from None
        if digest != plan.digest:
            self.kill()
            raise UnavailableError(f"worker of `{plan.name}` runs another model than the core")

    def begin(self, question: bytes, until_s: float) -> None:
        """Ask, at most until `until_s` of the monotonic clock; raises UnavailableError and kills the process."""
        self.start()
        self._send(question, until_s)

    def finish(self, until_s: float) -> bytes:
        """The answer to what was begun; raises as `begin`."""
        return self._take(until_s)

    def close(self) -> None:
        """End the process and start none any more; from any thread."""
        self.is_closed = True
        process = self._process
        if process is not None:
            process.kill()

    def kill(self) -> None:
        """End the process at once."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def _exchange(self, body: bytes, until_s: float) -> bytes:
        self._send(body, until_s)
        return self._take(until_s)

    def _send(self, body: bytes, until_s: float) -> None:
        pipe = self._running().stdin
        assert pipe is not None
        with self._killing():
            self._write(pipe.fileno(), frame(body), until_s)

    def _take(self, until_s: float) -> bytes:
        pipe = self._running().stdout
        assert pipe is not None
        with self._killing():
            length = int.from_bytes(self._read(pipe.fileno(), 4, until_s), "big")
            return self._read(pipe.fileno(), length, until_s)

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise UnavailableError(f"worker of `{self.name}` is gone")
        return self._process

    @contextmanager
    def _killing(self) -> Generator[None, None, None]:
        """Whatever goes wrong with a process ends it: what it says later would be taken for the answer to something else."""
        try:
            yield
        except (OSError, UnavailableError) as error:
            self.kill()
            raise UnavailableError(str(error) or type(error).__name__) from None

    def _write(self, pipe: int, body: bytes, until_s: float) -> None:
        os.set_blocking(pipe, False)
        while body:
            left_s = until_s - time.monotonic()
            if left_s <= 0 or not _is_ready(pipe, select.POLLOUT, left_s):
                raise UnavailableError(f"worker of `{self._plan.name}` takes no question in time")
            body = body[os.write(pipe, body) :]

    def _read(self, pipe: int, count: int, until_s: float) -> bytes:
        if count > LARGEST:
            raise UnavailableError(f"worker of `{self._plan.name}` says {count} bytes")
        parts, missing = [], count
        while missing:
            left_s = until_s - time.monotonic()
            if left_s <= 0 or not _is_ready(pipe, select.POLLIN, left_s):
                raise UnavailableError(f"worker of `{self._plan.name}` has not answered in time")
            part = os.read(pipe, min(missing, 1 << 20))
            if not part:
                raise UnavailableError(f"worker of `{self._plan.name}` died before it answered")
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)


class Crew:
    """All workers of a model; belongs to one thread."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self.workers = workers

    def ask(self, asked: Sequence[bytes], until_s: float) -> Generator[bytes, None, None]:
        """Each worker one of these, all at once; answers in their order. Who was not listened to is ended, and so is told nothing more."""
        begun: list[Worker] = []
        try:
            for worker, each in zip(self.workers, asked, strict=False):
                begun.append(worker)
                worker.begin(each, until_s)
            while begun:
                answer = begun[0].finish(until_s)
                del begun[0]
                yield answer
        finally:
            for worker in begun:
                worker.kill()


def _is_ready(pipe: int, event: int, within_s: float) -> bool:
    """Whether a pipe can be read or written in time; `select()` knows no descriptor above 1,023, and a core has more."""
    waiting = select.poll()
    waiting.register(pipe, event)
    return bool(waiting.poll(within_s * 1000))
