"""The edge as a whole, over devices and a core in memory: everything read is marked, kept and shipped."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.unit.app.edge_plant import SECOND, MemoryCore, MemoryDevice, becomes, group, plant, point
from twinvouch.adapters.keys import SeededSigner
from twinvouch.adapters.spool import Spool
from twinvouch.app.clock import SystemClock
from twinvouch.app.edge import EdgeParts, EdgeSetup, Tally, run_edge
from twinvouch.core.batch import Batch, Origin, Quality
from twinvouch.core.errors import CorruptError, MalformedError, UnavailableError, UsageError
from twinvouch.core.inventory import Encoding, Plant, key_id
from twinvouch.core.kind import Kind, Purpose
from twinvouch.core.report import Told
from twinvouch.wire.batch import read_batch, read_header, read_report
from twinvouch.wire.cose import check, unseal

SIGNER = SeededSigner(bytes(32))


def opened(site: Plant, raw: bytes) -> Batch:
    """The batch as the core would read it: signature, header, cells."""
    sealed = unseal(raw)
    assert sealed.key_id == key_id(SIGNER.public_key)
    check(sealed, SIGNER.public_key, plant=site.id, purpose=Purpose.READINGS)
    header = read_header(sealed.content)
    return read_batch(sealed.content, sealed.digest, header, site.groups[header.group], 10**6)


class Rig:
    """An edge with its surroundings; `run` runs it until `until` returns."""

    def __init__(self, path: Path, site: Plant, **limits: int) -> None:
        self.path = path
        self.site = site
        self.limits = limits
        self.devices = {"plc-1": MemoryDevice(), "plc-2": MemoryDevice()}
        self.core = MemoryCore()

    def run(self, until: Callable[[], Awaitable[object]], gather_ns: int = 1) -> Tally:
        async def inside() -> Tally:
            spool = Spool(self.path / "spool.db", "edge-1", **self.limits)
            stop = asyncio.Event()
            parts = EdgeParts(self.devices, spool, SIGNER, self.core, SystemClock(), lambda: 0.0)
            setup = EdgeSetup(self.site, "edge-1", Origin.SIMULATED, gather_ns=gather_ns)
            edge = asyncio.create_task(run_edge(setup, parts, stop))
            watch = asyncio.ensure_future(until())
            try:
                await asyncio.wait({edge, watch}, timeout=20, return_when=asyncio.FIRST_COMPLETED)
                assert edge.done() or watch.done(), "nothing of what was waited for came"
                stop.set()
                tally = await edge
                watch.result()
                return tally
            finally:
                watch.cancel()
                spool.close()

        return asyncio.run(inside())

    def batches(self) -> list[Batch]:
        return [opened(self.site, raw) for raw in self.core.taken]

    async def taken(self, count: int) -> None:
        """Wait until the core has so many batches more than now."""
        goal = len(self.core.taken) + count
        while len(self.core.taken) < goal:
            self.core.got.clear()
            await self.core.got.wait()


def test_readings_arrive_signed_chained_and_in_order(tmp_path: Path) -> None:
    rig = Rig(tmp_path, plant(group([point(10), point(11, scale=0.5), point(20, Encoding.U32)])))
    tally = rig.run(lambda: rig.taken(4))
    batches = rig.batches()
    assert [b.identity.seq for b in batches] == list(range(len(batches)))
    assert {b.identity.epoch for b in batches} == {1}
    assert [b.prev for b in batches] == [bytes(32), *[b.digest for b in batches[:-1]]]
    assert all(b.origin is Origin.SIMULATED for b in batches)
    assert batches[0].values.tolist() == [[10.0, 5.5, 20 * 65536 + 21]]
    assert not any(b.quality.any() for b in batches)
    assert tally.batches == tally.shipped.kept == len(batches)
    assert (tally.waiting, tally.polled.missing) == (0, 0)
    assert sum(len(b.t_ns) for b in batches) == tally.polled.rows


def test_rows_are_gathered_and_those_at_the_end_are_kept_too(tmp_path: Path) -> None:
    rig = Rig(tmp_path, plant(group([point(1)], period_ns=SECOND // 200)))
    requests = rig.devices["plc-1"].requests
    tally = rig.run(lambda: becomes(lambda: len(requests) >= 10), gather_ns=3600 * SECOND)
    (batch,) = rig.batches()
    assert len(batch.t_ns) == tally.polled.rows >= 9
    assert (batch.t_ns[1:] > batch.t_ns[:-1]).all()


def test_the_chain_goes_on_after_a_restart_and_what_waited_is_shipped_first(tmp_path: Path) -> None:
    site = plant(group([point(1)]))
    rig = Rig(tmp_path, site)
    rig.core.is_down = True
    before = rig.run(lambda: becomes(lambda: rig.core.asked >= 3))
    assert before.waiting == before.batches >= 1
    rig.core.is_down = False
    rig.run(lambda: rig.taken(before.waiting + 2))
    batches = rig.batches()
    epochs = [(b.identity.epoch, b.identity.seq) for b in batches]
    assert epochs[: before.waiting] == [(1, i) for i in range(before.waiting)]
    assert epochs[before.waiting] == (2, 0)
    assert [b.prev for b in batches[1:]] == [b.digest for b in batches[:-1]]


def test_a_silent_device_makes_only_its_own_points_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig(tmp_path, plant(group([point(1), point(2, device="plc-2")])))
    rig.devices["plc-2"].error = UnavailableError("no route")

    async def goes_and_comes() -> None:
        await rig.taken(3)
        rig.devices["plc-2"].error = None
        await rig.taken(3)

    with caplog.at_level(logging.WARNING, "twinvouch.edge"):
        tally = rig.run(goes_and_comes)
    qualities = [b.quality[0].tolist() for b in rig.batches()]
    assert qualities[0] == [Quality.GOOD, Quality.MISSING]
    assert qualities[-1] == [Quality.GOOD, Quality.GOOD]
    assert [r.message for r in caplog.records] == [
        "device `plc-2` does not answer, its points are missing: no route",
        "device `plc-2` answers again",
    ]
    assert tally.polled.missing == sum(Quality.MISSING in q for q in qualities)


def test_a_hanging_device_stops_neither_the_row_nor_other_groups(tmp_path: Path) -> None:
    mixed = group([point(1), point(2, device="plc-2")], "mixed")
    other = group([point(5)], "other")
    hangs = group([point(6, device="plc-2")], "hangs")
    rig = Rig(tmp_path, plant(mixed, other, hangs))
    rig.devices["plc-2"].answering.clear()

    async def hangs_and_answers() -> None:
        await rig.taken(30)
        assert len(rig.devices["plc-2"].requests) == 1, "it is left alone until it answers"
        rig.devices["plc-2"].answering.set()
        await rig.taken(10)

    rig.run(hangs_and_answers)
    by_group: dict[str, list[list[int]]] = {}
    for b in rig.batches():
        by_group.setdefault(b.group, []).append(b.quality[0].tolist())
    assert all(q == [Quality.GOOD] for q in by_group["other"])
    assert by_group["mixed"][0] == [Quality.GOOD, Quality.MISSING]
    assert by_group["mixed"][-1] == [Quality.GOOD, Quality.GOOD]
    assert by_group["hangs"][0] == [Quality.MISSING]
    assert by_group["hangs"][-1] == [Quality.GOOD]
    assert len(by_group["mixed"]) > 3


def test_refused_addresses_are_missing_and_the_rest_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig(tmp_path, plant(group([point(1), point(7), point(9)])))
    rig.devices["plc-1"].refused.add(7)
    rig.run(lambda: rig.taken(3))
    good, missing = Quality.GOOD, Quality.MISSING
    assert all(b.quality[0].tolist() == [good, missing, good] for b in rig.batches())
    assert caplog.text.count("illegal data address") == 1


def test_a_full_spool_refuses_readings_says_so_and_recovers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig(tmp_path, plant(group([point(1)])), max_bytes=1_500)
    rig.core.is_down = True

    async def fills_and_empties() -> None:
        await becomes(lambda: "lost from now on" in caplog.text)
        rig.core.is_down = False
        await becomes(lambda: "kept again" in caplog.text)

    with caplog.at_level(logging.WARNING, "twinvouch.edge"):
        tally = rig.run(fills_and_empties)
    assert tally.rows_refused > 0
    assert tally.polled.rows == tally.batches + tally.rows_refused
    sealed = [unseal(raw) for raw in rig.core.taken]
    headers = [read_header(s.content) for s in sealed]
    assert [h.prev for h in headers[1:]] == [s.digest for s in sealed[:-1]], "no hole in the chain"
    told = [
        report
        for s, h in zip(sealed, headers, strict=True)
        if h.kind is Kind.SOURCE_REPORT
        for report in read_report(s.content, h)
    ]
    assert {(r.told, r.source) for r in told} == {(Told.NOT_KEPT, "fast")}
    lost = sum(dict(r.numbers)["rows"] for r in told)
    assert lost == tally.rows_refused, "every row that was lost is told, signed"
    assert caplog.text.count("lost from now on") == 1


def test_a_damaged_spool_ends_the_edge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(tmp_path, plant(group([point(1)])))

    def damaged(_spool: Spool, _raw: bytes, _digest: bytes) -> None:
        raise CorruptError("spool is damaged")

    monkeypatch.setattr(Spool, "append", damaged)
    with pytest.raises(CorruptError, match="spool is damaged"):
        rig.run(lambda: rig.taken(1))


def test_misuse_is_named_at_once(tmp_path: Path) -> None:
    rig = Rig(tmp_path, plant(group([point(1, device="plc-9")])))
    with pytest.raises(UsageError, match=r"tags on devices \['plc-9'\]"):
        rig.run(lambda: rig.taken(1))
    rig.site = plant()
    object.__setattr__(rig.site, "edges", {})
    with pytest.raises(UsageError, match="has no edge `edge-1`"):
        rig.run(lambda: rig.taken(1))


def test_groups_without_points_are_not_polled(tmp_path: Path) -> None:
    rig = Rig(tmp_path, plant(group([None], "replayed"), group([point(1)])))
    rig.run(lambda: rig.taken(2))
    assert {b.group for b in rig.batches()} == {"fast"}


def test_errors_of_the_wire_are_data(tmp_path: Path) -> None:
    rig = Rig(tmp_path, plant(group([point(1)])))
    rig.devices["plc-1"].error = MalformedError("another transaction")
    tally = rig.run(lambda: rig.taken(2))
    assert tally.polled.missing == tally.polled.rows
