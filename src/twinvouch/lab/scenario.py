"""The attacks of the demo, in order: how each is carried out, and how it is seen what became of it.

Three outcomes have exact meanings. *refused*: it had no effect and somebody said no. *detected*: it had
its effect, and a finding names it. *admitted*: it had its effect and nothing was found. An attack is
`ok` where the outcome is the expected one; `admitted` is expected where the means to find it are not
built yet.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from twinvouch.core.inventory import Table
from twinvouch.core.kind import Purpose
from twinvouch.lab import liar
from twinvouch.lab.interceptor import Order, Passed
from twinvouch.lab.net3 import BY_TAG, LEVEL, PERIODS_S, RUN, SPEED
from twinvouch.lab.site import DUPLICATE_WINDOW_S, EDGE
from twinvouch.lab.stage import (
    AGREED_S,
    EXECUTED,
    NO_SESSION,
    Stage,
    agrees,
    entries,
    found,
    is_far,
)
from twinvouch.wire.cose import seal, unseal

REFUSED, DETECTED, ADMITTED, NOTHING = "refused", "detected", "admitted", "nothing"
HOSTILE_SPEED: Final = 1.6  # would put 640 kPa on a discharge rated for 420
_WAIT_S: Final = 8.0
LEARNED: Final = ("residual", "drift")  # rules of the learned model
_REPLAYED_S: Final = 6.0


@dataclass(frozen=True, slots=True)
class Observation:
    """What became of an attack: outcome, in words, seconds until it was seen, ledger entry if any."""

    observed: str
    what: str
    seconds: float
    entry: int | None = None


@dataclass(frozen=True, slots=True)
class Attack:
    """One row of the demo's table."""

    name: str
    title: str
    expected: str
    carry_out: Callable[[Stage], Awaitable[Observation]]


async def _offset(stage: Stage) -> Observation:
    return await _lie(stage, "tank-3/level", liar.offset(20.0), ("range", "rate"))


async def _ramp_out(stage: Stage) -> Observation:
    return await _lie(stage, "node-263/pressure", liar.ramp(40.0), ("range",))


async def _lie(stage: Stage, tag: str, lie: liar.Lie, rules: tuple[str, ...]) -> Observation:
    since, began = await entries(stage), stage.seconds()
    stage.means.liar.lie(tag, lie)
    finding = await found(stage, since, rules, tag, _WAIT_S)
    seen_s = stage.seconds() - began
    stage.means.liar.stop()
    await stage.sleep(1.0)  # the truth comes back: another jump, which belongs to this attack
    if finding is None:
        return Observation(ADMITTED, "no finding", seen_s)
    return Observation(DETECTED, _told(finding), seen_s, finding["entry"])


async def _ramp_in(stage: Stage) -> Observation:
    """A slow lie inside every limit: what the plant usually does tells it."""
    until = stage.seconds() + AGREED_S
    while stage.seconds() < until and not await agrees(stage):
        await stage.sleep(0.5)
    return await _lie(stage, "tank-2/level", liar.ramp(0.1), LEARNED)


async def _sensor_replay(stage: Stage) -> Observation:
    """A sensor says once more what it said some seconds ago, to the last digit; listened to until nothing else is amiss."""
    tag, heard = "node-117/pressure", liar.Listener()
    until = stage.seconds() + AGREED_S
    while not heard.said or (stage.seconds() < until and not await agrees(stage)):
        heard = liar.Listener()
        stage.means.liar.lie(tag, heard)
        await stage.sleep(_REPLAYED_S)
    return await _lie(stage, tag, liar.again(heard.said, PERIODS_S["pressures"]), LEARNED)


async def _replay(stage: Stage) -> Observation:
    old = await _acknowledged(stage)
    await stage.sleep(DUPLICATE_WINDOW_S + 1.5)
    since, began = await entries(stage), stage.seconds()
    status, body = await stage.send_batch(old.raw)
    finding = await found(stage, since, ("replay",), EDGE, _WAIT_S)
    seen_s = stage.seconds() - began
    if finding is None or body.get("status") == "admitted":
        return Observation(ADMITTED, f"{status} {body.get('status')}", seen_s)
    return Observation(REFUSED, _told(finding), seen_s, finding["entry"])


async def _forged_edge(stage: Stage) -> Observation:
    """A stranger signs as edge-1: once with its own key id, once with the edge's."""
    genuine = await _acknowledged(stage)
    envelope = unseal(genuine.raw)
    began = stage.seconds()
    signer = stage.means.stranger
    plant = stage.means.insider.plant
    forged = seal(envelope.content, signer=signer, plant=plant, purpose=Purpose.READINGS)
    disguised = forged.replace(unseal(forged).key_id, envelope.key_id, 1)
    answers = [await stage.send_batch(raw) for raw in (forged, disguised)]
    seen_s = stage.seconds() - began
    return _refusals(answers, seen_s)


async def _tampered(stage: Stage) -> Observation:
    """One bit flipped on the way: refused, and the edge sends the genuine batch again."""
    passed, began = await _ordered(stage, Order.TAMPER)
    assert passed.body is not None
    seen = _refusals([(passed.status, passed.body)], stage.seconds() - began)
    for _ in range(int(_WAIT_S / 0.1)):
        if any(
            p.identity == passed.identity and p.is_acknowledged for p in stage.means.wire.passed
        ):
            return replace(seen, what=f"{seen.what}; sent again as it was and admitted")
        await stage.sleep(0.1)
    return replace(seen, what=f"{seen.what}; the genuine batch did not come again")


async def _dropped(stage: Stage) -> Observation:
    """The attacker swallows a batch and tells the edge that it arrived."""
    return await _missed(stage, Order.DROP, "gap")


async def _reordered(stage: Stage) -> Observation:
    return await _missed(stage, Order.HOLD, "reorder")


async def _missed(stage: Stage, order: Order, rule: str) -> Observation:
    since = await entries(stage)
    _, began = await _ordered(stage, order)
    finding = await found(stage, since, (rule,), EDGE, _WAIT_S)
    seen_s = stage.seconds() - began
    if finding is None:
        return Observation(ADMITTED, "no finding", seen_s)
    return Observation(DETECTED, _told(finding), seen_s, finding["entry"])


async def _hostile_command(stage: Stage) -> Observation:
    """The controller's key is stolen: a speed that bursts the main, and a pump that is not its own."""
    level = await stage.api.get(f"/tags/{LEVEL}", purpose="demo")
    inputs = {LEVEL: level["entry"]}
    before = len(stage.writes())
    began = stage.seconds()
    hand = stage.means.insider
    answers = [
        await stage.api.post("/commands", hand.sign(SPEED, HOSTILE_SPEED, inputs, "more water")),
        await stage.api.post("/commands", hand.sign("pump-335/run", 0.0, inputs, "saves energy")),
    ]
    seen_s = stage.seconds() - began
    await stage.sleep(2.0)  # long enough for a permit to reach the plant, if there were one
    speed = BY_TAG[SPEED].point.address
    written = [
        w for w in stage.writes()[before:] if w.table == Table.HOLDING and w.address == speed
    ]
    if written:
        return Observation(ADMITTED, f"written to the plant: {written[0].words}", seen_s)
    verdicts = [str(body.get("verdict", status)) for status, body in answers]
    if verdicts != ["deny", "deny"]:
        return Observation(NOTHING, f"verdicts {verdicts}", seen_s)
    _, body = answers[0]
    why = body.get("why") or body.get("detail") or "denied"
    return Observation(REFUSED, str(why), seen_s, _entry(body))


async def _direct_write_role(stage: Stage) -> Observation:
    """Past twinvouch, straight to the plant: it is the plant's own role check that refuses."""
    runs = stage.true_value(RUN)
    began = stage.seconds()
    codes = {
        who: await stage.direct_write(who, RUN, 1.0 - runs)
        for who in ("plain", "visitor", "nobody")
    }
    seen_s = stage.seconds() - began
    if EXECUTED in codes.values() or stage.true_value(RUN) != runs:
        return Observation(ADMITTED, f"the plant executed it: {codes}", seen_s)
    said = ", ".join(
        f"{who}: {'no TLS session' if code == NO_SESSION else f'exception {code}'}"
        for who, code in codes.items()
    )
    return Observation(REFUSED, f"by the plant ({said})", seen_s)


async def _direct_write_legacy(stage: Stage) -> Observation:
    """On a plant that takes plain writes the write is executed; it can only be seen."""
    await stage.set_legacy_writes(allowed=True)
    await _quiet(stage)
    since, began = await entries(stage), stage.seconds()
    code = await stage.direct_write("plain", RUN, 1.0 - stage.true_value(RUN))
    finding = await found(stage, since, ("unpermitted_actuation",), RUN, _WAIT_S)
    seen_s = stage.seconds() - began
    await stage.set_legacy_writes(allowed=False)
    if code != EXECUTED:
        return Observation(NOTHING, f"the plant refused: exception {code}", seen_s)
    if finding is None:
        return Observation(ADMITTED, "executed, no finding", seen_s)
    return Observation(DETECTED, f"executed; {_told(finding)}", seen_s, finding["entry"])


async def _quiet(stage: Stage) -> None:
    """Wait until the controller has just said again what it wants, and is not about to switch.

    It does so every few seconds, so that now nobody can mix its write and the attack up, nor undo the attack before
    anybody looked.
    """
    for _ in range(40):
        before = await _newest_command(stage)
        await stage.sleep(0.5)
        if is_far(stage) and await _newest_command(stage) != before:
            await stage.sleep(0.5)  # long enough to carry it out
            return


async def _newest_command(stage: Stage) -> str:
    """The id of the last command to pump 10 that was proposed."""
    listed = await stage.api.get("/commands", limit=20, purpose="demo")
    return next((str(c["id"]) for c in listed if c["tag"] == RUN), "")


async def _acknowledged(stage: Stage) -> Passed:
    """The newest batch that the core has acknowledged."""
    while True:
        for passed in reversed(stage.means.wire.passed):
            if passed.is_acknowledged:
                return passed
        await stage.sleep(0.1)


async def _ordered(stage: Stage, order: Order) -> tuple[Passed, float]:
    """Give the order, and wait for the batch that it meets; when that was."""
    wire = stage.means.wire
    count, began = len(wire.passed), stage.seconds()
    wire.order(order)
    return await wire.came_by(order, count), began


def _refusals(answers: list[Any], seen_s: float) -> Observation:
    said = [f"{body.get('rule', '?')} ({status})" for status, body in answers]
    is_refused = all(400 <= s < 500 and b.get("status") == "refused" for s, b in answers)
    named = [e for e in (_entry(body) for _, body in answers) if e is not None]
    entry = named[0] if named else None  # later ones of the same minute are counted, not entered
    return Observation(REFUSED if is_refused else ADMITTED, ", ".join(said), seen_s, entry)


def _entry(body: Any) -> int | None:
    entry = body.get("entry")
    return entry if isinstance(entry, int) else None


def _told(finding: Any) -> str:
    return f"{finding['rule']}: {finding['sentence']}"


ATTACKS: Final = (
    Attack("ramp_in", "sensor ramp inside its limits", DETECTED, _ramp_in),
    Attack("sensor_replay", "a sensor's last seconds again", DETECTED, _sensor_replay),
    Attack("offset", "sensor +20 m on tank 3", DETECTED, _offset),
    Attack("ramp_out", "sensor ramp beyond its range", DETECTED, _ramp_out),
    Attack("replay", "an old batch sent again", REFUSED, _replay),
    Attack("forged_edge", "a stranger signs as the edge", REFUSED, _forged_edge),
    Attack("tampered", "one bit of a batch flipped", REFUSED, _tampered),
    Attack("dropped", "a batch swallowed on the way", DETECTED, _dropped),
    Attack("reordered", "two batches swapped", DETECTED, _reordered),
    Attack("hostile_command", "stolen key: overspeed the pump", REFUSED, _hostile_command),
    Attack("direct_write_role", "direct write to the plant", REFUSED, _direct_write_role),
    Attack("direct_write_legacy", "the same, legacy plant", DETECTED, _direct_write_legacy),
)
