"""The actuator: what is written, in which order, what is reported, and what is never sent again."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.app.permits import (
    GATE,
    LEVEL,
    LIMITS,
    NOW,
    OTHER,
    OWN,
    PLANT,
    SECOND,
    VALVE,
    Clock,
    Registers,
    permit,
    sealed,
)
from twinvouch.adapters.actuator_journal import ActuatorJournal
from twinvouch.adapters.modbus_tcp import ModbusExceptionError
from twinvouch.app import actuator as module
from twinvouch.app.actuator import Actuator
from twinvouch.app.actuator_check import OwnPoint
from twinvouch.core.command import Outcome, OutcomeStatus
from twinvouch.core.errors import UnavailableError
from twinvouch.core.inventory import Encoding, Table
from twinvouch.core.kind import Purpose
from twinvouch.core.word_order import WordOrder
from twinvouch.wire.cose import check, unseal
from twinvouch.wire.outcome import read_outcome
from twinvouch.wire.words import to_words

EXECUTED, REFUSED, FAILED, UNKNOWN = (
    OutcomeStatus.EXECUTED,
    OutcomeStatus.REFUSED,
    OutcomeStatus.FAILED,
    OutcomeStatus.UNKNOWN,
)
ONE = (0x3F80, 0)
HOUR = 3600 * SECOND


class Bench:
    """An actuator with two recorded devices; `restart` is what a new process finds."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = Clock()
        self.plc = Registers()
        self.plc_2 = Registers()
        self.told = 0
        self.journal = self.open()
        self.actuator = self.start()

    def open(self) -> ActuatorJournal:
        return ActuatorJournal(self.directory, PLANT, self.clock.now, LIMITS.max_ttl_ns)

    def start(self) -> Actuator:
        devices = {"plc-1": self.plc, "plc-2": self.plc_2}
        return Actuator(LIMITS, devices, self.journal, OWN, self.clock, self.tell)

    def restart(self) -> None:
        self.journal.close()
        self.journal = self.open()
        self.actuator = self.start()

    def tell(self) -> None:
        self.told += 1

    def take(self, *raws: bytes) -> None:
        async def all_of_them() -> None:
            await asyncio.gather(*map(self.actuator.take, raws))

        asyncio.run(all_of_them())

    @property
    def outcomes(self) -> list[Outcome]:
        """What waits for the core, each with the actuator's signature checked."""
        found = []
        for nonce, raw in self.journal.outbox:
            opened = unseal(raw)
            check(opened, OWN.public_key, plant=PLANT, purpose=Purpose.OUTCOME)
            found.append(read_outcome(opened.content, PLANT))
            assert found[-1].permit == nonce
        return found

    @property
    def outcome(self) -> Outcome:
        (one,) = self.outcomes
        return one


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "actuator")
    yield made
    made.journal.close()


def test_a_permit_is_written_read_back_and_reported(bench: Bench) -> None:
    bench.take(sealed(permit(1)))
    assert bench.plc.writes == [(1, "holding", 10, ONE)]
    assert bench.outcome.status is EXECUTED
    assert bench.outcome.read_back == ONE
    assert bench.outcome.at_ns == NOW
    assert "`pump-1/speed` = 1" in bench.outcome.sentence
    assert bench.told == 1


def test_a_coil_is_written(bench: Bench) -> None:
    coil = permit(1, tag=VALVE.tag, table=Table.COIL, address=3, words=(1,), encoding=Encoding.BIT)
    bench.take(sealed(coil))
    assert bench.plc.writes == [(1, "coil", 3, (1,))]
    assert bench.outcome.read_back == (1,)


def in_place(own: OwnPoint, value: float) -> dict[str, Any]:
    """What a permit for this value of this point says of the place."""
    p = own.point
    place = {"device": p.device, "unit": p.unit, "table": p.table, "address": p.address}
    form = {"encoding": p.encoding, "order": p.order, "bit": p.bit}
    return {"tag": own.tag, "words": to_words(value, p), **place, **form}


def test_a_bit_of_a_register_is_written_without_its_neighbours(bench: Bench) -> None:
    bench.plc.values[1, "holding", 30] = 0b1010_0000_0000_0101
    bench.take(sealed(permit(1, **in_place(GATE, 1.0))))
    assert bench.plc.writes == [], "never read, changed and written back"
    assert bench.plc.masks == [(1, 30, 0xFFEF, 0x10)]
    assert bench.plc.values[1, "holding", 30] == 0b1010_0000_0001_0101
    assert bench.outcome.status is EXECUTED
    assert bench.outcome.read_back == (0x10,)


def test_a_bit_of_a_device_without_masked_writes_is_refused_and_nothing_happens(
    bench: Bench,
) -> None:
    bench.plc.can_mask = False
    bench.take(sealed(permit(1, **in_place(GATE, 1.0))))
    assert bench.plc.writes == bench.plc.masks == []
    assert bench.outcome.status is OutcomeStatus.FAILED
    assert "illegal function" in bench.outcome.sentence


def test_a_long_float_with_swapped_words_is_written_and_read_back(bench: Bench) -> None:
    bench.take(sealed(permit(1, **in_place(LEVEL, 2.5))))
    assert bench.plc.writes == [(1, "holding", 40, (0, 0, 0, 0x4004))]
    assert bench.outcome.status is EXECUTED
    assert bench.outcome.read_back == (0, 0, 0, 0x4004)


def test_a_permit_with_another_word_order_or_bit_is_refused(bench: Bench) -> None:
    there = in_place(LEVEL, 2.5)
    bench.take(sealed(permit(1, **{**there, "order": WordOrder.BIG_ENDIAN})))
    assert "lies at" in bench.outcome.sentence
    bench.take(sealed(permit(2, **{**in_place(GATE, 1.0), "bit": 5, "words": (0x20,)})))
    assert bench.plc.writes == bench.plc.masks == []


def test_a_wall_clock_that_is_set_back_gives_a_permit_no_more_life(bench: Bench) -> None:
    def set_back() -> None:
        bench.clock.now += 6 * SECOND
        bench.clock.set_back += HOUR

    bench.plc.on_read = set_back
    bench.take(sealed(permit(1)))
    assert bench.plc.writes == []
    assert bench.outcome.status is REFUSED
    assert "the permit expired while the device was reached" in bench.outcome.sentence


BAD = {
    "forged": lambda: sealed(permit(1), signer=OTHER),
    "another plant's": lambda: sealed(permit(1), plant="net4"),
    "another plant inside": lambda: sealed(permit(1, plant="net4")),
    "expired": lambda: sealed(permit(1, expires_ns=NOW)),
    "far ahead": lambda: sealed(permit(1, expires_ns=NOW + 11 * SECOND)),
    "re-addressed": lambda: sealed(permit(1, address=12)),
    "re-routed": lambda: sealed(permit(1, device="plc-2")),
    "unknown tag": lambda: sealed(permit(1, tag="pump-7/speed")),
    "too high": lambda: sealed(permit(1, words=(0x4000, 0))),
    "not a number": lambda: sealed(permit(1, words=(0x7FC0, 0))),
    "garbage": lambda: b"\x82\xd2" + b"garbage",
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_permit_never_writes_not_even_after_a_restart(bench: Bench, name: str) -> None:
    raw = BAD[name]()
    bench.take(raw)
    bench.restart()
    bench.take(raw)
    assert bench.plc.writes == bench.plc_2.writes == []
    assert bench.plc.reads == 0
    assert [o.status for o in bench.outcomes] in ([], [REFUSED])


def test_a_refusal_of_a_signed_permit_is_reported_once(bench: Bench) -> None:
    bench.take(sealed(permit(1, words=(0x4000, 0))), sealed(permit(1, words=(0x4000, 0))))
    assert bench.outcome.status is REFUSED
    assert "outside 0..1.5" in bench.outcome.sentence
    assert bench.actuator.tally.repeated == 1


def test_what_was_refused_once_is_never_carried_out(bench: Bench) -> None:
    late = sealed(permit(1))
    bench.clock.now = NOW + 6 * SECOND
    bench.take(late)
    assert bench.outcome.status is REFUSED
    bench.clock.now = NOW  # the clock is set back: the permit would be valid again
    bench.take(late)
    assert bench.plc.writes == []


def test_a_used_permit_is_not_used_again(bench: Bench) -> None:
    raw = sealed(permit(1))
    bench.take(raw, raw, raw)
    bench.take(raw)
    bench.restart()
    bench.take(raw)
    assert len(bench.plc.writes) == 1
    assert bench.outcome.status is EXECUTED


def test_an_older_mode_epoch_never_writes_also_after_a_restart(bench: Bench) -> None:
    bench.take(sealed(permit(1, mode_epoch=2)))
    bench.restart()
    bench.take(sealed(permit(2, mode_epoch=1)))
    assert len(bench.plc.writes) == 1
    assert [o.status for o in bench.outcomes] == [EXECUTED, REFUSED]
    assert "epoch 2 has begun" in bench.outcomes[1].sentence


def test_it_is_spent_before_the_first_byte_goes_out(bench: Bench) -> None:
    seen = []

    def look() -> None:
        seen.append(bench.journal.is_spent(permit(1).nonce))

    bench.plc.on_read = bench.plc.on_write = look
    bench.take(sealed(permit(1)))
    assert seen == [True, True, True]


def test_a_permit_that_cannot_be_spent_is_not_carried_out(bench: Bench, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise UnavailableError("no space left")

    monkeypatch.setattr(bench.journal, "spend", full)
    with pytest.raises(UnavailableError):
        bench.take(sealed(permit(1)))
    assert bench.plc.writes == []
    assert bench.plc.reads == 0


def test_a_device_that_does_not_answer_is_not_written(bench: Bench) -> None:
    bench.plc.silent = True
    bench.take(sealed(permit(1)))
    assert bench.plc.writes == []
    assert bench.outcome.status is FAILED
    assert "nothing was written" in bench.outcome.sentence


def test_a_permit_that_expires_while_the_device_is_reached_is_not_written(bench: Bench) -> None:
    def slow() -> None:
        bench.clock.now += 6 * SECOND

    bench.plc.on_read = slow
    bench.take(sealed(permit(1)))
    assert bench.plc.writes == []
    assert bench.outcome.status is REFUSED
    assert "expired" in bench.outcome.sentence


def test_a_write_without_an_answer_is_unknown_with_what_is_found(bench: Bench) -> None:
    def lose() -> None:
        bench.plc.on_write = lambda: None
        bench.plc.values[1, "holding", 10] = ONE[0]
        raise UnavailableError("device plc-1 did not answer")

    bench.plc.on_write = lose
    bench.take(sealed(permit(1)))
    assert bench.outcome.status is UNKNOWN
    assert bench.outcome.read_back == ONE
    assert len(bench.plc.writes) == 1


def test_a_device_that_refuses_is_failed(bench: Bench) -> None:
    def refuse() -> None:
        raise ModbusExceptionError("exception 2 (illegal data address)", 2)

    bench.plc.on_write = refuse
    bench.take(sealed(permit(1)))
    assert bench.outcome.status is FAILED
    assert bench.outcome.read_back == (0, 0)
    assert "illegal data address" in bench.outcome.sentence


def test_a_read_back_that_differs_is_failed(bench: Bench) -> None:
    def stick() -> None:
        bench.plc.values = dict.fromkeys([(1, "holding", 10)], 0x3F00)
        bench.plc.on_read = lambda: bench.plc.values.update({(1, "holding", 10): 0x3F00})

    bench.plc.on_write = stick
    bench.take(sealed(permit(1)))
    assert bench.outcome.status is FAILED
    assert bench.outcome.read_back == (0x3F00, 0)


def test_a_confirmed_write_that_cannot_be_read_back_is_unknown(bench: Bench) -> None:
    def fall_silent() -> None:
        bench.plc.silent = True

    bench.plc.on_write = fall_silent
    bench.take(sealed(permit(1)))
    assert bench.outcome.status is UNKNOWN
    assert bench.outcome.read_back == ()


class Killed(BaseException):
    """The process ends here."""


def kill() -> None:
    raise Killed


@pytest.mark.parametrize("moment", ["reached", "written", "confirmed"])
def test_after_a_crash_a_spent_permit_is_unknown_and_never_sent_again(
    bench: Bench, moment: str
) -> None:
    def arm() -> None:
        bench.plc.on_read = kill

    actions: dict[str, Callable[[], None]] = {"reached": kill, "written": kill, "confirmed": arm}
    setattr(bench.plc, "on_read" if moment == "reached" else "on_write", actions[moment])
    with pytest.raises(Killed):
        bench.take(sealed(permit(1)))
    bench.plc.on_read = bench.plc.on_write = lambda: None
    writes = len(bench.plc.writes)
    assert bench.outcomes == []

    bench.restart()
    reads = bench.plc.reads
    asyncio.run(bench.actuator.resolve())
    assert bench.plc.reads == reads + 1
    assert bench.outcome.status is UNKNOWN
    assert bench.outcome.read_back == (ONE if moment == "confirmed" else (0, 0))
    assert "nothing was sent again" in bench.outcome.sentence
    bench.take(sealed(permit(1)))
    assert len(bench.plc.writes) == writes
    bench.restart()
    asyncio.run(bench.actuator.resolve())
    assert len(bench.outcomes) == 1


def test_a_crash_before_spending_leaves_the_permit_usable(bench: Bench, monkeypatch) -> None:
    monkeypatch.setattr(bench.journal, "spend", lambda _: kill())
    with pytest.raises(Killed):
        bench.take(sealed(permit(1)))
    assert (bench.plc.writes, bench.plc.reads) == ([], 0)
    bench.restart()
    asyncio.run(bench.actuator.resolve())
    bench.take(sealed(permit(1)))
    assert bench.outcome.status is EXECUTED


def test_a_device_that_is_silent_after_a_crash_gives_unknown_without_words(bench: Bench) -> None:
    bench.plc.on_read = kill
    with pytest.raises(Killed):
        bench.take(sealed(permit(1)))
    bench.plc.on_read = lambda: None
    bench.plc.silent = True
    bench.restart()
    asyncio.run(bench.actuator.resolve())
    assert bench.outcome.status is UNKNOWN
    assert bench.outcome.read_back == ()


def test_a_slow_device_holds_up_no_other(bench: Bench) -> None:
    async def act() -> list[str]:
        order: list[str] = []
        gate = asyncio.Event()
        real = bench.plc.read

        async def slow(*args) -> tuple[int, ...]:
            await gate.wait()
            return await real(*args)

        bench.plc.read = slow
        flow = permit(
            2,
            tag="pump-2/flow",
            device="plc-2",
            unit=2,
            address=20,
            words=(0,),
            encoding=Encoding.I16,
        )
        first = asyncio.create_task(bench.actuator.take(sealed(permit(1))))
        await asyncio.sleep(0)
        await bench.actuator.take(sealed(flow))
        order.append("plc-2")
        gate.set()
        await first
        order.append("plc-1")
        return order

    assert asyncio.run(act()) == ["plc-2", "plc-1"]
    assert [o.status for o in bench.outcomes] == [EXECUTED, EXECUTED]


def test_permits_in_work_are_limited(bench: Bench, monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_AT_ONCE", 3)
    bench.take(*(sealed(permit(k)) for k in range(5)))
    assert bench.actuator.tally.dropped == 2
    assert len(bench.outcomes) == 3
