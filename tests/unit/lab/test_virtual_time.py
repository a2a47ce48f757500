"""Virtual time: a minute passes at once, in an order that never changes."""

import asyncio

import pytest

from twinvouch.lab import virtual_time
from twinvouch.lab.virtual_time import START_NS, VirtualClock, VirtualLoop


def test_time_jumps_and_everybody_wakes_in_order() -> None:
    async def main(loop: VirtualLoop) -> list[tuple[str, int]]:
        clock, seen = VirtualClock(loop), []

        async def every(name: str, seconds: float) -> None:
            while True:
                await clock.sleep(seconds)
                seen.append((name, clock.monotonic_ns() // 1_000_000))

        tasks = [asyncio.create_task(every(*each)) for each in (("a", 20.0), ("b", 30.0))]
        await asyncio.sleep(61.0)
        assert clock.wall_ns() == START_NS + clock.monotonic_ns()
        assert all(not task.done() for task in tasks)
        return seen

    first = virtual_time.run(main)
    assert first == [("a", 20000), ("b", 30000), ("a", 40000), ("b", 60000), ("a", 60000)]
    assert virtual_time.run(main) == first


def test_work_for_threads_is_done_at_once() -> None:
    async def main(loop: VirtualLoop) -> tuple[float, float]:
        began = loop.time()
        assert await loop.run_in_executor(None, lambda: 5) == 5
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, lambda: 1 // 0)
        return began, loop.time()

    began, ended = virtual_time.run(main)
    assert began == ended


def test_a_program_in_which_nothing_can_happen_any_more_is_told() -> None:
    async def main(loop: VirtualLoop) -> None:
        del loop
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="nothing will ever happen"):
        virtual_time.run(main)
