"""An asyncio event loop whose clock jumps: nothing waits, so a minute passes as fast as it is computed.

When nothing is ready the clock moves to the next timer. Work for threads is done at once, in place, so
the order of everything depends on the program alone. There are no sockets and no signals in it.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")
START_NS = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z, when every virtual day begins


class _Jump(selectors.DefaultSelector):
    """Instead of waiting for sockets, lets the time pass that it was asked to wait."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nothing will ever happen: every task waits for another one")
        self.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; `time()` is seconds since it was made."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        """Virtual seconds."""
        return self._jump.now

    def run_in_executor(  # type: ignore[override]
        self, executor: object, func: Callable[..., Result], *args: Any
    ) -> "asyncio.Future[Result]":
        """Do it at once."""
        del executor
        done: asyncio.Future[Result] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - handed to whoever awaits it, as a thread would
            done.set_exception(error)
        return done


class VirtualClock:
    """The clock of a process on a VirtualLoop that was made at `start_ns`."""

    def __init__(self, loop: VirtualLoop, start_ns: int = START_NS) -> None:
        self._loop = loop
        self._start_ns = start_ns

    def wall_ns(self) -> int:
        """Nanoseconds since 1970."""
        return self._start_ns + self.monotonic_ns()

    def monotonic_ns(self) -> int:
        """Virtual nanoseconds since the loop was made."""
        return round(self._loop.time() * 1e9)

    async def sleep(self, seconds: float) -> None:
        """Let virtual time pass."""
        await asyncio.sleep(max(0.0, seconds))


def run(main: Callable[[VirtualLoop], Coroutine[Any, Any, Result]]) -> Result:
    """Run `main` to its end in virtual time; tasks it left are cancelled."""
    loop = VirtualLoop()
    try:
        asyncio.set_event_loop(loop)
        result = loop.run_until_complete(main(loop))
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        return result
    finally:
        asyncio.set_event_loop(None)
        loop.close()
