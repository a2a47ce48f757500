"""EPANET for look-ahead: one project that is put into a state, solved, and stepped.

Apart from the laboratory's own: a guard's model shares no code with the plant that it is tried on. The shared library is that of
owa-epanet (2.3), which solves twice as fast as the one of wntr (2.2); where there is none, that one. Only the library is loaded,
none of their Python. EPANET takes NaN without a word and keeps the old value where it refuses one: what goes in is finite, every
code is looked at, what comes out is looked at by whoever certifies it. Solving starts cold (flag 10), so that a run does not
depend on the run before.
"""

import ctypes
import os
import platform
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import Any, Final

from twinvouch.core.errors import UnavailableError

# package and place in it, by machine, the best one first
_OWN: Final = ("epanet", "libepanet2.so")
_WNTR: Final = "wntr"
_LIBRARIES: Final = {
    ("Linux", "x86_64"): (_OWN, (_WNTR, "epanet/libepanet/linux-x64/libepanet22.so")),
    ("Darwin", "x86_64"): ((_WNTR, "epanet/libepanet/darwin-x64/libepanet22.dylib"),),
    ("Darwin", "arm64"): ((_WNTR, "epanet/libepanet/darwin-arm/libepanet2.dylib"),),
}
_FOREVER_S: Final = 2_000_000_000
_DURATION, _STEP, _PATTERN_START, _REPORT_STEP = 0, 1, 4, 5  # EN_settimeparam
_ACCURACY, _MULTIPLIER = 1, 4  # EN_setoption
_LEVEL, _DEMAND, _HEAD = 8, 9, 10  # of nodes
_INIT_STATUS, _INIT_SETTING, _FLOW, _STATUS, _SETTING = 4, 5, 8, 11, 12  # of links
_CONTROLS, _BY_TIME = 5, 2  # EN_getcount; control types from here on go by time
_COLD: Final = 10
# EPANET's own default; at 1e-4 levels of Net3 differ by 7e-5 ft after six hours and a run takes two fifths longer
_ACCURATE: Final = 1e-3
_FEW: Final = 8  # values that are sooner told one by one than all at once
_NODES, _LINKS = 0, 2  # EN_getcount


class Values:
    """One value of each of several nodes or links, read again and again by the shortest way: a step is read more often than solved.

    `one` tells one value, `every` (None where the library has no such function) those of all `count` at once.
    """

    def __init__(
        self,
        told: tuple[Any, Any, int],
        project: ctypes.c_void_p,
        indices: Sequence[int],
        what: int,
    ) -> None:
        one, every, count = told
        self._every = every if len(indices) > _FEW else None
        size = ctypes.sizeof(ctypes.c_double)
        self._project, self._one, self._what = project, one, what
        self._cells: Any = (ctypes.c_double * (len(indices) if self._every is None else count))()
        self._places = [(i, ctypes.byref(self._cells, n * size)) for n, i in enumerate(indices)] if self._every is None else []  # fmt: skip
        self._indices = [i - 1 for i in indices]  # EPANET counts from one

    def read(self) -> list[float]:
        """As they are now; an index that is none is an error, as everywhere."""
        project, what = self._project, self._what
        if self._every is not None:
            codes = [self._every(project, what, self._cells)]
        else:
            one = self._one
            codes = [one(project, index, what, place) for index, place in self._places]
        if codes and max(codes) >= 100:
            raise ValueError(f"EPANET refused to tell: error {max(codes)}")
        found: list[float] = self._cells[:]
        return found if self._every is None else [found[i] for i in self._indices]


class Project:
    """One open network, its controls by time taken out."""

    def __init__(self, inp: bytes) -> None:
        self._library = _load()
        self._project = ctypes.c_void_p()
        self._value, self._length, self._step_s = ctypes.c_double(), ctypes.c_long(), 0
        self._passed = ctypes.byref(self._length)
        self._call("createproject", ctypes.byref(self._project), bare=True)
        with tempfile.NamedTemporaryFile(suffix=".inp") as file:
            file.write(inp)
            file.flush()
            # an empty report name would print to stdout
            self._call("open", os.fsencode(file.name), os.devnull.encode(), b"")
        self._call("setstatusreport", 0)
        self._call("setqualtype", 0, b"", b"", b"")
        for parameter in (_DURATION, _REPORT_STEP):
            self._call("settimeparam", parameter, ctypes.c_long(_FOREVER_S))
        self._call("setoption", _ACCURACY, ctypes.c_double(_ACCURATE))
        self._multiplier = self._option(_MULTIPLIER)
        self._drop_controls_by_time()
        self._call("openH")

    def node(self, name: str) -> int:
        """The index of a node."""
        return self._index("getnodeindex", name)

    def link(self, name: str) -> int:
        """The index of a link."""
        return self._index("getlinkindex", name)

    def begin(
        self,
        levels: dict[int, float],
        pumps: dict[int, float],
        statuses: dict[int, float],
        moment: tuple[float, float],
    ) -> None:
        """Be at this moment (clock in s, demand factor): levels of tanks, speeds of pumps (0: off), statuses of links."""
        for tank, level in levels.items():
            self._call("setnodevalue", tank, _LEVEL, _finite(level))
        for link, status in statuses.items():
            self._call("setlinkvalue", link, _INIT_STATUS, _finite(status))
        for pump, speed in pumps.items():
            is_on = _finite(speed).value > 0
            self._call("setlinkvalue", pump, _INIT_STATUS, ctypes.c_double(is_on))
            if is_on:  # a status that is set afterwards would be speed 1 again
                self._call("setlinkvalue", pump, _INIT_SETTING, _finite(speed))
        clock, factor = moment
        self._call("settimeparam", _PATTERN_START, ctypes.c_long(int(_finite(clock).value)))
        self._call("setoption", _MULTIPLIER, _finite(factor * self._multiplier))
        self._call("initH", _COLD)

    def set_pump(self, pump: int, speed: float) -> None:
        """From now on; 0 is off."""
        self._call("setlinkvalue", pump, _STATUS, ctypes.c_double(_finite(speed).value > 0))
        if speed > 0:
            self._call("setlinkvalue", pump, _SETTING, _finite(speed))

    def solve(self) -> None:
        """Solve this moment."""
        self._expect(self._library.EN_runH(self._project, self._passed), "runH")

    def advance(self, most_s: int) -> int:
        """Go on for at most so long; returns how long, s. 0 is an error: time has to pass."""
        if most_s != self._step_s:
            self._call("settimeparam", _STEP, ctypes.c_long(most_s))
            self._step_s = most_s
        self._expect(self._library.EN_nextH(self._project, self._passed), "nextH")
        passed = self._length.value
        if not 0 < passed <= most_s:
            raise ValueError(f"EPANET steps {passed} s, at most {most_s} were asked for")
        return passed

    def heads(self, nodes: Sequence[int]) -> Values:
        """How to read heads of nodes, in the unit of the file."""
        return Values(self._told("node"), self._project, nodes, _HEAD)

    def inflows(self, tanks: Sequence[int]) -> Values:
        """How to read what flows into tanks, in the unit of the file."""
        return Values(self._told("node"), self._project, tanks, _DEMAND)

    def flows(self, links: Sequence[int]) -> Values:
        """How to read flows of links, in the unit of the file."""
        return Values(self._told("link"), self._project, links, _FLOW)

    def statuses(self, links: Sequence[int]) -> Values:
        """How to read whether links are closed, 0, or open, 1."""
        return Values(self._told("link"), self._project, links, _STATUS)

    def _told(self, kind: str) -> tuple[Any, Any, int]:
        """The functions that tell of one node or link and of all, and how many there are."""
        count = ctypes.c_int()
        self._call("getcount", _NODES if kind == "node" else _LINKS, ctypes.byref(count))
        one = getattr(self._library, f"EN_get{kind}value")
        return one, getattr(self._library, f"EN_get{kind}values", None), count.value

    def _drop_controls_by_time(self) -> None:
        count = ctypes.c_int()
        self._call("getcount", _CONTROLS, ctypes.byref(count))
        kind, link, node = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
        setting, level = ctypes.c_double(), ctypes.c_double()
        for control in range(count.value, 0, -1):
            told = (kind, link, setting, node, level)
            self._call("getcontrol", control, *(ctypes.byref(each) for each in told))
            if kind.value >= _BY_TIME:
                self._call("deletecontrol", control)

    def _option(self, option: int) -> float:
        self._call("getoption", option, ctypes.byref(self._value))
        return self._value.value

    def _index(self, function: str, name: str) -> int:
        index = ctypes.c_int()
        self._call(function, name.encode("latin-1"), ctypes.byref(index))
        return index.value

    def _call(self, function: str, *args: Any, bare: bool = False) -> None:
        called = getattr(self._library, f"EN_{function}")
        self._expect(called(*args) if bare else called(self._project, *args), function)

    def _expect(self, code: int, function: str) -> None:
        """Codes 1..6 are warnings; negative pressure among them, which limits judge."""
        if code >= 100:
            raise ValueError(f"EPANET refused {function}: error {code}")


def _finite(value: float) -> ctypes.c_double:
    if not isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    return ctypes.c_double(value)


def _load() -> ctypes.CDLL:
    path = _found()
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise UnavailableError(f"EPANET `{path}` cannot be loaded: {error}") from None


def _found() -> Path:
    """Where the library is; no package is imported for it."""
    for package, place in _LIBRARIES.get((platform.system(), platform.machine()), ()):
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
            if (path := Path(folder) / place).is_file():
                return path
    raise UnavailableError("this model needs EPANET: pip install 'twinvouch[network]'")
