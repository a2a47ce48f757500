"""The virtual plant: EPANET Net3, a water tower beside it, and the memory of its controller, without network and clock.

Who calls `tick` decides how fast time goes. Values are held between ticks, never interpolated. If
nobody commands, the plant keeps running: pump 335 follows the level of tank 1 by the network file's
own control, pump 10 stays as it was last commanded.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from twinvouch.core.errors import MalformedError
from twinvouch.core.inventory import Point, Table
from twinvouch.lab.epanet import Network, OfLink, OfNode, network_file
from twinvouch.lab.epanet_model import Model
from twinvouch.lab.net3 import (
    PLANT_PUMP,
    REGISTERS,
    RUN,
    SPEED,
    STEP_S,
    TANKS,
    TWIN_PUMP,
    Register,
    Source,
)
from twinvouch.lab.tower import BOOSTER, BY_TAG, Tower
from twinvouch.lab.tower import REGISTERS as TOWER_REGISTERS
from twinvouch.wire.words import from_words, to_words, word_count

M_PER_FT = 0.3048
KPA_PER_PSI = 6.894757
M3H_PER_GPM = 0.227125


@dataclass(frozen=True, slots=True)
class TowerTruth:
    """The tower: its level (m), whether its pump runs, and what has run over its rim so far (m3)."""

    level: float
    runs: bool
    spilled_m3: float


@dataclass(frozen=True, slots=True)
class Truth:
    """What is really so: plant clock, tank levels (m), discharge of pump 10 (kPa), both pumps, and the tower."""

    clock_s: int
    levels: tuple[float, float, float]
    discharge: float
    runs: bool
    speed: float
    other_runs: bool
    tower: TowerTruth


class RefusedWriteError(Exception):
    """The controller refuses a request; `code` is the Modbus exception (2 address, 3 value)."""

    def __init__(self, code: int) -> None:
        super().__init__(f"modbus exception {code}")
        self.code = code


class Waterworks:
    """A plant with a controller: `read` and `write` speak in words, `tick` lets time pass."""

    def __init__(self, step_s: int = STEP_S) -> None:
        self._step_s = step_s
        self._network = Network(network_file("Net3"), step_s)
        self._pump = self._network.link(TWIN_PUMP)
        Model(self._network).drop_controls_of(self._pump)
        self._network.start()
        self._clock_s = self._due_s = 0
        self._runs = False
        self._speed = 1.0
        self._tower = Tower()
        self._index = {r.tag: self._find(r) for r in REGISTERS}
        self._places = _places()
        self._words: dict[tuple[Table, int], int] = {}
        self._refresh()

    def tick(self) -> None:
        """Compute one step further."""
        self._due_s += self._step_s
        while self._clock_s < self._due_s:  # controls that act in between make EPANET stop there
            self._clock_s = self._network.advance()
        self._tower.step(self._step_s)
        self._refresh()

    def read(self, table: Table, address: int, count: int) -> list[int]:
        """Words or bits as last computed; raises RefusedWriteError(2) outside the register map."""
        places = [(table, at) for at in range(address, address + count)]
        if any(place not in self._words for place in places):
            raise RefusedWriteError(2)
        return [self._words[place] for place in places]

    def write(self, table: Table, address: int, words: Sequence[int]) -> None:
        """Carry out a write at once; a controller does not ask whether it is wise.

        Raises RefusedWriteError: 2 where nothing can be written there, 3 where the words mean nothing.
        """
        register = self._places.get((table, address))
        if register is None or len(words) != word_count(register.point.encoding):
            raise RefusedWriteError(2)
        try:
            value = from_words(words, register.point)
        except MalformedError:
            raise RefusedWriteError(3) from None
        if register.tag == BOOSTER:
            self._tower.runs = bool(value)
            self._refresh()
            return
        if register.tag == RUN:
            self._runs = bool(value)
        elif register.tag == SPEED:
            self._speed = value
        self._network.set_link(self._pump, OfLink.STATUS, float(self._runs))
        if self._runs:  # a setting would open a closed pump
            self._network.set_link(self._pump, OfLink.SETTING, self._speed)
        self._clock_s = self._network.resolve()
        self._refresh()

    def value(self, tag: str) -> float:
        """The true value of a tag, in its unit."""
        return self._true(BY_TAG[tag])

    def truth(self) -> Truth:
        """The true state, for judging what happened."""
        one, two, three = (self.value(f"tank-{t}/level") for t in TANKS)
        other = self.value(f"pump-{PLANT_PUMP}/run") > 0
        discharge = self.value(f"node-{TWIN_PUMP}/pressure")
        tower = TowerTruth(self._tower.level, self._tower.runs, self._tower.spilled_m3)
        return Truth(
            self._clock_s, (one, two, three), discharge, self._runs, self._speed, other, tower
        )

    def close(self) -> None:
        """Free EPANET."""
        self._network.close()

    def _find(self, register: Register) -> int:
        if register.source in {Source.LEVEL, Source.PRESSURE}:
            return self._network.node(register.of)
        return self._network.link(register.of)

    def _true(self, register: Register) -> float:
        if register.source is Source.TOWER:
            return float(getattr(self._tower, register.of))
        return self._measure(register)

    def _measure(self, register: Register) -> float:
        index, network = self._index[register.tag], self._network
        match register.source:
            case Source.LEVEL:
                head = network.node_value(index, OfNode.HEAD)
                return (head - network.node_value(index, OfNode.ELEVATION)) * M_PER_FT
            case Source.PRESSURE:
                return network.node_value(index, OfNode.PRESSURE) * KPA_PER_PSI
            case Source.FLOW:
                return network.link_value(index, OfLink.FLOW) * M3H_PER_GPM
            case Source.SPEED:
                return self._speed
            case Source.RUN if register.tag == RUN:
                return float(self._runs)
            case _:  # the run of the plant's own pump
                return float(network.link_value(index, OfLink.STATUS) > 0)

    def _refresh(self) -> None:
        for register in (*REGISTERS, *TOWER_REGISTERS):
            point = register.point
            for at, word in enumerate(to_words(self._true(register), point)):
                self._words[point.table, point.address + at] = word


def _places() -> dict[tuple[Table, int], Register]:
    places: dict[tuple[Table, int], Register] = {}
    for register in (*REGISTERS, *TOWER_REGISTERS):
        point: Point = register.point
        if register.writable:
            places[point.table, point.address] = register
    return places
