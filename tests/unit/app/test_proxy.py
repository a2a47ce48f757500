"""The guard proxy over real sockets, before a real actuator with a journal: reads pass, writes are asked for."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.app.proxy_client import RawClient, client, until
from twinvouch.app import proxy_writes
from twinvouch.app.bench.proxy_site import ProxySite, running
from twinvouch.app.proxy_writes import Fate
from twinvouch.core.command import OutcomeStatus
from twinvouch.core.inventory import Table
from twinvouch.wire.cose import unseal
from twinvouch.wire.modbus_guard import Why
from twinvouch.wire.modbus_stream import write_frame
from twinvouch.wire.outcome import read_outcome

Story = Callable[[ProxySite, RawClient], Awaitable[None]]
LEVEL, SPEED, BOTH = "06 0014 0007", "10 000a 0002 04 4248 0000", "10 0028 0002 04 0005 0006"
VALVE_ON, VALVE_OFF, GATE = "05 0003 ff00", "05 0003 0000", "16 001e ffef 0010"


def play(directory: Path, story: Story, **changes: Any) -> None:
    async def act() -> None:
        async with running(directory, **changes) as site:
            await site.proxy.open()
            async with client(site.proxy.fronts[0].port) as asking:
                await story(site, asking)
            assert site.oracle() == []

    asyncio.run(asyncio.wait_for(act(), 60))


def reported(site: ProxySite) -> list[OutcomeStatus]:
    return [read_outcome(unseal(raw).content, "bench").status for _, raw in site.journal.outbox]


def test_a_read_passes_and_nothing_is_asked_of_the_core(tmp_path: Path) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        site.plant.values[1, Table.HOLDING, 20] = 77
        assert await asking.told("03 0014 0001") == "0302004d"
        assert await asking.told("01 0000 0003") == "010100"
        assert (
            await asking.told("2b 0e 01 00")
            == "2b0e0101000003000974" + "77696e766f756368010562656e6368020131"
        )
        assert await asking.told("11") == "110201ff"
        assert site.core.commands == []
        assert site.proxy.reads() == 4

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("said", "answer", "value"),
    [
        (LEVEL, "0600140007", 0.7),
        ("10 0014 0001 02 0007", "1000140001", 0.7),
        (SPEED, "10000a0002", 50.0),
        (VALVE_ON, "050003ff00", 1.0),
        ("0f 0003 0001 01 01", "0f00030001", 1.0),
        (GATE, "16001effef0010", 1.0),
        ("16 0014 0000 0007", "1600140000 0007".replace(" ", ""), 0.7),
    ],
)
def test_a_write_is_a_command_and_with_a_permit_it_is_done(
    tmp_path: Path, said: str, answer: str, value: float
) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        assert await asking.told(said) == answer
        (command,) = site.core.commands
        assert (command.principal, command.signed, command.inputs) == ("hmi", True, ())
        assert command.value == pytest.approx(value)
        assert len(site.spent) == 1
        assert len(site.plant.seen) == 1
        assert reported(site) == [OutcomeStatus.EXECUTED]

    play(tmp_path, story)


def test_function_23_writes_with_permits_and_then_reads(tmp_path: Path) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        assert await asking.told("17 0028 0002 0028 0002 04 0005 0006") == "170400050006"
        assert {c.tag: c.value for c in site.core.commands} == {"heat/low": 5.0, "heat/high": 6.0}
        site.core.says = "deny"
        assert await asking.told("17 0028 0002 0028 0002 04 0001 0001") == "9703"
        assert site.plant.values[1, Table.HOLDING, 40] == 5

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("says", "code", "fate"),
    [("deny", 3, Fate.DENIED), ("hold", 5, Fate.HELD), ("nothing", 6, Fate.LATE)],
)
def test_without_a_permit_the_answer_is_an_exception_and_nothing_is_written(
    tmp_path: Path, says: str, code: int, fate: Fate
) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        site.core.says = says
        assert await asking.told(LEVEL) == f"86{code:02x}"
        assert site.plant.seen == []
        assert site.proxy.fates()[fate] == 1
        assert await asking.told("03 0014 0001") == "03020000", "the connection is alive"

    play(tmp_path, story, decide_s=0.2)


def test_what_is_held_may_still_be_approved(tmp_path: Path) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        site.core.says = "hold"
        assert await asking.told(LEVEL) == "8605"
        assert await asking.told(LEVEL) == "8605", "said again, it is the same question"
        (held,) = site.core.commands
        site.core.permit(held)
        await site.core.idle()
        assert site.plant.seen == [(1, "holding", 20, (7,))]

    play(tmp_path, story)


def test_a_permit_that_comes_when_the_client_was_told_no_is_not_used(tmp_path: Path) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        site.core.delay_s = 0.6
        assert await asking.told(LEVEL) == "8606"
        await site.core.idle()
        assert site.plant.seen == []
        assert reported(site) == [OutcomeStatus.REFUSED]

    play(tmp_path, story, decide_s=0.2)


def test_a_permit_for_another_value_is_not_used(tmp_path: Path) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        site.core.value = 0.5
        assert await asking.told(LEVEL) == "8603"
        assert site.plant.seen == []
        assert reported(site) == [OutcomeStatus.REFUSED]

    play(tmp_path, story)


def test_of_several_tags_all_are_written_or_none(tmp_path: Path) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        for says in ("deny", "hold", "nothing"):
            site.core.by_tag["heat/high"] = says
            assert await asking.told(BOTH) == {"deny": "9003"}.get(says, "9006")
            await site.core.idle()
        assert site.plant.seen == []
        assert reported(site) == [OutcomeStatus.REFUSED] * 3
        site.core.by_tag.clear()
        assert await asking.told(BOTH) == "1000280002"
        assert site.plant.seen == [(1, "holding", 40, (5,)), (1, "holding", 41, (6,))]

    play(tmp_path, story, decide_s=0.3)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("06 000a 4248", 2),  # half of a float
        ("10 000b 0001 02 0000", 2),
        ("10 0009 0003 06 0000 4248 0000", 2),
        ("06 0015 0007", 2),  # no tag
        ("05 0004 ff00", 2),
        ("06 001e 0010", 2),  # a register with a bit of ours
        ("16 001e ffed 0012", 2),  # a bit that is not ours, beside ours
        ("16 001e ffff 0000", 3),  # nothing
        ("16 0014 ff00 0007", 3),  # depends on what is there
        ("10 000a 0002 04 7fc0 0000", 3),  # NaN
        ("10 000a 0002 04 7f80 0000", 3),  # infinity
        ("10 000a 0002 04 43c8 0000", 3),  # 400, beyond our own limits
        ("06 0028 ff00", 3),  # -256
    ],
)
def test_what_is_no_value_of_a_whole_tag_is_not_even_proposed(
    tmp_path: Path, said: str, code: int
) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        assert await asking.told(said) == f"{int(said[:2], 16) | 0x80:02x}{code:02x}"
        assert site.core.commands == []
        assert site.plant.seen == []
        assert site.proxy.fates()[Fate.UNFIT] == 1

    play(tmp_path, story)


def test_a_reused_transaction_gets_its_answers_in_order(tmp_path: Path) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        for said in ("03 0014 0001", LEVEL, "03 0014 0001", "63", LEVEL.replace("7", "8")):
            asking.ask(7, said)
        answers = [frame.pdu.hex() for frame in [await asking.hear() for _ in range(5)] if frame]
        assert answers == ["03020000", "0600140007", "03020007", "e301", "0600140008"]

    play(tmp_path, story)


def test_more_requests_than_there_is_room_for_wait_and_are_answered(tmp_path: Path) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        asking.say(b"".join(write_frame(n, 1, b"\x03\0\x14\0\1") for n in range(3000)))
        for n in range(3000):
            frame = await asking.hear()
            assert frame is not None
            assert frame.transaction == n

    play(tmp_path, story)


@pytest.mark.parametrize(
    "lie", [b"\0\7\0\1\0\6\1\6\0\x14\0\7", b"\0\7\0\0\0\1\1", b"\0\7\0\0\xff\xff\1\6\0\x14\0\7"]
)
def test_only_a_lying_header_ends_the_connection_after_all_that_is_due(
    tmp_path: Path, lie: bytes
) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        asking.ask(1, "03 0014 0001")
        asking.say(lie + write_frame(2, 1, b"\x06\0\x14\0\7"))
        frame = await asking.hear()
        assert frame is not None
        assert frame.transaction == 1
        assert await asking.hear() is None
        assert site.core.commands == []
        assert site.proxy.fronts[0].counts.broken == 1

    play(tmp_path, story)


def test_unit_0_and_units_that_are_none_have_no_path(tmp_path: Path) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        assert await asking.told(LEVEL, unit=0) == "860a"
        assert await asking.told("03 0014 0001", unit=5) == "830a"
        assert site.proxy.owned()[Why.UNIT] == 2

    play(tmp_path, story)


def test_a_device_that_is_silent_or_gone_is_answered_for(tmp_path: Path) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        assert await asking.told("03 0014 0001") == "03020000"
        await site.plant.close()
        assert await asking.told("03 0014 0001") == "830b"
        assert await asking.told(LEVEL) == "8604", "permitted, and the device does not answer"
        site.forget()

    play(tmp_path, story)


def test_half_a_connection_still_gets_its_answer(tmp_path: Path) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        asking.ask(3, LEVEL)
        asking.writer.write_eof()
        frame = await asking.hear()
        assert frame is not None
        assert frame.pdu.hex() == "0600140007"
        assert await asking.hear() is None

    play(tmp_path, story)


def test_a_write_goes_on_where_its_client_goes_away(tmp_path: Path) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        asking.ask(3, LEVEL)
        await until(lambda: site.core.commands)
        await asking.close()
        await site.core.idle()
        await asyncio.sleep(0.01)
        assert site.proxy.fates()[Fate.EXECUTED] == 1

    play(tmp_path, story)


def test_nothing_follows_a_part_that_failed(tmp_path: Path) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        real = site.plant.answer
        site.plant.answer = lambda unit, pdu: b"\x86\x04" if pdu[0] == 6 else real(unit, pdu)  # type: ignore[method-assign]
        assert await asking.told(BOTH) == "9004"
        assert site.plant.seen == []
        assert sorted(reported(site)) == [OutcomeStatus.FAILED, OutcomeStatus.REFUSED]

    play(tmp_path, story)


def test_a_permit_for_another_tag_is_not_used(tmp_path: Path) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        real = site.core.sealed
        site.core.sealed = lambda command: real(replace(command, tag="heat/high"))  # type: ignore[method-assign]
        assert await asking.told("06 0028 0007") == "8603"
        assert site.plant.seen == []
        assert reported(site) == [OutcomeStatus.REFUSED]

    play(tmp_path, story)


def test_a_permit_that_comes_twice_is_used_once(tmp_path: Path) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        assert await asking.told(BOTH) == "1000280002"
        for raw in site.core.permits:
            await site.actuator.take(raw)
        assert len(site.plant.seen) == 2
        assert site.actuator.tally.repeated == 2

    play(tmp_path, story)


def test_a_device_that_is_slower_than_anybody_waits_does_not_leave_the_rest_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client has its answer (not known); the second part is still written after the first."""
    monkeypatch.setattr(proxy_writes, "OUTCOME_S", 0.1)

    async def story(site: ProxySite, asking: RawClient) -> None:
        async with site.actuator.turn("plc"):
            assert await asking.told(BOTH) == "9004"
        await site.core.idle()
        assert site.plant.seen == [(1, "holding", 40, (5,)), (1, "holding", 41, (6,))]

    play(tmp_path, story)


def test_a_proposal_that_breaks_leaves_no_permit_waiting(tmp_path: Path) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        real, calls = site.core.send, []

        async def breaks(path: str, body: bytes) -> object:
            calls.append(path)
            if len(calls) == 2:
                raise ZeroDivisionError
            return await real(path, body)

        site.proxy.safe.proposer.transport.send = breaks  # type: ignore[method-assign]
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        assert await asking.told(BOTH) == "9004"
        await site.core.idle()
        assert site.plant.seen == []
        assert reported(site) == [OutcomeStatus.REFUSED]
        assert await asking.told("03 0014 0001") == "03020000"

    play(tmp_path, story)
