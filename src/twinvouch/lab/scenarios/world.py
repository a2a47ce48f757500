"""A world: one seed's clean training and its test with everything that happens in it, labelled.

The network runs once with all forces and changes; lies are told on top of what its instruments measured. How
far a force or a change moved the plant is measured against a second run without it alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.table import Table
from twinvouch.lab import plain_ridge
from twinvouch.lab.scenarios import hydraulics, lies, weather
from twinvouch.lab.scenarios.events import LIES, Event, draw
from twinvouch.lab.scenarios.hydraulics import Layout, layout
from twinvouch.lab.scenarios.settings import Settings
from twinvouch.lab.scenarios.targets import Plant, Strike, strike

_DAY_S: Final = 86_400
_BEGIN_S: Final = 1_767_225_600  # 2026-01-01 UTC
TRAINING, TEST = 3, 4  # streams of chance
_STILL: Final = (
    1e-3  # a tag that moves less than this does not move: a pump that stands lets some 1e-6 through
)


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """`training` and `test` as the plant reported them; `true` float64[R, K] is what test instruments would have reported.

    `sd` float64[K]: robust sd of the plain ridge on the training, the unit of sizes. `digest` names network file,
    settings and seed.
    """

    network: str
    seed: int
    digest: str
    assets: tuple[str, ...]
    sd: NDArray[np.float64]
    training: Table
    test: Table
    true: NDArray[np.float64]
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Sensors:
    """Noise and step of each tag, float64[K]; a status or set-point has neither."""

    noise: NDArray[np.float64]
    step: NDArray[np.float64]

    def measure(
        self, true: NDArray[np.float64], chance: np.random.Generator
    ) -> NDArray[np.float64]:
        """What instruments read: nothing flows through a closed meter, everything else is noisy and rounded."""
        noise = chance.normal(size=true.shape) * self.noise * (np.abs(true) > self.step)
        return self.rounded(true + noise)

    def rounded(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values at their tags' steps; of equal numbers equal bits."""
        step = np.where(self.step > 0, self.step, 1.0)
        whole = np.round(np.round(values / step) * step, 9)
        made: NDArray[np.float64] = np.where(self.step > 0, whole, values) + 0.0
        return made


@dataclass(frozen=True, slots=True, eq=False)
class Commissioned:
    """A network with its clean training run."""

    plant: Plant
    sensors: _Sensors
    training: Table


def world(network: str, seed: int, settings: Settings, directory: Path | None = None) -> World:
    """The world of a seed; networks that are not shipped are looked for in `directory`."""
    known = commissioned(network, settings, directory)
    plan = known.plant.plan
    strikes = tuple(strike(known.plant, drawn, settings) for drawn in draw(settings, seed))
    demand = demand_of(plan, settings, seed, settings.test_days)
    true = simulated(plan, demand, strikes, settings)
    measured = measure(known, true, seed)
    reported, events = measured.copy(), []
    for s in strikes:
        rows = slice(s.event.start, s.event.end)
        if s.event.type in LIES or s.event.type == "recalibration":
            size = _lie(known, s, measured, reported, settings)
        else:
            size = _moved(known.plant, s, strikes, (demand, true), settings)
        if s.event.type == "forced" and s.does is not None and s.drawn.chance.integers(2):
            shown = hydraulics.commanded(plan, true, s.does.link, settings.period_s)
            reported[rows, plan.ids.index(s.event.tags[0])] = shown[rows]
        if s.event.type == "threshold":  # what the operators see is what they once set
            place = plan.ids.index(s.event.tags[0])
            reported[rows, place] = known.training.values[0, place]
        events.append(replace(s.event, size=size))
    t_ns = known.training.t_ns[-1] + settings.period_s * 10**9 * np.arange(1, len(true) + 1)
    return World(
        network,
        seed,
        digest(network, seed, settings, directory),
        tuple(i.asset for i in plan.instruments),
        known.plant.sd,
        known.training,
        Table(plan.ids, t_ns, reported),
        measured,
        tuple(events),
    )


def digest(network: str, seed: int, settings: Settings, directory: Path | None = None) -> str:
    """SHA-256 that names a world: settings, network file and seed."""
    raw = hydraulics.file_of(settings.networks[network], directory).read_bytes()
    return sha256(f"{settings.digest} {sha256(raw).hexdigest()} {seed}".encode()).hexdigest()


def commissioned(network: str, settings: Settings, directory: Path | None = None) -> Commissioned:
    """The clean training run of a network, the same for every seed; kept for the life of the process."""
    path = hydraulics.file_of(settings.networks[network], directory)
    key = (network, path, settings.digest, settings.training_days, settings.training_seed)
    if key not in _KEPT:
        _KEPT[key] = _commission(layout(path, settings.networks[network]), settings)
    return _KEPT[key]


_KEPT: dict[tuple[str, Path, str, int, int], Commissioned] = {}


def _commission(plan: Layout, settings: Settings) -> Commissioned:
    demand = demand_of(plan, settings, settings.training_seed, settings.training_days, TRAINING)
    true = simulated(plan, demand, (), settings)
    span = np.ptp(true, axis=0)
    share = np.array([settings.noise.get(i.kind, 0.0) for i in plan.instruments])
    noise = np.where(span > _STILL, share * span, 0.0)
    step = np.where(noise > 0, 10.0 ** np.floor(np.log10(np.where(noise > 0, noise, 1.0))), 0.0)
    sensors = _Sensors(noise, step)
    measured = sensors.measure(true, np.random.default_rng([settings.training_seed, TRAINING, 1]))
    t_ns = (_BEGIN_S + settings.period_s * np.arange(len(true), dtype=np.int64)) * 10**9
    table = Table(plan.ids, t_ns, measured)
    sd = np.where(noise > 0, plain_ridge.robust_sd(table), 0.0)
    return Commissioned(Plant(plan, sd, measured.mean(axis=0)), sensors, table)


def measure(known: Commissioned, true: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """What the instruments of a seed's test read of true values; the first rows are the same of shorter runs."""
    return known.sensors.measure(true, np.random.default_rng([seed, TEST, 1]))


def demand_of(
    plan: Layout, settings: Settings, seed: int, days: int, stream: int = TEST
) -> NDArray[np.float64]:
    """Demand float64[R, D] with the warm-up before it; a test follows the training in the year."""
    warm = settings.warm_up_days * _DAY_S
    rows = (warm + days * _DAY_S) // settings.period_s
    after = settings.training_days * _DAY_S if stream == TEST else 0
    t_s = (
        _BEGIN_S % (366 * _DAY_S) + after - warm + settings.period_s * np.arange(rows, dtype=float)
    )
    chance = np.random.default_rng([seed, stream, 0])
    return weather.multipliers(plan.profiles, t_s, settings.weather, chance)


def simulated(
    plan: Layout, demand: NDArray[np.float64], strikes: Sequence[Strike], settings: Settings
) -> NDArray[np.float64]:
    """True values of the rows after the warm-up, with these strikes."""
    warm = settings.warm_up_days * _DAY_S // settings.period_s
    moved = demand.copy()
    for s in strikes:
        if s.district is not None:
            rows = slice(warm + s.event.start, warm + s.event.end)
            columns = slice(None) if s.district < 0 else slice(s.district, s.district + 1)
            moved[rows, columns] *= _profile(s)[: len(moved[rows]), None]
    does = [
        replace(s.does, start=s.does.start + warm, end=s.does.end + warm)
        for s in strikes
        if s.does is not None
    ]
    return hydraulics.run(plan, moved, does, settings.period_s)[warm:]


def _profile(s: Strike) -> NDArray[np.float64]:
    """How a district's demand is multiplied: a shift at once, a season slowly up and down again."""
    length = s.event.end - s.event.start
    if s.event.type == "season":
        return 1 + (s.factor - 1) * np.sin(np.pi * np.arange(length) / length) ** 2
    return np.full(length, s.factor)


def _lie(
    known: Commissioned,
    s: Strike,
    measured: NDArray[np.float64],
    reported: NDArray[np.float64],
    settings: Settings,
) -> float:
    """Put the lies of an event into `reported`; the size that came out."""
    plan, event = known.plant.plan, s.event
    places = [plan.ids.index(tag) for tag in event.tags]
    if event.type == "recalibration":  # it lasts
        event = replace(event, end=len(measured))
    sd = known.plant.sd[places]
    if event.type == "coordinated":
        tank = next(t for t in plan.tanks if t.level == places[0])
        volume = (tank.area, plan.settings.flow_to_volume, settings.period_s)
        told = lies.coordinated(
            measured[:, places], event, s.drawn, s.drawn.size * float(sd[0]), volume
        )
    else:
        kind = replace(event, type="offset") if event.type == "recalibration" else event
        told = lies.tell(measured[:, places], kind, s.drawn, s.drawn.size * sd, settings.period_s)
    rows = slice(event.start, event.end)
    before = reported[rows][:, places].copy()
    # what an earlier recalibration added stays
    whole = np.zeros((len(told), measured.shape[1]))
    whole[:, places] = told + (before - measured[rows][:, places])
    whole = known.sensors.rounded(whole)
    reported[event.start : event.end, places] = whole[:, places]
    away = np.abs(whole[:, places] - before)
    return float(np.max(away.max(axis=0)[sd > 0] / sd[sd > 0], initial=0.0))


def _moved(
    plant: Plant,
    s: Strike,
    strikes: Sequence[Strike],
    ran: tuple[NDArray[np.float64], NDArray[np.float64]],
    settings: Settings,
) -> float:
    """The largest departure of any tag from a run without this event, in its robust sd."""
    demand, true = ran
    warm = settings.warm_up_days * _DAY_S // settings.period_s
    others = [o for o in strikes if o is not s]
    without = simulated(plant.plan, demand[: warm + s.event.end], others, settings)
    rows = slice(s.event.start, s.event.end)
    away = np.abs(true[rows] - without[rows]).max(axis=0)
    return float(np.max(away[plant.sd > 0] / plant.sd[plant.sd > 0], initial=0.0))
