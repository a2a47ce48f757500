"""The workers of look-ahead beside a core: effects Simulate come in, events SimulationDone go back. Nothing here decides.

A thread a model, which shares the members of every question out among its workers. A full queue, a worker that dies or hangs, an answer that comes late or breaks physics: the answer says
so, and gate 4 holds the command.
"""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from twinvouch.app import lookahead_model
from twinvouch.app.config_model import Config
from twinvouch.app.core import salt
from twinvouch.app.foresight import Foreseer
from twinvouch.app.lookahead_worker import START_S, Crew, Plan, Worker
from twinvouch.core.errors import MalformedError, TwinvouchError, UnavailableError
from twinvouch.core.event import Simulate, SimulationDone
from twinvouch.core.ports import Lookahead
from twinvouch.wire.lookahead import read_question, write_foresight

QUEUED: Final = 256  # questions to one model
_log = logging.getLogger("twinvouch.lookahead")
Tell = Callable[[SimulationDone], None]


@dataclass(frozen=True, slots=True)
class Served:
    """A model with what its workers run, how many there are, and how long an answer may take."""

    plan: Plan
    model: Lookahead
    workers: int
    deadline_s: float


class Workers:
    """All models of a plant; `take` may be called from any thread, `tell` is called from the workers' threads."""

    def __init__(self, served: list[Served], tell: Tell) -> None:
        self._tell = tell
        self._queues: dict[str, queue.Queue[tuple[Simulate, float] | None]] = {}
        self._threads: list[threading.Thread] = []
        self.workers: list[Worker] = []
        for each in served:
            waiting = queue.Queue[tuple[Simulate, float] | None](QUEUED)
            self._queues[each.plan.name] = waiting
            crew = Crew([Worker(each.plan) for _ in range(each.workers)])
            self.workers += crew.workers
            args = each, crew, waiting
            self._threads.append(threading.Thread(target=self._serve, args=args, daemon=True))

    def start(self) -> None:
        """Start the threads; each starts its process at once, so that the first question finds it warm."""
        for thread in self._threads:
            thread.start()

    def take(self, asked: Simulate) -> None:
        """Queue a question, or say at once why it is not asked."""
        try:
            name = read_question(asked.question).model
            waiting = self._queues.get(name)
            if waiting is None:
                self._fail(asked, f"model `{name}` is not configured")
                return
            waiting.put_nowait((asked, time.monotonic()))
        except queue.Full:
            self._fail(asked, f"{QUEUED} questions to this model wait already")
        except MalformedError as error:
            self._fail(asked, str(error))

    def stop(self) -> None:
        """End threads and processes; what waits is not answered any more."""
        for worker in self.workers:
            worker.close()
        for waiting, thread in zip(self._queues.values(), self._threads, strict=True):
            # a thread whose queue is full ends at its next question, since its workers are closed
            with contextlib.suppress(queue.Full):
                waiting.put_nowait(None)
            if thread.is_alive():
                thread.join(2.0)
        for worker in self.workers:
            worker.kill()

    def _serve(
        self,
        served: Served,
        crew: Crew,
        waiting: queue.Queue[tuple[Simulate, float] | None],
    ) -> None:
        _warm(crew)
        foreseer = Foreseer(served.model, crew.ask, served.workers)
        while (item := waiting.get()) is not None:
            if any(worker.is_closed for worker in crew.workers):
                return
            asked, since_s = item
            self._answer(served, foreseer, asked, since_s + served.deadline_s)
            _warm(crew)  # one that was killed is back before the next question

    def _answer(self, served: Served, foreseer: Foreseer, asked: Simulate, until_s: float) -> None:
        if time.monotonic() > until_s:
            self._fail(asked, "its turn came after the deadline")
            return
        try:
            seen = foreseer.foresee(read_question(asked.question), until_s)
        except TwinvouchError as error:
            self._fail(asked, str(error), served.plan.digest)
            return
        except Exception as error:  # noqa: BLE001 - a plant's own certificate may fail in any way
            _log.exception("look-ahead by `%s`", served.plan.name)
            self._fail(asked, f"its certificate failed: {type(error).__name__}", served.plan.digest)
            return
        raw, digest = write_foresight(seen), served.plan.digest
        if time.monotonic() > until_s:
            self._fail(asked, "the answer came after the deadline", digest)
            return
        self._tell(SimulationDone(salt(), asked.ident, raw, "", digest))

    def _fail(self, asked: Simulate, why: str, digest: bytes = b"") -> None:
        self._tell(SimulationDone(salt(), asked.ident, b"", why[:500] or "no answer", digest))


def served(config: Config) -> list[Served]:
    """What a configuration asks for."""
    found = []
    for name, settings in config.lookahead.items():
        made, data = lookahead_model.of(config, name), lookahead_model.data_of(config, name)
        plan = Plan(name, settings.model, data, settings.numbers, made.digest, settings.memory_mib)
        deadline_s = settings.deadline_ms / 1e3
        found.append(Served(plan, made.model, settings.workers, deadline_s))
    return found


def _warm(crew: Crew) -> None:
    for worker in crew.workers:
        if worker.is_closed:
            return
        try:
            worker.start()
        except (UnavailableError, OSError) as error:
            _log.error("a worker of look-ahead did not start within %g s: %s", START_S, error)
            continue
        if worker.unprevented and worker.starts == 1:
            _log.warning("%s", worker.unprevented)
