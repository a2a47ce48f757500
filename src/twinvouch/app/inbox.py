"""The bounded priority inbox between everybody and the engine thread.

Full means full: the caller is told when to come back, and an edge keeps its spool. Safe actions, commands and
statements have places of their own, so that a flood of readings cannot keep a command out.
"""

import heapq
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from twinvouch.core.errors import UnavailableError
from twinvouch.core.event import Event, Plain, Priority, Reply
from twinvouch.engine.memory import Memory

After = Callable[[Memory], Plain]


@dataclass(order=True, slots=True)
class Item:
    """An event on its way to the engine; `future` gets its Reply when it is durable."""

    priority: Priority
    number: int
    event: Event = field(compare=False)
    future: "Future[Reply]" = field(compare=False)
    after: After | None = field(
        compare=False, default=None
    )  # read on the engine thread where the reply is 200
    since_s: float = field(compare=False, default_factory=time.monotonic)


class Inbox:
    """Priorities 0 first, in order of arrival within one; at most `limit` readings or queries wait."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._heap: list[Item] = []
        self._number = 0
        self._closed = False
        self.depth = [0] * len(Priority)  # events that wait, by priority
        self.ready = threading.Condition()

    def put(self, priority: Priority, event: Event, after: After | None = None) -> "Future[Reply]":
        """Add an event; raises UnavailableError where the inbox is full or closed."""
        future: Future[Reply] = Future()
        future.set_running_or_notify_cancel()  # who goes away does not take his event along
        room = self._limit if priority >= Priority.READING else 2 * self._limit
        with self.ready:
            if self._closed:
                raise UnavailableError("the core is stopping")
            if len(self._heap) >= room:
                raise UnavailableError(
                    f"{len(self._heap)} events are waiting, the limit is {room}: try again in 1 s"
                )
            self._number += 1
            heapq.heappush(self._heap, Item(priority, self._number, event, future, after))
            self.depth[priority] += 1
            self.ready.notify_all()  # engine and committer wait on one condition
        return future

    def get(self) -> Item | None:
        """The next item, None where there is none; call with `ready` held."""
        if not self._heap:
            return None
        item = heapq.heappop(self._heap)
        self.depth[item.priority] -= 1
        return item

    def close(self) -> list[Item]:
        """Refuse everything from now on and give back what was waiting."""
        with self.ready:
            self._closed = True
            waiting, self._heap = self._heap, []
            self.depth = [0] * len(Priority)
            self.ready.notify_all()
        return waiting

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def closed(self) -> bool:
        """True after `close`."""
        return self._closed


def plain(value: Any) -> Plain:
    """Tag a value as plain data for mypy where a view has just built it."""
    return value  # type: ignore[no-any-return]
