"""A network run on EPANET with weather and interventions: what its instruments would truly read.

Status tags are 1 where a pump or valve is open. Set-point tags show the control levels that are in force.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from math import pi
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.errors import UsageError
from twinvouch.lab.epanet import Network, OfLink, OfNode, network_file
from twinvouch.lab.epanet_model import Control, ControlType, Count, Model, is_valve
from twinvouch.lab.scenarios.settings import NetworkSettings

_LARGE: Final = 40  # junctions of a pattern that is divided into districts
_DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Instrument:
    """One tag: `kind` is level, pressure, flow, status or setpoint; `place` an index of node, link or control."""

    tag: str
    asset: str
    kind: str
    place: int


@dataclass(frozen=True, slots=True)
class Tank:
    """A tank with the places, in the tags, of its level and of what is controlled by it; `area` in square units."""

    level: int
    links: tuple[str, ...]
    area: float


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """What is known of a network before it runs. `profiles` float64[24, D] of its districts.

    `valves` are links that nobody forces: EPANET cannot give them back the controls of the input file.
    """

    path: Path
    settings: NetworkSettings
    instruments: tuple[Instrument, ...]
    tanks: tuple[Tank, ...]
    controls: tuple[Control, ...]
    valves: frozenset[int]
    profiles: NDArray[np.float64]

    @property
    def ids(self) -> tuple[str, ...]:
        """All tags."""
        return tuple(i.tag for i in self.instruments)

    def of(self, asset: str) -> list[int]:
        """Places of an asset's tags."""
        return [n for n, i in enumerate(self.instruments) if i.asset == asset]

    def controls_of(self, link: int) -> list[int]:
        """Places of the controls of a link."""
        return [n for n, c in enumerate(self.controls) if c.link == link]


@dataclass(frozen=True, slots=True)
class Intervention:
    """From `start` to before `end` (rows) a link is forced to `setting`, or control `control` acts at `level`."""

    start: int
    end: int
    link: int = 0
    setting: float = 0.0
    control: int = -1
    level: float = 0.0


def file_of(settings: NetworkSettings, directory: Path | None) -> Path:
    """The input file: one of wntr's, or one in `directory`; UsageError where it is not there."""
    if not settings.file.endswith(".inp"):
        return network_file(settings.file)
    path = (directory or Path()) / settings.file
    if not path.is_file():
        raise UsageError(f"`{path}` is not there: say with --networks where it is")
    return path


@lru_cache(maxsize=4)
def layout(path: Path, settings: NetworkSettings) -> Layout:
    """Read a network's instruments, tanks, controls and districts."""
    with _open(path, settings) as (network, profiles):
        controls = tuple(Model(network).controls())
        instruments = tuple(_instruments(network, settings, controls))
        levels = {i.place: n for n, i in enumerate(instruments) if i.kind == "level"}
        tanks = []
        for node, place in levels.items():
            fed = {Model(network).link_name(c.link).lower() for c in controls if c.node == node}
            area = pi / 4 * network.node_value(node, OfNode.DIAMETER) ** 2
            tanks.append(Tank(place, tuple(sorted(fed)), area))
        links = {i.place for i in instruments if i.kind == "status"}
        valves = frozenset(n for n in links if is_valve(network, n))
        return Layout(path, settings, instruments, tuple(tanks), controls, valves, profiles)


def run(
    plan: Layout,
    demand: NDArray[np.float64],
    interventions: Sequence[Intervention],
    period_s: int,
) -> NDArray[np.float64]:
    """What every instrument would read each `period_s`, float64[R, K]; `demand` float64[R, D] multiplies the districts."""
    made = np.empty((len(demand), len(plan.instruments)))
    with _open(plan.path, plan.settings) as (network, _):
        model = Model(network)
        model.stop_every(period_s)
        first = model.count(Count.PATTERNS) - demand.shape[1] + 1
        clock, is_started = 0, False
        for row, shares in enumerate(demand.tolist()):
            for district, share in enumerate(shares):
                model.set_pattern(first + district, share)
            _intervene(network, plan, interventions, row)
            if not is_started:
                network.start()
                is_started = True
            while clock < row * period_s:
                clock = network.advance()
            made[row] = [_read(network, plan, i) for i in plan.instruments]
    _show_setpoints(plan, interventions, made)
    return made


def commanded(
    plan: Layout, values: NDArray[np.float64], link: int, period_s: int
) -> NDArray[np.float64]:
    """The status of a link by its controls and the true levels, float64[R]: what a lying controller would show."""
    place = next(
        n for n, i in enumerate(plan.instruments) if i.kind == "status" and i.place == link
    )
    levels = {i.place: n for n, i in enumerate(plan.instruments) if i.kind == "level"}
    shown = np.full(len(values), np.nan)
    clock = np.arange(len(values)) * period_s % _DAY_S
    for control in (c for c in plan.controls if c.link == link):
        if control.kind == ControlType.AT_CLOCK:
            shown[clock == control.level // period_s * period_s] = control.setting
        else:
            level = values[:, levels[control.node]]
            is_below = control.kind == ControlType.BELOW
            acts = level <= control.level if is_below else level >= control.level
            shown[acts] = control.setting
    known = np.maximum.accumulate(np.where(np.isnan(shown), 0, np.arange(len(shown))))
    held: NDArray[np.float64] = shown[known]
    return np.where(np.isnan(held), values[0, place], held)


@contextmanager
def _open(path: Path, settings: NetworkSettings) -> Iterator[tuple[Network, NDArray[np.float64]]]:
    """The network with a pattern of its own for each district, and the days' shapes of these."""
    network = Network(path, settings.step_s)
    model = Model(network)
    try:
        if settings.daily is not None:
            link = network.link(settings.daily.link)
            model.drop_controls_of(link)
            for hour, setting in ((settings.daily.on_h, 1.0), (settings.daily.off_h, 0.0)):
                model.add_control(Control(ControlType.AT_CLOCK, link, setting, 0, hour * 3600))
        for name, level in settings.off_above:
            link = network.link(name)
            for n, control in enumerate(model.controls()):
                if control.link == link and control.kind == ControlType.ABOVE:
                    model.set_control(n + 1, replace(control, level=level))
        yield network, _districts(network, settings.districts)
    finally:
        network.close()


def _districts(network: Network, divided: int) -> NDArray[np.float64]:
    """Give every junction a pattern that weather can move; large patterns are divided in the file's order."""
    model = Model(network)
    of: dict[int, list[int]] = {}
    for node in range(1, model.count(Count.NODES) + 1):
        pattern_of = int(network.node_value(node, OfNode.PATTERN))
        if pattern_of and network.node_value(node, OfNode.DEMAND) > 0:
            of.setdefault(pattern_of, []).append(node)
    shapes: list[NDArray[np.float64]] = []
    for pattern, nodes in of.items():
        hours = np.array(model.pattern(pattern))
        shape = hours[: len(hours) // 24 * 24].reshape(-1, 24).mean(axis=0)
        parts = divided if len(nodes) >= _LARGE else 1
        for part in np.array_split(np.array(nodes), parts):
            own = model.add_pattern(f"district-{len(shapes)}")
            shapes.append(shape)
            for node in part.tolist():
                model.set_node(node, OfNode.PATTERN, own)
    return np.stack(shapes, axis=1)


def _instruments(
    network: Network, settings: NetworkSettings, controls: Sequence[Control]
) -> Iterator[Instrument]:
    for name in settings.tanks:
        yield Instrument(
            f"tank-{name}/level".lower(), f"tank-{name}".lower(), "level", network.node(name)
        )
    for group, names in (("pump", settings.pumps), ("valve", settings.valves)):
        for name in names:
            asset, link = f"{group}-{name}".lower(), network.link(name)
            yield Instrument(f"{asset}/status", asset, "status", link)
            yield Instrument(f"{asset}/flow", asset, "flow", link)
            for n, control in enumerate(controls):
                if control.link == link and control.kind in {ControlType.BELOW, ControlType.ABOVE}:
                    does = "on" if control.setting else "off"
                    when = "below" if control.kind == ControlType.BELOW else "above"
                    yield Instrument(f"{asset}/{does}-{when}", asset, "setpoint", n)
    for name in settings.pipes:
        yield Instrument(f"pipe-{name}/flow", f"pipe-{name}", "flow", network.link(name))
    for name in settings.nodes:
        asset = f"node-{name}".lower()
        yield Instrument(f"{asset}/pressure", asset, "pressure", network.node(name))


def _read(network: Network, plan: Layout, instrument: Instrument) -> float:
    place = instrument.place
    if instrument.kind in {"level", "pressure"}:
        if instrument.kind == "level":
            head = network.node_value(place, OfNode.HEAD)
            return head - network.node_value(place, OfNode.ELEVATION)
        return network.node_value(place, OfNode.PRESSURE)
    if instrument.kind == "flow":
        return network.link_value(place, OfLink.FLOW)
    if instrument.kind == "status":
        return float(network.link_value(place, OfLink.STATUS) > 0)
    return plan.controls[place].level


def _intervene(
    network: Network, plan: Layout, interventions: Sequence[Intervention], row: int
) -> None:
    model = Model(network)
    for i in interventions:
        if row == i.start and i.link:
            for n in plan.controls_of(i.link):
                model.set_control(n + 1, replace(plan.controls[n], setting=i.setting))
            network.set_link(i.link, OfLink.STATUS, i.setting)
        elif row == i.start:
            model.set_control(i.control + 1, replace(plan.controls[i.control], level=i.level))
        elif row == i.end and i.link:
            for n in plan.controls_of(i.link):
                model.set_control(n + 1, plan.controls[n])
        elif row == i.end:
            model.set_control(i.control + 1, plan.controls[i.control])


def _show_setpoints(
    plan: Layout, interventions: Sequence[Intervention], values: NDArray[np.float64]
) -> None:
    """Set-points as they are in force."""
    for n, instrument in enumerate(plan.instruments):
        if instrument.kind == "setpoint":
            for i in interventions:
                if i.control == instrument.place:
                    values[i.start : i.end, n] = i.level
