"""The harness can fail: each invariant is broken on purpose, and a few seeds find it."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.app import actuator_check, edge_ship
from twinvouch.app.actuator import Actuator
from twinvouch.app.edge_ship import Verdict
from twinvouch.app.simulation import checks, process_disk, world
from twinvouch.app.simulation.run import simulate
from twinvouch.commands import derivation
from twinvouch.commands import gate as commands_gate
from twinvouch.core import distrust
from twinvouch.core.context import Context
from twinvouch.core.event import Effect, Event
from twinvouch.core.label import Label
from twinvouch.core.mode import Mode
from twinvouch.engine import Engine, disavowed, flow
from twinvouch.ledger import entry
from twinvouch.readings import gate
from twinvouch.wire.outcome import write_outcome


def caught(names: set[str], seeds: Sequence[int] = range(40)) -> None:
    """One of the invariants `names` is violated in one of the seeds."""
    seen: set[str] = set()
    for seed in seeds:
        seen |= {sentence.partition(":")[0] for sentence in simulate(seed).violations}
        if names & seen:
            return
    raise AssertionError(f"expected one of {names}, the seeds found {seen}")


def forgetful(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Syncs of one kind of file do nothing."""
    real = process_disk.DiskOf.fsync

    def fsync(self: Any, descriptor: int) -> None:
        if process_disk.kind(self._open[descriptor][0]) != kind:
            real(self, descriptor)

    monkeypatch.setattr(process_disk.DiskOf, "fsync", fsync)


def test_effects_before_the_sync_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    forgetful(monkeypatch, "log")
    caught({"durable"}, range(3))


def test_a_log_that_is_too_short_after_power_failed_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forgetful(monkeypatch, "log")
    monkeypatch.setattr(world, "is_durable", lambda *_: "")
    caught({"acknowledged", "processes"})


def test_an_edge_that_takes_a_refusal_for_a_receipt_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for place in (world, edge_ship):
        monkeypatch.setattr(place, "verdict", lambda *_: Verdict.KEPT)
    monkeypatch.setattr(
        world.World,
        "_heard_by_edge",
        lambda self, _path, raw, status, _said: self.seen.acknowledged.update({raw: str(status)}),
    )
    caught({"acknowledged"})


def test_answers_about_nothing_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    real = checks.Evidence.sent.func  # type: ignore[attr-defined]
    shorter = {"n": 0}

    def sent(self: Any) -> Any:
        shorter["n"] += 1
        return {
            raw: salts for raw, salts in real(self).items() if raw not in self.world.seen.answered
        }

    monkeypatch.setattr(checks.Evidence, "sent", property(sent))
    caught({"answered"}, range(3))
    assert shorter["n"]


def test_a_permit_that_is_not_spent_durably_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    forgetful(monkeypatch, "journal")
    caught({"executed"}, range(200, 300))


def test_a_permit_that_is_sent_again_after_a_restart_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = Actuator._resolve_one

    async def again(self: Actuator, spending: Any) -> None:
        own = self.limits.points[spending.tag]
        point = own.point
        await self.devices[point.device].write(
            point.unit, point.table, point.address, spending.words
        )
        await real(self, spending)

    monkeypatch.setattr(Actuator, "_resolve_one", again)
    caught({"executed", "unknown"}, range(260, 300))


def test_an_outcome_that_is_made_up_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    from twinvouch.app import actuator
    from twinvouch.core.command import OutcomeStatus

    def lied(outcome: Any, plant: str) -> bytes:
        if outcome.status in {OutcomeStatus.UNKNOWN, OutcomeStatus.FAILED}:
            outcome = replace(outcome, status=OutcomeStatus.EXECUTED)
        elif outcome.status is OutcomeStatus.EXECUTED:
            outcome = replace(outcome, status=OutcomeStatus.REFUSED)
        return write_outcome(outcome, plant)

    monkeypatch.setattr(actuator, "write_outcome", lied)
    caught({"unknown"}, range(5))


def test_writes_outside_the_actuators_limits_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def any_value(permit: Any, own: Any) -> Any:
        value = actuator_check.from_words(permit.words, own.point)
        return actuator_check.Accepted(permit, own, value)

    monkeypatch.setattr(actuator_check, "_value", any_value)
    caught({"executed"}, range(20))


def test_a_label_that_is_raised_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    real = gate.label

    def raised(*args: Any) -> Label:
        label = real(*args)
        return Label(np.maximum(label.axes, 230), label.fresh_until.copy())

    monkeypatch.setattr(gate, "label", raised)
    caught({"labels"}, range(3))


def test_a_rule_that_is_forgotten_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "RULES", [r for r in gate.RULES if r.NAME != "rate"])
    caught({"labels"}, range(20))


@pytest.mark.parametrize("forgotten", ["principal", "key"])
def test_a_distrust_that_forgets_what_a_subject_is_made_of_is_caught(
    monkeypatch: pytest.MonkeyPatch, forgotten: str
) -> None:
    real = distrust.tags_in

    def fewer(subject: Any, *known: Any) -> tuple[str, ...]:
        return () if subject.kind == forgotten else real(subject, *known)

    monkeypatch.setattr(distrust, "tags_in", fewer)
    caught({"labels"})


def test_a_key_that_a_person_distrusts_and_that_commands_all_the_same_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(derivation, "bad_keys", lambda *_: [])
    caught({"labels"}, range(120))


def test_a_mode_that_nobody_asks_for_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Context, "mode_of", lambda *_: Mode())
    caught({"modes"}, range(20))


def test_a_second_root_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that is not a function of the log: a restart makes another one."""

    def start(plant: str, now_ns: int, event: Any, salt: bytes) -> bytes:
        del salt
        return entry.start(plant, now_ns, event, os.urandom(16))

    monkeypatch.setattr(flow, "entry", SimpleNamespace(**{**vars(entry), "start": start}))
    caught({"checkpoints", "ledger"}, range(3))


def test_state_that_is_not_a_function_of_the_log_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., list[Effect]] = Engine.feed
    fed = {"n": 0}

    def feed(self: Engine, event: Event, now_ns: int, *more: bytes) -> list[Effect]:
        fed["n"] += 1
        self.memory.counts[f"fed:{fed['n'] % 7}"] += 1
        return real(self, event, now_ns, *more)

    monkeypatch.setattr(Engine, "feed", feed)
    caught({"state"}, range(3))


def test_permits_on_a_full_disk_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands_gate, "disk", SimpleNamespace(check=lambda _: ()))
    caught({"room"}, range(60))


def test_a_shipper_that_gives_up_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_ship, "verdict", lambda *_: Verdict.LATER)
    caught({"alive"}, range(2))


def test_a_process_that_does_not_come_back_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: LedgerFiles, edge: Any) -> None:
        raise ValueError("a bug")

    real = LedgerFiles._write_checkpoint
    monkeypatch.setattr(
        LedgerFiles,
        "_write_checkpoint",
        lambda self, edge: real(self, edge) if edge.size < 40 else fails(self, edge),
    )
    caught({"processes"}, range(2))


def test_a_person_who_doubts_too_much_alone_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disavowed, "reaches_too_far", lambda *_: False)
    caught({"doubted"})
