"""C12 of docs/explanation/threat-model.md, from the engine's permit to the actuator's report and back.

`kill -9` at every boundary is in tests/scenario/test_actuator_kill.py, the real process with a real
Modbus/TLS server in tests/scenario/test_actuator_process.py.
"""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.claims.site import PLANT, Toy, permits, reply, signer, stranger
from tests.unit.app.permits import Clock, Registers
from twinvouch.adapters.actuator_journal import ActuatorJournal
from twinvouch.app.actuator import Actuator
from twinvouch.app.actuator_check import OwnLimits, OwnPoint
from twinvouch.core.command import Permit
from twinvouch.core.event import OutcomeReported
from twinvouch.core.inventory import Encoding, Point, Table
from twinvouch.core.kind import Purpose
from twinvouch.core.site import SECOND
from twinvouch.wire.cose import seal
from twinvouch.wire.permit import write_permit

VALVE = OwnPoint("valve/opening", Point("plc", 1, Table.HOLDING, 10, Encoding.F32), 0.0, 1.0)
WORDS_OF_0_6 = (0x3F19, 0x999A)  # the float32 nearest to 0.6


class Hand:
    """The actuator of the toy plant, with a device that records; `restart` is what a new process finds."""

    def __init__(self, toy: Toy, directory: Path) -> None:
        self.toy = toy
        self.directory = directory
        self.plc = Registers()
        self.limits = OwnLimits(PLANT, signer("permit").public_key, 10 * SECOND, {VALVE.tag: VALVE})
        self.start()

    def start(self) -> None:
        self.journal = ActuatorJournal(self.directory, PLANT, self.toy.now, 10 * SECOND)

    def restart(self) -> None:
        self.journal.close()
        self.start()

    def take(self, raw: bytes) -> None:
        clock = Clock(self.toy.now)
        own = signer("actuator-1")
        asyncio.run(
            Actuator(self.limits, {"plc": self.plc}, self.journal, own, clock, lambda: None).take(
                raw
            )
        )

    def report(self) -> list[str]:
        """Give the core what waits; returns the status it then says."""
        said = []
        for nonce, raw in self.journal.outbox:
            event = OutcomeReported(self.toy.salt(), "10.0.0.6", raw)
            said.append(str(reply(self.toy.core.feed(event, self.toy.now)).body["status"]))
            self.journal.delivered(nonce)
        return said


@pytest.fixture
def hand(toy: Toy, tmp_path: Path) -> Any:
    made = Hand(toy, tmp_path / "actuator")
    yield made
    made.journal.close()


def permitted(toy: Toy) -> Permit:
    toy.read()
    _, effects = toy.propose("valve/opening", 0.6)
    (permit,) = permits(effects)
    return permit


def sealed(permit: Permit, by: str = "permit", purpose: str = Purpose.PERMIT) -> bytes:
    key = signer(by) if by != "stranger" else stranger()
    return seal(write_permit(permit), signer=key, plant=PLANT, purpose=purpose)


def test_c12_a_permit_of_the_core_is_written_once_and_its_report_ends_the_command(
    toy: Toy, hand: Hand
) -> None:
    permit = permitted(toy)
    for _ in range(3):
        hand.take(sealed(permit))
        hand.restart()
    assert hand.plc.writes == [(1, "holding", 10, WORDS_OF_0_6)]
    assert hand.report() == ["executed"]
    record = toy.memory.records[permit.command]
    assert (record.status.value, record.spent_ns > 0) == ("executed", True)


@pytest.mark.parametrize(
    "changes",
    [
        {"address": 11},
        {"device": "plc-2"},
        {"unit": 2},
        {"tag": "pump/run"},
        {"words": (0x4000, 0)},
        {"words": (0x7FC0, 0)},
        {"plant": "other"},
        {"expires_ns": 1},
        {"expires_ns": 2**62},
    ],
)
def test_c12_even_the_core_cannot_go_beyond_the_actuators_own_limits(
    toy: Toy, hand: Hand, changes: dict[str, Any]
) -> None:
    permit = replace(permitted(toy), **changes)
    hand.take(sealed(permit))
    assert hand.plc.writes == []
    assert hand.report() == ["refused"]


@pytest.mark.parametrize("by", ["stranger", "log", "actuator-1", "twin"])
def test_c12_no_other_key_makes_a_permit(toy: Toy, hand: Hand, by: str) -> None:
    hand.take(sealed(permitted(toy), by))
    assert hand.plc.writes == []
    assert hand.report() == []


def test_c12_the_permit_key_makes_no_permit_out_of_another_purpose(toy: Toy, hand: Hand) -> None:
    hand.take(sealed(permitted(toy), purpose=Purpose.COMMAND))
    assert hand.plc.writes == []


def test_c12_a_late_permit_is_refused(toy: Toy, hand: Hand) -> None:
    permit = permitted(toy)
    toy.wait(5)
    hand.take(sealed(permit))
    assert hand.plc.writes == []
    assert hand.report() == ["refused"]


def test_c12_a_permit_of_an_older_mode_is_refused(toy: Toy, hand: Hand) -> None:
    newer = replace(permitted(toy), mode_epoch=4, nonce=b"n" * 16)
    hand.take(sealed(newer))
    hand.restart()
    hand.take(sealed(replace(newer, mode_epoch=3, nonce=b"o" * 16)))
    assert len(hand.plc.writes) == 1
