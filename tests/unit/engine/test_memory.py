"""What the engine remembers of commands is bounded, and what could be sent again is not forgotten."""

from dataclasses import replace

import pytest

from tests.unit.engine.tape import SITE
from twinvouch.commands.register import Record
from twinvouch.core.command import Command, CommandStatus, Decision, Verdict
from twinvouch.engine import memory as memories
from twinvouch.engine import rows
from twinvouch.engine.memory import Memory

SECOND = 1_000_000_000


def record(number: int, made_ns: int, status: CommandStatus = CommandStatus.EXECUTED) -> Record:
    command = Command(f"{number:032x}", "twin", "pump/run", 1.0, "", made_ns, (), "")
    decision = Decision(command.id, Verdict.ALLOW, (), (0, 0, 0, 0), ())
    nonce = number.to_bytes(16, "big")
    return Record(
        command, bytes(32), number, decision, number, status, made_ns, made_ns, (), nonce, number
    )


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    monkeypatch.setattr(memories, "RECENT_CLOSED", 10)
    monkeypatch.setattr(memories, "RECENT_COMMANDS", 100)
    return Memory(SITE)


def add(memory: Memory, one: Record) -> None:
    memory.now_ns = max(memory.now_ns, one.command.made_ns)
    memory.keep(one)


def test_the_oldest_closed_commands_are_forgotten_and_their_rows_deleted(memory: Memory) -> None:
    for n in range(60):
        add(memory, record(n, n * 10 * SECOND))
    kept = sorted(r.entry for r in memory.records.values())
    assert kept == list(range(50, 60))
    assert len(memory.by_nonce) == memory.closed == 10
    drained = rows.drain(memory)
    assert sum(k.startswith("command/") and row is None for k, row in drained.items()) == 50


def test_a_command_that_could_be_sent_again_is_not_forgotten(memory: Memory) -> None:
    age_s = SITE.commands.max_age_ns // SECOND
    for n in range(age_s):
        add(memory, record(n, n * SECOND))
    assert len(memory.records) == age_s, "each is young enough to be taken for new if forgotten"


def test_open_commands_stay_until_there_are_far_too_many(memory: Memory) -> None:
    for n in range(50):
        add(memory, record(n, n * 100 * SECOND, CommandStatus.HELD))
    assert len(memory.records) == 50
    for n in range(50, 130):
        add(memory, record(n, n * 100 * SECOND, CommandStatus.HELD))
    assert len(memory.records) == 100


def test_closed_ones_are_counted_whatever_happens_to_them_and_over_a_restart(
    memory: Memory,
) -> None:
    held = record(1, SECOND, CommandStatus.HELD)
    add(memory, held)
    assert memory.closed == 0
    for status in (CommandStatus.PERMITTED, CommandStatus.UNKNOWN, CommandStatus.EXECUTED):
        memory.keep(replace(held, status=status))
    assert memory.closed == 1
    again = Memory(SITE)
    rows.restore(again, {k: v for k, v in rows.drain(memory).items() if v is not None})
    assert again.closed == 1
    assert again.records == memory.records
