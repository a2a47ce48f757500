"""The demo's second act: the tower's gauge is made to read low while the tower is full, so that its controller asks for the pump.

A second station measures the same level, fails with nothing that the liar holds, and says otherwise: the label of the gauge
falls. The pump's command is held, with the time in which it would have left the limits. An estimate from the second station's
meters stands in, and the controller goes on by it. `unprotected` plays the same lie with nothing between. What became of
the tower is read from the plant's own journal, and times are minutes of the plant's own clock, so that a slow machine
changes neither.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol, TypeVar

from twinvouch.core.errors import UnavailableError
from twinvouch.core.label import FULL
from twinvouch.lab.liar import Liar, offset
from twinvouch.lab.play import Say
from twinvouch.lab.processes import Processes
from twinvouch.lab.spoofed import Course, Estimated, Executed, Found, Held, Spoofed
from twinvouch.lab.stage import entries
from twinvouch.lab.tower import BOOSTER, GAUGE, LEVEL, LIMITS_M
from twinvouch.lab.truth import Journal

LIED_M: Final = 2.0
LASTS_MIN: Final = 220.0  # without twinvouch the tower runs over in 180 at most
FULL_M: Final = (3.9, 4.25)  # of the true level at which it begins, with the pump at rest
PATIENCE_MIN: Final = 1_200.0
_PLANT_S: Final = 600.0  # of the plant in one of the clock
_LOOK_S: Final = 0.2
_RULES: Final = {"label", "lookahead"}
Seen = TypeVar("Seen")


class Plant(Protocol):
    """What is really so, and a pause."""

    def journal(self) -> Journal:
        """The plant's journal so far."""
        ...

    def true_value(self, tag: str) -> float:
        """The newest true value."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let the run go on for a while."""
        ...


class Watch:
    """Minutes of the plant's clock since a moment, and where the tower was meanwhile."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._since_s = self._clock_s()

    def minute(self) -> float:
        """Plant minutes since then."""
        return (self._clock_s() - self._since_s) / 60

    def levels(self) -> list[float]:
        """The true level at every step of the plant since then."""
        return [t["level"] for t in self._towers()]

    def spilled_m3(self) -> float:
        """What has run over its rim since then."""
        towers = self._towers()
        return float(towers[-1]["spilled_m3"] - towers[0]["spilled_m3"])

    def first(self, above_m: float) -> float | None:
        """The minute at which the true level was first as high as that."""
        levels = self.levels()
        return next((float(n) for n, level in enumerate(levels) if level >= above_m), None)

    def _towers(self) -> list[Mapping[str, Any]]:
        truths = (line["truth"] for line in self._plant.journal().lines if "truth" in line)
        return [t["tower"] for t in truths if t["clock_s"] >= self._since_s]

    def _clock_s(self) -> float:
        truth = self._plant.journal().last()
        assert truth is not None, "the plant has not ticked yet"
        return float(truth["clock_s"])


def is_full(plant: Plant) -> bool:
    """Whether the tower was filled just now, and the pump rests."""
    low, high = FULL_M
    return plant.true_value(BOOSTER) == 0 and low <= plant.true_value(LEVEL) <= high


async def act(stage: Processes, say: Say) -> Spoofed:
    """Lie until the controller has started the pump by the estimate, and long enough to run over; then tell the truth again."""
    await _until(stage, Watch(stage), "be full and its two gauges agree", lambda: _is_calm(stage))
    since, since_ns, watch = await entries(stage), time.time_ns(), Watch(stage)
    trust = await _trust(stage)
    begin(stage.means.liar, stage, say)
    found = await _until(stage, watch, "be contradicted", lambda: _found(stage, since, watch))
    why = f"{found.rule}: {found.sentence}"
    _tell(say, found.minute, f"its label falls from {trust} to {found.trust}: {why}")
    held = await _until(stage, watch, "have a command held", lambda: _held(stage, since_ns, watch))
    ahead = f"with it the tower is above {LIMITS_M[1]} m in {held.leaves_in_min:.0f} min"
    _tell(say, held.minute, f"its controller asks for the pump: {held.verdict}; {ahead}")
    for sentence in held.sentences:
        say(f"      {sentence}")
    stands = await _until(stage, watch, "have an estimate", lambda: _estimate(stage, watch))
    between = f"{stands.value:.2f} m ({stands.low:.2f} to {stands.high:.2f})"
    _tell(say, stands.minute, f"an estimate stands in: {between}, in truth {stands.true_m:.2f} m")
    executed = await _until(
        stage, watch, "be controlled by it", lambda: _by_estimate(stage, since_ns, watch)
    )
    _tell(say, executed.minute, f"the controller goes by it: {executed.reason}: pump on, executed")
    while watch.minute() < LASTS_MIN:
        await stage.sleep(_LOOK_S)
    stage.means.liar.stop()
    lied_min, levels, spilled_m3 = watch.minute(), watch.levels(), watch.spilled_m3()
    after = await _until(stage, watch, "count again", lambda: _counts(stage))
    counts_min = watch.minute()
    _tell(say, counts_min, "the lie has ended, the gauge counts again\n")
    where = Course(min(levels), max(levels), LIMITS_M, spilled_m3)
    return Spoofed(
        LEVEL, LIED_M, lied_min, trust, found, held, stands, executed, counts_min, after, where
    )


def begin(between: Liar, plant: Plant, say: Say) -> None:
    """The lie of both runs."""
    between.lie(LEVEL, offset(-LIED_M))
    level = plant.true_value(LEVEL)
    about = f"in truth {level:.2f} m (minutes are the plant's)"
    say(f"`{LEVEL}` is made to read {LIED_M:g} m too little; {about} ...")


def _tell(say: Say, minute: float, what: str) -> None:
    say(f"  minute {minute:3.0f}  {what}")


async def _until(
    stage: Processes, watch: Watch, what: str, seen: Callable[[], Awaitable[Seen | None]]
) -> Seen:
    """The first that is seen; UnavailableError after a day and more of the plant."""
    since = watch.minute()
    while (found := await seen()) is None:
        if watch.minute() - since > PATIENCE_MIN:
            raise UnavailableError(f"`{LEVEL}` did not {what} in {PATIENCE_MIN:.0f} plant minutes")
        await stage.sleep(_LOOK_S)
    return found


async def _tag(stage: Processes, tag: str) -> Mapping[str, Any]:
    read: Mapping[str, Any] = await stage.api.get(f"/tags/{tag}", purpose="demo")
    return read


async def _trust(stage: Processes) -> int:
    return int((await _tag(stage, LEVEL))["headline"])


async def _is_calm(stage: Processes) -> bool | None:
    tags = [await _tag(stage, tag) for tag in (LEVEL, GAUGE)]
    agree = all(tag["label"]["plausibility"] == FULL for tag in tags)
    return (agree and is_full(stage)) or None


async def _found(stage: Processes, since: int, watch: Watch) -> Found | None:
    """That another failure domain contradicts the gauge, and its label has fallen."""
    tag = await _tag(stage, LEVEL)
    if tag["virtual"]["state"] == "counts":
        return None
    listed = await stage.api.get("/findings", since=since, limit=1000, purpose="demo")
    told = next((f for f in listed if f["rule"] == "redundancy"), None)
    if told is None:
        return None
    return Found(watch.minute(), told["rule"], told["sentence"], tag["headline"])


async def _held(stage: Processes, since_ns: int, watch: Watch) -> Held | None:
    """The command to start the pump, once look-ahead has spoken; all of one answer, since the listed one may be of before that."""
    for listed in await _commands(stage, since_ns, "held"):
        command = await stage.api.get(f"/commands/{listed['id']}/explain", purpose="demo")
        against = [r for r in command["reasons"] if r["rule"] in _RULES and r["verdict"] != "allow"]
        foreseen = command["foreseen"]
        is_spoken = foreseen is not None and foreseen["leaves_in_min"] is not None
        if is_spoken and command["status"] == "held" and {r["rule"] for r in against} == _RULES:
            return Held(
                command=command["id"],
                minute=watch.minute(),
                verdict=command["status"],
                leaves_in_min=foreseen["leaves_in_min"] * _PLANT_S,
                sentences=tuple(r["sentence"] for r in against),
            )
    return None


async def _estimate(stage: Processes, watch: Watch) -> Estimated | None:
    told = (await _tag(stage, LEVEL))["virtual"]
    if told["state"] != "stands_in":
        return None
    ends = told["value"], told["low"], told["high"]
    return Estimated(watch.minute(), *ends, stage.true_value(LEVEL), tuple(told["sources"]))


async def _by_estimate(stage: Processes, since_ns: int, watch: Watch) -> Executed | None:
    """A start of the pump that was executed though the gauge does not count: it declares the entry of the estimate."""
    entry = (await _tag(stage, LEVEL))["virtual"]["entry"]
    for command in await _commands(stage, since_ns, "executed"):
        if {"tag": LEVEL, "entry": entry} in command["inputs"]:
            return Executed(command["id"], watch.minute(), command["reason"])
    return None


async def _counts(stage: Processes) -> int | None:
    tag = await _tag(stage, LEVEL)
    return tag["headline"] if tag["virtual"]["state"] == "counts" else None


async def _commands(stage: Processes, since_ns: int, status: str) -> list[Mapping[str, Any]]:
    """Those that start the pump, of this act."""
    listed = await stage.api.get("/commands", status=status, limit=1000, purpose="demo")
    starts = (c for c in listed if (c["tag"], c["value"]) == (BOOSTER, 1.0))
    return [c for c in starts if c["made_ns"] > since_ns]
