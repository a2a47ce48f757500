"""While the core is away: each tag by its own rule, and what was done without it is told."""

import asyncio
from pathlib import Path

import pytest

from tests.unit.app.proxy_client import RawClient, until
from tests.unit.app.test_proxy import GATE, LEVEL, SPEED, VALVE_OFF, VALVE_ON, play, reported
from twinvouch.adapters.safe_journal import FILE, actions
from twinvouch.app import proxy_safe
from twinvouch.app.bench.proxy_site import ProxySite
from twinvouch.app.proxy_writes import Fate
from twinvouch.core.command import OutcomeStatus

COIL_OFF = (1, "coil", 3, (0,))


def away(site: ProxySite, how: str) -> None:
    """`stream`: no permits come; `gone`: nobody answers."""
    site.core.is_there = how != "stream"
    site.core.says = "gone" if how == "gone" else "permit"


@pytest.mark.parametrize("how", ["stream", "gone"])
def test_a_tag_without_a_rule_is_refused_and_reads_go_on(tmp_path: Path, how: str) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        away(site, how)
        assert await asking.told(LEVEL) == "8606"
        assert await asking.told(GATE) == "9606"
        assert await asking.told("03 0014 0001") == "03020000"
        assert site.plant.seen == []
        assert site.proxy.fates()[Fate.AWAY] == 2
        site.core.is_there, site.core.says = True, "permit"
        assert await asking.told(LEVEL) == "0600140007", "the core is back"

    play(tmp_path, story)


def test_hold_last_confirms_what_is_so_already_and_writes_nothing(tmp_path: Path) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        assert await asking.told(SPEED) == "10000a0002"
        site.plant.seen.clear()
        site.spent.clear()
        away(site, "gone")
        assert await asking.told(SPEED) == "10000a0002"
        assert await asking.told("10 000a 0002 04 4240 0000") == "9006", "another value"
        assert site.plant.seen == []
        assert site.proxy.fates()[Fate.KEPT] == 1

    play(tmp_path, story)


def test_a_listed_safe_action_passes_few_times_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy_safe, "TELL_S", 0.01)

    async def story(site: ProxySite, asking: RawClient) -> None:
        away(site, "gone")
        assert await asking.told(VALVE_ON) == "8506", "not listed"
        assert await asking.told(VALVE_OFF) == "0500030000"
        assert await asking.told(VALVE_OFF) == "0500030000"
        assert await asking.told(VALVE_OFF) == "8506", "two in an hour"
        assert site.plant.seen == [COIL_OFF] * 2
        site.plant.seen.clear()  # these had no permit, which is what they are for
        untold = site.proxy.safe.journal.untold
        assert [a.outcome for a in untold] == ["written, read back"] * 2
        site.core.says = "permit"
        telling = asyncio.create_task(site.proxy.safe.tell())
        await until(lambda: not site.proxy.safe.journal.untold)
        telling.cancel()
        await site.core.idle()
        told = site.core.commands
        assert [(c.id, c.made_ns, c.value) for c in told] == [
            (a.nonce, a.at_ns, 0.0) for a in untold
        ]
        assert "safe action without the core: written, read back" in told[0].reason
        assert site.plant.seen == [], "the permit of a report is not used"
        assert reported(site) == [OutcomeStatus.REFUSED] * 2

    play(tmp_path, story)


def test_how_often_survives_a_restart(tmp_path: Path) -> None:
    async def first(site: ProxySite, asking: RawClient) -> None:
        away(site, "stream")
        for _ in range(2):
            assert await asking.told(VALVE_OFF) == "0500030000"
        site.plant.seen.clear()

    async def second(site: ProxySite, asking: RawClient) -> None:
        away(site, "stream")
        assert await asking.told(VALVE_OFF) == "8506"
        assert len(site.proxy.safe.journal.untold) == 2

    play(tmp_path, first)
    play(tmp_path, second)
    assert len(list(actions(tmp_path / "data" / FILE))) == 2


def test_a_safe_action_that_cannot_be_remembered_is_not_carried_out(tmp_path: Path) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        away(site, "gone")
        site.proxy.safe.journal.close()
        assert await asking.told(VALVE_OFF) == "8506"
        assert site.plant.seen == []

    play(tmp_path, story)


def test_a_core_that_dies_with_the_command_leaves_no_permit_behind(tmp_path: Path) -> None:
    """It may have taken the command: a permit that still comes is not used beside the safe action."""

    async def story(site: ProxySite, asking: RawClient) -> None:
        real = site.core.send

        async def dies(path: str, body: bytes) -> object:
            site.core.delay_s = 0.1
            await real(path, body)
            site.core.says = "gone"
            return await real(path, body)

        site.proxy.safe.proposer.transport.send = dies  # type: ignore[method-assign]
        assert await asking.told(LEVEL) == "8606"
        await site.core.idle()
        assert site.plant.seen == []
        assert reported(site) == [OutcomeStatus.REFUSED]

    play(tmp_path, story)
