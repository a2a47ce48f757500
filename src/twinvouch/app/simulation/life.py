"""A machine, and one life of the process on it: what it does passes boundaries, and at any of them it may die.

A dead life can do nothing more: whatever of it still runs meets Killed at the next boundary. So `kill -9` is
what it is in reality, the end between two effects, and no `finally` reaches disk or network any more.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from twinvouch.app.simulation.disk import SimulatedDisk
from twinvouch.core.errors import TwinvouchError


class Killed(BaseException):
    """The life is over; no error, so that nothing that handles errors handles it."""


@dataclass(frozen=True, slots=True)
class Crash:
    """Die the `nth` time that `boundary` is passed; `is_power`: what was not synced may be lost."""

    boundary: str
    nth: int
    is_power: bool


@dataclass(slots=True)
class Machine:
    """What outlives a process: its disk, the crashes that the seed planned, and counts."""

    name: str
    disk: SimulatedDisk
    crashes: list[Crash]
    passed: Counter[str] = field(default_factory=Counter)
    died: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)  # that no process may ever end with

    def due(self, boundary: str) -> Crash | None:
        """The planned crash that is due now."""
        self.passed[boundary] += 1
        for crash in self.crashes:
            if crash.boundary == boundary and crash.nth == self.passed[boundary]:
                return crash
        return None


class Life:
    """One life of a process on a machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.alive = True
        self.is_power = False
        self.over = asyncio.Event()
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def at(self, boundary: str) -> None:
        """Pass a boundary, or die there."""
        if not self.alive:
            raise Killed
        crash = self.machine.due(boundary)
        if crash is not None:
            self.machine.died[f"{boundary} {'power' if crash.is_power else 'kill'}"] += 1
            self.end(is_power=crash.is_power)
            raise Killed

    def begin(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task that dies with this life; an error in it ends the life."""
        task = asyncio.create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._done)
        return task

    def end(self, *, is_power: bool = False) -> None:
        """The process is gone."""
        if not self.alive:
            return
        self.alive, self.is_power = False, is_power
        current = asyncio.current_task()
        for task in self._tasks:
            if task is not current:
                task.cancel()
        self.over.set()

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        error = None if task.cancelled() else task.exception()
        if error is None or not self.alive:
            return
        ended = f"ended: {type(error).__name__}: {error}"
        if isinstance(error, Killed) or is_of_the_outside(error):
            self.machine.died["own error"] += 1
        else:
            self.machine.errors.append(ended)
        self.end()


def is_of_the_outside(error: BaseException) -> bool:
    """What a supervisor answers by starting the process again: exit code 5, a disk or core that fails."""
    return isinstance(error, OSError) or (
        isinstance(error, TwinvouchError) and error.exit_code == 5
    )
