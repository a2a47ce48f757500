"""The controller that stands for the twin."""

import asyncio
from typing import Any

import pytest

from twinvouch.adapters.keys import SeededSigner
from twinvouch.core.errors import UnavailableError
from twinvouch.core.kind import Purpose
from twinvouch.lab import virtual_time
from twinvouch.lab.controller import START_BELOW_M, STOP_ABOVE_M, TOWER, Controller, Hand, decide
from twinvouch.lab.virtual_time import VirtualLoop
from twinvouch.wire.command import read_command
from twinvouch.wire.cose import check, unseal

SIGNER = SeededSigner(bytes(range(32)))


class Core:
    """Answers reads from two numbers and remembers what was proposed."""

    def __init__(self, level: float | None, *, runs: bool) -> None:
        self.level, self.runs, self.away = level, runs, False
        self.posted: list[bytes] = []

    async def get(self, path: str, **params: str | int) -> Any:
        assert params == {"purpose": "level control"}
        if self.away:
            raise UnavailableError("away")
        value = self.level if path == "/tags/tank-1/level" else float(self.runs)
        return {"value": value, "entry": 7}

    async def post(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        assert path == "/commands"
        self.posted.append(body)
        return 200, {"status": "permitted"}


def hand() -> Hand:
    drawn = iter(range(1000))
    return Hand("net3", "controller", SIGNER, lambda n: next(drawn).to_bytes(n), lambda: 5)


@pytest.mark.parametrize(
    ("level", "runs", "wanted"),
    [
        (START_BELOW_M - 0.1, False, True),
        (START_BELOW_M - 0.1, True, True),
        (START_BELOW_M + 0.1, False, False),
        (START_BELOW_M + 0.1, True, True),
        (STOP_ABOVE_M + 0.1, True, False),
        (STOP_ABOVE_M + 0.1, False, False),
    ],
)
def test_it_starts_when_low_and_stops_when_high(level: float, runs: bool, wanted: bool) -> None:  # noqa: FBT001
    assert decide(level, runs=runs) is wanted


def test_what_it_proposes_is_signed_and_names_what_it_rests_on() -> None:
    core = Core(4.0, runs=False)

    async def main(_: VirtualLoop) -> None:
        await Controller(core, hand()).step()

    virtual_time.run(main)
    sealed = unseal(core.posted[0])
    check(sealed, SIGNER.public_key, plant="net3", purpose=Purpose.COMMAND)
    command = read_command(sealed.content, "net3")
    assert (command.principal, command.tag, command.value) == ("controller", "pump-10/run", 1.0)
    assert {(i.tag, i.entry) for i in command.inputs} == {("tank-1/level", 7), ("pump-10/run", 7)}
    assert "4.00 m" in command.reason


def test_it_repeats_calmly_waits_for_a_core_that_is_away_and_never_acts_on_nothing() -> None:
    core = Core(None, runs=False)

    async def main(loop: VirtualLoop) -> list[int]:
        counts = []
        task = asyncio.create_task(Controller(core, hand()).run())
        for change in (
            {},
            {"level": 5.0},
            {"away": True},
            {"away": False, "level": 4.0},
            {"runs": True},
        ):
            for name, value in change.items():
                setattr(core, name, value)
            await asyncio.sleep(10.2)
            counts.append(len(core.posted))
        task.cancel()
        assert loop.time() > 50
        return counts

    counts = virtual_time.run(main)
    steps = [after - before for before, after in zip([0, *counts], counts, strict=False)]
    assert steps[0] == 0
    assert steps[1] in {2, 3}
    assert steps[2] == 0
    assert steps[3] in {4, 5}, "a pump that does not do what is wanted is told sooner"
    assert steps[4] in {2, 3}


class Lied(Core):
    """A core whose tower's gauge is too low, which it knows: it holds what comes of it, and has an estimate."""

    def __init__(self) -> None:
        super().__init__(2.0, runs=False)
        self.state, self.held, self.asked = "stands_in", list[dict[str, str]](), list[str]()

    async def get(self, path: str, **params: str | int) -> Any:
        if path == "/commands":
            assert params["status"] == "held"
            return self.held
        self.asked.append(path)
        if path == "/virtual/tower/level":
            return {"value": 3.9, "entry": 11, "virtual": {"state": self.state}}
        return {
            "value": self.level if path == "/tags/tower/level" else float(self.runs),
            "entry": 7,
        }

    async def post(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        await super().post(path, body)
        self.held.append({"id": "c1"})
        return 200, {"status": "held", "id": "c1"}


def test_it_believes_its_gauge_until_it_is_held_and_again_when_the_gauge_counts() -> None:
    core = Lied()

    async def main(_: VirtualLoop) -> None:
        controller = Controller(core, hand(), TOWER)
        await controller.step()
        command = read_command(unseal(core.posted[0]).content, "net3")
        assert (command.tag, command.value) == ("booster/run", 1.0)
        assert {(i.tag, i.entry) for i in command.inputs} == {
            ("tower/level", 7),
            ("booster/run", 7),
        }
        core.runs = True
        await asyncio.sleep(5)
        await controller.step()  # 3.9 m by the estimate: as it is
        assert len(core.posted) == 1
        core.state = "counts"
        await controller.step()
        core.level = 4.1
        await controller.step()
        stop = read_command(unseal(core.posted[1]).content, "net3")
        assert stop.value == 0.0
        assert "4.10 m" in stop.reason

    virtual_time.run(main)
    levels = [path for path in core.asked if path.endswith("level")]
    assert levels == ["/tags/tower/level", *["/virtual/tower/level"] * 2, "/tags/tower/level"]


def test_a_command_that_was_only_tried_on_a_model_leaves_it_with_its_gauge() -> None:
    core = Lied()

    async def main(_: VirtualLoop) -> None:
        controller = Controller(core, hand(), TOWER)
        await controller.step()
        core.held.clear()
        await controller.step()

    virtual_time.run(main)
    assert not any(path.startswith("/virtual") for path in core.asked)


def test_nothing_is_said_from_an_estimate_that_has_no_entry_yet() -> None:
    core = Lied()

    async def main(_: VirtualLoop) -> None:
        controller = Controller(core, hand(), TOWER)
        await controller.step()
        core.runs, core.state = True, "stands_in"

        async def early(path: str, **params: str | int) -> Any:
            if path.startswith("/virtual"):
                return {"value": 4.5, "entry": None, "virtual": {"state": "stands_in"}}
            return await Lied.get(core, path, **params)

        core.get = early  # type: ignore[method-assign]
        await asyncio.sleep(5)
        assert await controller.step() is None

    virtual_time.run(main)
    assert len(core.posted) == 1
