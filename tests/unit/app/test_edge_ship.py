"""Shipping: in order, one at a time, at least once; only two answers free a batch."""

import asyncio
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.app.edge_plant import MemoryCore
from twinvouch.adapters.spool import Spooled
from twinvouch.app.edge_ship import Shipper, Verdict, pause_s, verdict
from twinvouch.core.batch import Identity
from twinvouch.core.errors import UnavailableError
from twinvouch.core.event import Plain

KEPT, REFUSED, LATER = Verdict.KEPT, Verdict.REFUSED, Verdict.LATER


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"status": "admitted"}, KEPT),
        (200, {"status": "duplicate"}, KEPT),
        (200, {"status": "replay"}, KEPT),
        (200, {"status": "refused"}, LATER),
        (200, {}, LATER),  # a web server that is no core
        (200, {"status": 200}, LATER),
        (422, {"status": "refused", "rule": "not_owner"}, REFUSED),
        (401, {"status": "refused", "rule": "malformed"}, LATER),
        (422, {"status": "refused", "rule": "malformed"}, REFUSED),
        (401, {"status": "refused", "rule": "unknown_key"}, LATER),
        (429, {"status": "refused"}, LATER),
        (503, {"status": "refused"}, LATER),
        (422, {"status": 422}, LATER),
        (404, {}, LATER),
        (302, {"status": "admitted"}, LATER),
        (500, {}, LATER),
    ],
)
def test_what_an_answer_means(status: int, body: Mapping[str, Plain], expected: Verdict) -> None:
    assert verdict(status, body) is expected


@given(st.integers(1, 10_000), st.floats(0, 1), st.floats(0, 1e9))
def test_pauses_grow_to_five_seconds_and_honour_the_core(
    failures: int, jitter: float, asked: float
) -> None:
    own = pause_s(failures, jitter)
    assert 0.025 <= own <= 5.0
    assert pause_s(failures + 1, jitter) >= own
    assert min(asked, 60.0) <= pause_s(failures, jitter, asked) <= 60.0


class MemorySpool:
    def __init__(self, count: int) -> None:
        self.batches = [Spooled(Identity("edge-1", 1, i), b"%d" % i) for i in range(count)]
        self.empty = asyncio.Event()

    async def oldest(self) -> Spooled | None:
        return self.batches[0] if self.batches else None

    async def acknowledge(self, identity: Identity) -> None:
        assert self.batches.pop(0).identity == identity
        if not self.batches:
            self.empty.set()


def ship(core: MemoryCore, spool: MemorySpool) -> tuple[Shipper, list[float]]:
    """Ship until the spool is empty; returns the pauses that were made."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        core.is_down = core.is_down and len(pauses) < 3

    async def inside() -> Shipper:
        shipper = Shipper(spool, core, sleep, lambda: 1.0)
        more = asyncio.Event()
        task = asyncio.create_task(shipper.run(more))
        await asyncio.wait_for(spool.empty.wait(), 5)
        shipper.is_draining = True
        more.set()
        await asyncio.wait_for(task, 5)
        return shipper

    return asyncio.run(inside()), pauses


def test_batches_go_in_order() -> None:
    core = MemoryCore()
    shipper, pauses = ship(core, MemorySpool(5))
    assert core.taken == [b"0", b"1", b"2", b"3", b"4"]
    assert (shipper.counts.kept, shipper.counts.failures, pauses) == (5, 0, [])


def test_an_outage_is_waited_out_with_growing_pauses(caplog: pytest.LogCaptureFixture) -> None:
    core = MemoryCore()
    core.is_down = True
    with caplog.at_level("WARNING", "twinvouch.edge"):
        shipper, pauses = ship(core, MemorySpool(2))
    assert core.taken == [b"0", b"1"]
    assert pauses == [0.05, 0.1, 0.2]
    assert (shipper.counts.failures, shipper.counts.failing) == (3, 0)
    assert [r.message for r in caplog.records] == [
        "batches wait in the spool: nobody there",
        "shipping goes on after 3 failed attempts",
    ]


def test_a_full_core_is_given_the_time_it_asked_for() -> None:
    core = MemoryCore()
    core.answers = [(429, {"retry_after_s": 7}), (503, {})]
    _, pauses = ship(core, MemorySpool(1))
    assert pauses == [7.0, 0.1]
    assert core.taken == [b"0"]


@pytest.mark.parametrize("asked", [10**400, float("nan"), float("inf"), -1, "soon"])
def test_no_answer_ends_the_shipper(asked: Plain) -> None:
    core = MemoryCore()
    core.answers = [(503, {"retry_after_s": asked})]
    _, pauses = ship(core, MemorySpool(1))
    assert pauses in ([0.05], [60.0])
    assert core.taken == [b"0"]


def test_one_poisoned_batch_does_not_block_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    core = MemoryCore()
    core.answers = [(422, {"status": "refused", "detail": "\x1b[2Jnot yours"})]
    shipper, _ = ship(core, MemorySpool(3))
    assert core.taken == [b"1", b"2"]
    assert (shipper.counts.kept, shipper.counts.refused) == (2, 1)
    assert "not yours" in caplog.text
    assert "\x1b" not in caplog.text


def test_a_disk_that_fails_for_a_while_costs_a_second_sending_and_nothing_else() -> None:
    class FailingSpool(MemorySpool):
        failures = 2

        async def acknowledge(self, identity: Identity) -> None:
            if self.failures:
                self.failures -= 1
                raise UnavailableError("disk I/O error")
            await super().acknowledge(identity)

    core = MemoryCore()
    shipper, pauses = ship(core, FailingSpool(2))
    assert core.taken == [b"0", b"0", b"0", b"1"]
    assert (len(pauses), shipper.counts.kept) == (2, 2)


def test_draining_gives_up_at_the_first_failure() -> None:
    async def inside() -> int:
        core = MemoryCore()
        core.is_down = True
        shipper = Shipper(MemorySpool(3), core, asyncio.sleep, lambda: 0.0, is_draining=True)
        await asyncio.wait_for(shipper.run(asyncio.Event()), 5)
        return core.asked

    assert asyncio.run(inside()) == 1
