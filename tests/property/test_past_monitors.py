"""Rules over the past against other judges: a signal second by second, an independent STL library (rtamt), all realities.

Thousands of random traces. Where everything that was permitted was carried out and reported at once, the verdicts are
equal. Where outcomes are not known, a command that would break a rule in any reality is denied.
"""

from dataclasses import dataclass, field, replace
from itertools import product
from math import inf
from random import Random

import numpy as np
import pytest

from tests.unit.commands.world import LAMP, NOW, SECOND, VALVE, Board, command, plant, site
from twinvouch.commands import history, sequence
from twinvouch.commands.view import View
from twinvouch.core.context import ActuatorWrite, Context
from twinvouch.core.past import HOUR_NS, Joint, Past, Steady
from twinvouch.engine.past import PastMemory

TRACES = 1500
LATE = 600
HOUR = HOUR_NS // SECOND
LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)  # exact in binary: sums have no rounding


@dataclass
class Play:
    """An engine's memory of the past, and a frame that shows whatever was executed."""

    past: dict[str, Past]
    now: int = 0  # s since the trace began
    frame: Board = field(default_factory=Board)
    permits: int = 0

    def __post_init__(self) -> None:
        built = plant()
        tags = dict(built.tags)
        for name, rules in self.past.items():
            tags[name] = replace(
                tags[name], limits=replace(tags[name].limits, rate=inf, past=rules)
            )
        self.site = site(plant=plant(tags=tags))
        self.memory = PastMemory(self.site)
        self.frame.values |= {LAMP: 0.0, VALVE: 0.0}

    @property
    def now_ns(self) -> int:
        return NOW + self.now * SECOND

    def denies(self, tag: str, value: float) -> bool:
        m = self.memory
        context = Context(
            writes=m.writes, forgotten=m.forgotten, forgotten_ns=m.forgotten_ns, steady=m.steady
        )
        asked = command(tag, value)
        view = View(
            asked, self.site, self.frame, context, {}, frozenset(), self.now_ns, self.now_ns
        )
        target = view.target
        assert target is not None
        return bool(history.check(view, target))

    def permit(self, tag: str, value: float) -> ActuatorWrite:
        self.permits += 1
        now = self.now_ns
        write = ActuatorWrite(tag, value, now, now + 5 * SECOND, permit=self.permits)
        self.memory.add(write, self.frame, now)
        return write

    def report(self, write: ActuatorWrite, *, executed: bool | None) -> None:
        """None: nobody knows, and nobody will."""
        spent = self.now_ns if executed else 0
        over = replace(write, is_over=True, spent_ns=spent, is_void=executed is False)
        self.memory.add(over, self.frame, self.now_ns)
        if executed:
            self.frame.values[write.tag] = write.value


def breaks(rules: Past, x: np.ndarray, permitted: list[int], value: float) -> bool:
    """Second by second: would `value` now, after the signal `x` up to the last second, break a rule on this actuator alone?"""
    now = len(x)
    step = abs(value - x[-1])
    hour = max(0, now - HOUR)  # a change at `hour` exactly is an hour old
    moves = np.abs(np.diff(x))[hour:]  # moves[i] happened at second hour + i + 1
    if moves.sum() + step > rules.travel:
        return True
    if rules.writes and sum(p > now - HOUR for p in permitted) >= rules.writes:
        return True
    starts = ((x[1:] != 0) & (x[:-1] == 0))[hour:].sum()
    if rules.starts and value != 0 and x[-1] == 0 and starts >= rules.starts:
        return True
    dwell = rules.dwell_off_ns if value != 0 else rules.dwell_on_ns
    lately = x[max(0, now - dwell // SECOND) :]
    if dwell and (value != 0) != (x[-1] != 0) and ((lately != 0) == (value != 0)).any():
        return True
    window = x[max(0, now - rules.ramp_ns // SECOND) :]
    return bool(rules.ramp_ns and (np.abs(window - value) > rules.ramp).any())


def drawn(chance: Random) -> Past:
    def some(*values):
        return chance.choice(values)

    return Past(
        travel=some(inf, 1.0, 2.5),
        writes=some(0, 0, 3, 6),
        starts=some(0, 0, 1, 2),
        dwell_on_ns=some(0, 20, 300) * SECOND,
        dwell_off_ns=some(0, 45, 600) * SECOND,
        ramp=(ramp := some(inf, 0.25, 0.5)),
        ramp_ns=0 if ramp == inf else some(30, 600, 4000) * SECOND,
    )


class Signal:
    """What an actuator was, one value a second; `current` from now on."""

    def __init__(self, before: int) -> None:
        self.current = 0.0
        self.x = np.zeros(before)

    def wait(self, seconds: int) -> None:
        self.x = np.append(self.x, np.full(seconds, self.current))


@pytest.mark.parametrize("part", range(3))
def test_where_all_is_known_the_verdict_is_that_of_the_signal_second_by_second(part: int) -> None:
    seen = [0, 0]
    for seed in range(part, TRACES, 3):
        chance = Random(seed)
        rules = drawn(chance)
        play, signal, permitted = Play({LAMP: rules}), Signal(2 * HOUR), list[int]()
        for _ in range(25):
            pause = chance.choice((6, 7, 20, 45, 299, 300, 600, 1200))
            play.now += pause
            signal.wait(pause)
            value = chance.choice(LEVELS)
            expected = breaks(rules, signal.x, permitted, value)
            assert play.denies(LAMP, value) is expected, (seed, play.now, value, rules)
            seen[expected] += 1
            if not expected:
                permitted.append(len(signal.x))
                play.report(play.permit(LAMP, value), executed=True)
                signal.current = value
    assert min(seen) > 2000, seen


def historically(formula: str, **signals: np.ndarray) -> float:
    """The robustness of a past-time STL formula at the end of signals of one sample a second, by rtamt."""
    import rtamt

    spec = rtamt.StlDiscreteTimeSpecification()
    for name in signals:
        spec.declare_var(name, "float")
    spec.declare_var("out", "float")
    spec.spec = f"out = {formula}"
    spec.parse()
    data = {name: x.tolist() for name, x in signals.items()}
    time = list(range(len(next(iter(signals.values())))))
    return float(spec.evaluate({"time": time, **data})[-1][1])


def test_dwell_ramp_and_sequence_are_what_an_stl_library_says() -> None:
    """`historically` over the window before the command: switched long enough ago, never further away, there all the time."""
    pytest.importorskip("rtamt")
    seen = [0, 0]
    first = Steady("first", VALVE, 0.5, inf, 40 * SECOND)
    for seed in range(120):
        chance = Random(seed)
        rules = Past(
            dwell_on_ns=30 * SECOND, dwell_off_ns=50 * SECOND, ramp=0.5, ramp_ns=60 * SECOND, after=(first,)
        )  # fmt: skip
        play, signal, other = Play({LAMP: rules}), Signal(100), Signal(100)
        for _ in range(12):
            pause = chance.choice((6, 10, 29, 30, 40, 60))
            play.now += pause
            signal.wait(pause)
            other.wait(pause)
            if chance.random() < 0.3:
                other.current = chance.choice(LEVELS)
            for second in range(pause):  # what the sensor read meanwhile, each second
                at = len(other.x) - pause + second
                now = other.x[at] if second < pause - 1 else other.current
                key, since = first.key, play.memory.steady.get(first.key, sequence.NOT)
                start = play.now_ns - (pause - 1 - second) * SECOND
                there = now >= 0.5
                play.memory.steady[key] = (
                    sequence.NOT if not there else start if since < 0 else since
                )
            play.frame.values[VALVE] = other.current
            value = chance.choice(LEVELS)
            dwell = 50 if value else 30
            opposite = "(x <= 0.1)" if value else "(x >= 0.1)"
            is_switch = (value != 0) is not (signal.current != 0)
            dwells = historically(f"historically[0:{dwell - 1}] {opposite}", x=signal.x) >= 0
            near = f"((x - {value} <= 0.5) and ({value} - x <= 0.5))"
            is_near = historically(f"historically[0:59] {near}", x=signal.x) >= 0
            seconds = np.append(other.x, other.current)  # the reading of this second too
            comes_after = historically("historically[0:40] (y >= 0.5)", y=seconds[1:]) >= 0
            allowed = (dwells or not is_switch) and is_near and (comes_after or value == 0)
            assert play.denies(LAMP, value) is not allowed, (seed, play.now, value)
            seen[allowed] += 1
            if allowed:
                play.report(play.permit(LAMP, value), executed=True)
                signal.current = value
    assert min(seen) > 100, seen


def test_whatever_becomes_of_permits_nothing_is_carried_out_that_breaks_a_rule() -> None:
    """Permits are carried out late or never, in order, and reported late or never; readings are up to 4 s old.

    The judge is the true signal at the moment of each execution, which the engine never sees.
    """
    carried = 0
    for seed in range(LATE):
        chance = Random(10_000 + seed)
        rules = drawn(chance)
        play, x = Play({LAMP: rules}), np.zeros(2 * HOUR)
        done: list[int] = []  # executions, places in x
        coming: list[tuple[int, ActuatorWrite]] = []  # second of the execution, -1: never
        open_ones: dict[int, tuple[int, ActuatorWrite]] = {}
        for _ in range(20):
            pause, began = chance.choice((1, 2, 6, 30, 299, 900)), play.now
            for second in range(began, began + pause):
                while coming and coming[0][0] == second:
                    write = coming.pop(0)[1]
                    assert not breaks(rules, x, done, write.value), (seed, second, write)
                    done.append(len(x))
                    play.now = second
                    if chance.random() < 0.7:
                        play.frame.values[LAMP] = x[-1]  # the report may come before any reading
                        _reported(play, write)
                        open_ones.pop(write.permit)
                    carried += 1
                    x = np.append(x, write.value)
                    break
                else:
                    x = np.append(x, x[-1])
            play.now = began + pause
            play.frame.values[LAMP] = x[-1 - chance.randrange(4)]
            for permit, (until, write) in list(open_ones.items()):
                if play.now > until + 35:
                    play.report(write, executed=None)
                    del open_ones[permit]
            value = chance.choice(LEVELS)
            if play.denies(LAMP, value):
                continue
            write = play.permit(LAMP, value)
            at = play.now + chance.randrange(4)
            at = max(at, coming[-1][0] + 1) if coming else at
            open_ones[write.permit] = (play.now + 5, write)
            if chance.random() < 0.8 and at < play.now + 5:
                coming.append((at, write))
    assert carried > 1200, carried


def _reported(play: Play, write: ActuatorWrite) -> None:
    """The reading stays what it is until one comes."""
    before = play.frame.values[write.tag]
    play.report(write, executed=True)
    play.frame.values[write.tag] = before


def test_two_actuators_are_never_permitted_what_they_must_not_be_together() -> None:
    """Every order in which permits on their way are carried out, or not, keeps the sum and the difference."""
    allowed = 0
    for seed in range(TRACES):
        chance = Random(20_000 + seed)
        high, apart = chance.choice((1.0, 1.5)), chance.choice((inf, 0.5, 0.75))
        joint = Joint("both", (), high_sum=high, difference=apart)
        play = Play({
            LAMP: Past(joints=(replace(joint, others=(VALVE,)),)),
            VALVE: Past(joints=(replace(joint, others=(LAMP,)),)),
        })  # fmt: skip
        coming: list[ActuatorWrite] = []
        for _ in range(14):
            play.now += chance.choice((0, 1, 3, 8))
            tag, value = chance.choice((LAMP, VALVE)), chance.choice(LEVELS)
            if not play.denies(tag, value):
                coming.append(play.permit(tag, value))
                allowed += 1
            if coming and chance.random() < 0.6:
                write = coming.pop(chance.randrange(len(coming)))
                play.report(write, executed=chance.choice((True, True, False)))
            at = {
                t: {play.frame.values[t], *(w.value for w in coming if w.tag == t)}
                for t in (LAMP, VALVE)
            }
            for a, b in product(at[LAMP], at[VALVE]):
                assert a + b <= high, (seed, at)
                assert abs(a - b) <= apart, (seed, at)
    assert allowed > 3000
