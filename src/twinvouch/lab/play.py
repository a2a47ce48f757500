"""Plays the scenario on a stage, attack by attack; the same with real processes and in memory."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from twinvouch.core.errors import UnavailableError
from twinvouch.lab import report
from twinvouch.lab.net3 import REGISTERS, RUN
from twinvouch.lab.scenario import ATTACKS, Attack
from twinvouch.lab.stage import Stage

Say = Callable[[str], None]
_STEADY_S = 45.0
_PAUSE_S = 0.5


async def play(
    stage: Stage, say: Say, before: Callable[[Attack], Awaitable[None]]
) -> Sequence[report.Row]:
    """Every attack in order; `before` is called ahead of each. Rows are said as they come."""
    say(report.heading())
    rows = []
    for attack in ATTACKS:
        await before(attack)
        seen = report.row(attack, await attack.carry_out(stage))
        say(report.line(attack, seen))
        rows.append(seen)
        await stage.sleep(_PAUSE_S)
    return rows


async def readings(stage: Stage) -> None:
    """Wait until every tag has been admitted."""
    until = stage.seconds() + _STEADY_S
    missing: list[str] = [register.tag for register in REGISTERS]
    while missing and stage.seconds() < until:
        await stage.sleep(0.2)
        tags = await stage.api.get("/tags", purpose="demo")
        missing = [tag["tag"] for tag in tags if tag["value"] is None]
    if missing:
        raise UnavailableError(f"no value of {missing[:3]} was admitted in {_STEADY_S:.0f} s")


async def commands(stage: Stage) -> None:
    """Wait until the first command to pump 10 was carried out."""
    until = stage.seconds() + _STEADY_S
    while not any(command["tag"] == RUN for command in await _executed(stage)):
        if stage.seconds() >= until:
            raise UnavailableError(f"no command was executed in {_STEADY_S:.0f} s")
        await stage.sleep(0.2)


async def executed(stage: Stage) -> int:
    """How many commands the core knows as executed."""
    return len(await _executed(stage))


async def _executed(stage: Stage) -> Sequence[Mapping[str, Any]]:
    listed = await stage.api.get("/commands", status="executed", limit=1000, purpose="demo")
    return list(listed)


async def unpermitted(stage: Stage) -> int:
    """How many changes of an actuator without a permit were found."""
    listed = await stage.api.get("/findings", limit=1000, purpose="demo")
    return sum(finding["rule"] == "unpermitted_actuation" for finding in listed)
