"""The model behind an open EPANET project: names, demand patterns and simple controls, read and changed.

What runs and reads it is `epanet.py`; numbers are in the units of the input file.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import isfinite
from typing import Any

from twinvouch.core.errors import UsageError
from twinvouch.lab.epanet import Network, OfNode, TimeOf

_PUMP = 2  # EN_PUMP; what follows are valves


class Count(IntEnum):
    """What EN_getcount counts."""

    NODES = 0
    LINKS = 2
    PATTERNS = 3
    CONTROLS = 5


class ControlType(IntEnum):
    """When a simple control acts."""

    BELOW = 0
    ABOVE = 1
    AFTER = 2  # seconds since the start
    AT_CLOCK = 3


@dataclass(frozen=True, slots=True)
class Control:
    """One simple control: `link` gets `setting` (1 open, 0 closed) by the level of `node` (0: none) or the time."""

    kind: ControlType
    link: int
    setting: float
    node: int
    level: float


class Model:
    """One network's model; changes count from the next period on."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def count(self, what: Count) -> int:
        """How many there are."""
        count = ctypes.c_int()
        self._network.call("getcount", int(what), ctypes.byref(count))
        return count.value

    def node_name(self, node: int) -> str:
        """The id of a node in the input file."""
        return self._name("getnodeid", node)

    def link_name(self, link: int) -> str:
        """The id of a link in the input file."""
        return self._name("getlinkid", link)

    def set_node(self, node: int, what: OfNode, value: float) -> None:
        """Change a node; it takes effect when the next period is solved."""
        if not isfinite(value):
            raise UsageError(f"node {node}: {what.name.lower()} {value} is not a finite number")
        self._network.call("setnodevalue", node, int(what), ctypes.c_double(value))

    def pattern(self, pattern: int) -> list[float]:
        """The multipliers of a demand pattern."""
        length = ctypes.c_int()
        self._network.call("getpatternlen", pattern, ctypes.byref(length))
        return [self._multiplier(pattern, n + 1) for n in range(length.value)]

    def add_pattern(self, name: str) -> int:
        """A new pattern of one multiplier, 1; returns its index."""
        self._network.call("addpattern", name.encode("ascii"))
        index = ctypes.c_int()
        self._network.call("getpatternindex", name.encode("ascii"), ctypes.byref(index))
        return index.value

    def set_pattern(self, pattern: int, value: float) -> None:
        """From now on the pattern is this one multiplier."""
        if not isfinite(value):
            raise UsageError(f"pattern {pattern}: {value} is not a finite number")
        self._network.call("setpattern", pattern, (ctypes.c_double * 1)(value), 1)

    def controls(self) -> list[Control]:
        """All simple controls in the order of their indices, which begin with 1."""
        return [self._control(n + 1) for n in range(self.count(Count.CONTROLS))]

    def set_control(self, index: int, control: Control) -> None:
        """Change a simple control."""
        c = control
        level = (c.node, ctypes.c_double(c.level))
        self._network.call(
            "setcontrol", index, int(c.kind), c.link, ctypes.c_double(c.setting), *level
        )

    def add_control(self, control: Control) -> int:
        """A new simple control; returns its index."""
        index, c = ctypes.c_int(), control
        level = (c.node, ctypes.c_double(c.level), ctypes.byref(index))
        self._network.call("addcontrol", int(c.kind), c.link, ctypes.c_double(c.setting), *level)
        return index.value

    def drop_controls_of(self, link: int) -> int:
        """Delete the simple controls of a link, so that only its commands move it; returns how many."""
        count, dropped = self.count(Count.CONTROLS), 0
        for control in range(count, 0, -1):
            if self._control(control).link == link:
                self._network.call("deletecontrol", control)
                dropped += 1
        return dropped

    def stop_every(self, step_s: int) -> None:
        """Never step over a multiple of so many seconds; to be called before `start`."""
        self._network.call("settimeparam", TimeOf.REPORT_STEP, ctypes.c_long(step_s))

    def _control(self, index: int) -> Control:
        kind, link, node = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
        setting, level = ctypes.c_double(), ctypes.c_double()
        wanted: Sequence[Any] = (kind, link, setting, node, level)
        self._network.call("getcontrol", index, *(ctypes.byref(w) for w in wanted))
        return Control(ControlType(kind.value), link.value, setting.value, node.value, level.value)

    def _name(self, function: str, index: int) -> str:
        name = ctypes.create_string_buffer(64)
        self._network.call(function, index, name)
        return name.value.decode("latin-1")

    def _multiplier(self, pattern: int, period: int) -> float:
        value = ctypes.c_double()
        self._network.call("getpatternvalue", pattern, period, ctypes.byref(value))
        return value.value


def is_valve(network: Network, link: int) -> bool:
    """Whether a link is a control valve: its controls hold settings that cannot be put back once changed."""
    kind = ctypes.c_int()
    network.call("getlinktype", link, ctypes.byref(kind))
    return kind.value > _PUMP
