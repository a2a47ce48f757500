"""EPANET, stepped one hydraulic period at a time, through the shared library that wntr ships.

Only that library is loaded, not wntr: importing wntr costs two seconds and 177 MB. Numbers are in the
units of the input file. NaN is refused here because EPANET takes it without a word; every return code
is checked, since a refused value leaves the old one in place.
"""

import ctypes
import os
import platform
import sys
from enum import IntEnum
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import Any

from twinvouch.core.errors import UnavailableError, UsageError

INSTALL = "pip install 'twinvouch[lab]'"
_FOREVER_S = 2_000_000_000  # duration: 63 years of plant time
_LIBRARIES = {
    ("Linux", "x86_64"): "linux-x64/libepanet22.so",
    ("Darwin", "x86_64"): "darwin-x64/libepanet22.dylib",
    ("Darwin", "arm64"): "darwin-arm/libepanet2.dylib",
    ("Windows", "AMD64"): "windows-x64/epanet22.dll",
}


class TimeOf(IntEnum):
    """Parameters of EN_settimeparam, seconds."""

    DURATION = 0
    STEP = 1
    PATTERN_START = 4
    REPORT_STEP = 5


class OfNode(IntEnum):
    """Parameters of EN_getnodevalue."""

    ELEVATION = 0
    DEMAND = 1  # base demand of the last category
    PATTERN = 2
    EMITTER = 3
    TANK_LEVEL = 8
    HEAD = 10
    PRESSURE = 11
    DIAMETER = 17  # of a tank


class OfLink(IntEnum):
    """Parameters of EN_getlinkvalue and EN_setlinkvalue."""

    ROUGHNESS = 2
    MINOR_LOSS = 3
    INIT_STATUS = 4
    INIT_SETTING = 5
    FLOW = 8
    STATUS = 11
    SETTING = 12


_FROM_COLD = 10  # EN_initH: every run starts from the same flows, so that runs are repeatable


class Network:
    """One open EPANET project in its hydraulic solver."""

    def __init__(self, inp: Path, step_s: int) -> None:
        self._library = _load()
        self._project = ctypes.c_void_p()
        self.call("createproject", ctypes.byref(self._project), bare=True)
        null = os.devnull.encode()  # an empty report name would print to stdout
        self.call("open", os.fsencode(inp), null, b"")
        self.call("setstatusreport", 0)
        self.call("setqualtype", 0, b"", b"", b"")
        self.call("settimeparam", TimeOf.DURATION, ctypes.c_long(_FOREVER_S))
        self.call("settimeparam", TimeOf.STEP, ctypes.c_long(step_s))

    def start(self) -> None:
        """Open the solver at time zero and solve the first period."""
        self.call("openH")
        self.call("initH", _FROM_COLD)
        self._run()

    def advance(self) -> int:
        """Move to the end of the period, solve there, and return the clock in seconds."""
        length = ctypes.c_long()
        self.call("nextH", ctypes.byref(length))
        return self._run()

    def resolve(self) -> int:
        """Solve the present moment again, after a status or a setting was changed."""
        return self._run()

    def node(self, name: str) -> int:
        """The index of a junction, tank or reservoir."""
        return self._index("getnodeindex", name)

    def link(self, name: str) -> int:
        """The index of a pipe, pump or valve."""
        return self._index("getlinkindex", name)

    def node_value(self, node: int, what: OfNode) -> float:
        """One value of a node."""
        return self._value("getnodevalue", node, what)

    def link_value(self, link: int, what: OfLink) -> float:
        """One value of a link."""
        return self._value("getlinkvalue", link, what)

    def set_link(self, link: int, what: OfLink, value: float) -> None:
        """Change a link; it takes effect when the next period is solved."""
        if not isfinite(value):
            raise UsageError(f"link {link}: {what.name.lower()} {value} is not a finite number")
        self.call("setlinkvalue", link, int(what), ctypes.c_double(value))

    def close(self) -> None:
        """Free the project."""
        if self._project.value:
            self._library.EN_close(self._project)
            self._library.EN_deleteproject(self._project)
            self._project = ctypes.c_void_p()

    def _run(self) -> int:
        clock = ctypes.c_long()
        self.call("runH", ctypes.byref(clock))
        return clock.value

    def _index(self, function: str, name: str) -> int:
        index = ctypes.c_int()
        self.call(function, name.encode("latin-1"), ctypes.byref(index))
        return index.value

    def _value(self, function: str, index: int, what: int) -> float:
        value = ctypes.c_double()
        self.call(function, index, int(what), ctypes.byref(value))
        return value.value

    def call(self, function: str, *args: Any, bare: bool = False) -> None:
        """Call EN_`function` on the project; codes 1..6 are hydraulic warnings (negative pressure and the like)."""
        code = getattr(self._library, f"EN_{function}")(*(() if bare else (self._project,)), *args)
        if code >= 100:
            raise UsageError(f"EPANET refused {function}: error {code}")


def network_file(name: str) -> Path:
    """The path of a network that wntr ships, such as `Net3`."""
    return _wntr() / "library" / "networks" / f"{name}.inp"


def _wntr() -> Path:
    spec = find_spec("wntr")
    if spec is None or not spec.submodule_search_locations:
        raise UnavailableError(f"the built-in plant needs wntr: {INSTALL}")
    return Path(spec.submodule_search_locations[0])


def _load() -> ctypes.CDLL:
    machine = (platform.system(), platform.machine())
    if machine not in _LIBRARIES:
        raise UnavailableError(f"wntr has no EPANET for {' '.join(machine)}")
    path = _wntr() / "epanet" / "libepanet" / _LIBRARIES[machine]
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise UnavailableError(f"EPANET `{path}` cannot be loaded: {error}") from None


assert sys.maxsize > 2**32, "EPANET's times are C longs: a 64-bit Python is needed"
