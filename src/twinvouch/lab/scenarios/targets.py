"""Whom an event strikes: pumps that run, levels that move, set-points that matter."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twinvouch.lab.epanet_model import ControlType
from twinvouch.lab.scenarios.events import FORCES, Context, Drawn, Event, one_of
from twinvouch.lab.scenarios.hydraulics import Intervention, Layout, Tank
from twinvouch.lab.scenarios.settings import Settings

_PHYSICAL = (*FORCES, "setpoint", "maintenance")


@dataclass(frozen=True, slots=True, eq=False)
class Plant:
    """A layout and how its tags behaved in training: robust sd float64[K] (0: never moved), means of statuses float64[K]."""

    plan: Layout
    sd: NDArray[np.float64]
    mean: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Strike:
    """An event with its target.

    `does` is what it does to the plant, `district` (-1: all) whose demand it multiplies by up
    to `factor`.
    """

    event: Event
    drawn: Drawn
    does: Intervention | None = None
    district: int | None = None
    factor: float = 1.0


def strike(plant: Plant, drawn: Drawn, settings: Settings) -> Strike:
    """Choose a target for a drawn event."""
    if drawn.type in _PHYSICAL:
        return _physical(plant, drawn, settings)
    if drawn.type in {"demand_shift", "season"}:
        return _demand(plant, drawn, settings)
    if drawn.type in {"replay_group", "coordinated"}:
        return _of_tank(plant, drawn)
    place = one_of(drawn.chance, _continuous(plant))
    return Strike(_event(plant, drawn, [place]), drawn)


def _continuous(plant: Plant) -> list[int]:
    kinds = [i.kind for i in plant.plan.instruments]
    return [
        n
        for n, kind in enumerate(kinds)
        if kind in {"level", "pressure", "flow"} and plant.sd[n] > 0
    ]


def _event(plant: Plant, drawn: Drawn, places: list[int], asset: str = "") -> Event:
    instruments = plant.plan.instruments
    tags = tuple(instruments[n].tag for n in places)
    return Event(
        drawn.type,
        drawn.type not in {"setpoint", "maintenance", "recalibration", "demand_shift", "season"},
        drawn.start,
        drawn.end,
        tags,
        asset or instruments[places[0]].asset,
        context=_context(drawn, tags),
    )


def _context(drawn: Drawn, tags: tuple[str, ...]) -> Context | None:
    kinds = {"setpoint": "command", "maintenance": "ticket", "recalibration": "ticket"}
    if drawn.type not in kinds:
        return None
    return Context(kinds[drawn.type], tags, drawn.start, drawn.end)


def _moving_links(plant: Plant) -> list[int]:
    """Places of the status tags of pumps and valves that ran for a while and stood for a while in training."""
    return [
        n
        for n, i in enumerate(plant.plan.instruments)
        if i.kind == "status" and 0.02 < plant.mean[n] < 0.98 and i.place not in plant.plan.valves
    ]


def _physical(plant: Plant, drawn: Drawn, settings: Settings) -> Strike:
    plan, chance = plant.plan, drawn.chance
    status = one_of(chance, _moving_links(plant))
    link, asset = plan.instruments[status].place, plan.instruments[status].asset
    if drawn.type in {"forced", "maintenance"}:
        setting = 0.0 if drawn.type == "maintenance" else float(chance.integers(2))
        tags = [status, *(n for n in plan.of(asset) if plan.instruments[n].kind == "flow")]
        told = tags[:1] if drawn.type == "maintenance" else tags
        does = Intervention(drawn.start, drawn.end, link=link, setting=setting)
        return Strike(_event(plant, drawn, told, asset), drawn, does)
    shown = [n for n in plan.of(asset) if plan.instruments[n].kind == "setpoint"]
    if not shown:  # it runs by the clock
        link = next(c.link for c in plan.controls if c.kind != ControlType.AT_CLOCK)
        asset = next(i.asset for i in plan.instruments if i.kind == "status" and i.place == link)
        shown = [n for n in plan.of(asset) if plan.instruments[n].kind == "setpoint"]
    place = one_of(chance, shown)
    control = plan.instruments[place].place
    band = [plan.controls[plan.instruments[n].place].level for n in shown]
    low, high = settings.change.threshold
    part = chance.uniform(low, high) * (max(band) - min(band))
    inwards = -1.0 if plan.controls[control].level == max(band) else 1.0
    sign = inwards if chance.integers(2) else -inwards
    level = max(plan.controls[control].level + sign * part, 0.05)
    does = Intervention(drawn.start, drawn.end, control=control, level=level)
    status = next(n for n in plan.of(asset) if plan.instruments[n].kind == "status")
    told = [place, status] if drawn.type == "threshold" else [place]
    return Strike(_event(plant, drawn, told, asset), drawn, does)


def _demand(plant: Plant, drawn: Drawn, settings: Settings) -> Strike:
    is_season = drawn.type == "season"
    low, high = settings.change.season if is_season else settings.change.demand
    size = drawn.chance.uniform(low, high) * (1 if drawn.chance.integers(2) else -1)
    district = -1 if is_season else int(drawn.chance.integers(plant.plan.profiles.shape[1]))
    event = Event(drawn.type, is_attack=False, start=drawn.start, end=drawn.end, tags=(), asset="")
    return Strike(event, drawn, district=district, factor=1 + size)


def _of_tank(plant: Plant, drawn: Drawn) -> Strike:
    """A tank's level together with the flow of what fills it, or with all tags of that."""
    tanks = [t for t in plant.plan.tanks if any(_flow(plant, t))]
    tank = tanks[int(drawn.chance.integers(len(tanks)))]
    flows = _flow(plant, tank)
    if drawn.type == "coordinated":
        return Strike(_event(plant, drawn, [tank.level, flows[0]]), drawn)
    assets = {plant.plan.instruments[n].asset for n in flows}
    moving = [
        n
        for asset in sorted(assets)
        for n in plant.plan.of(asset)
        if plant.plan.instruments[n].kind in {"flow", "status"}
    ]
    return Strike(_event(plant, drawn, [tank.level, *moving]), drawn)


def _flow(plant: Plant, tank: Tank) -> list[int]:
    """Flows of what the tank's level controls and that ran in training."""
    return [
        n
        for n, i in enumerate(plant.plan.instruments)
        if i.kind == "flow" and plant.sd[n] > 0 and i.asset.partition("-")[2] in tank.links
    ]
