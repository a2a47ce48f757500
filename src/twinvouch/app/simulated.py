"""`twinvouch demo --simulated`: the whole demo in one process, in memory, on a virtual clock, from a seed.

Engine, gates, commit order, edge, actuator and ledger are the real ones; network, disks and time are
not, and nothing is killed. Everything that chance decides is drawn from the seed, keys and salts too,
which only this may do: two runs with one seed end with the same ledger head.
"""

import asyncio
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from twinvouch.adapters.keys import SeededSigner
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.adapters.spool import Spool
from twinvouch.app import build
from twinvouch.app.edge import EdgeParts, EdgeSetup, run_edge
from twinvouch.app.simulated_core import ApiInMemory, Core
from twinvouch.core.batch import Origin
from twinvouch.lab import play, recorded, site, truth, virtual_time
from twinvouch.lab.api import Answer
from twinvouch.lab.controller import PRINCIPAL as CONTROLLER
from twinvouch.lab.controller import Controller, Hand
from twinvouch.lab.demo import ORIGIN
from twinvouch.lab.in_memory import DeviceInMemory, PlantInMemory
from twinvouch.lab.interceptor import Interceptor
from twinvouch.lab.liar import Liar, LyingDevice
from twinvouch.lab.net3 import BY_TAG, DEVICE, PLANT, TICK_S
from twinvouch.lab.play import Say
from twinvouch.lab.report import Report, Row
from twinvouch.lab.scenario import Attack
from twinvouch.lab.stage import NO_SESSION, Means, Write
from twinvouch.lab.virtual_time import START_NS, VirtualClock, VirtualLoop
from twinvouch.wire.words import to_words

_KEYS: Final = (*site.PRINCIPALS, "log", "permit", "stranger")
_ROUND_TRIP_S: Final = 0.01


def run_simulated(seed: int, say: Say) -> Report:
    """Play the demo; the ledger and the configuration lie in a new directory afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="twinvouch-simulated-"))
    return virtual_time.run(lambda loop: _run(loop, directory, seed, say))


class Simulation:
    """Fits Stage: everything in memory, with the programs as tasks of one loop."""

    def __init__(self, loop: VirtualLoop, directory: Path, seed: int) -> None:
        self._loop = loop
        self._directory = directory
        self._clock = VirtualClock(loop)
        self._chance = random.Random(seed)  # noqa: S311 - a simulation is repeated by its seed
        self.signers = {name: _signer(seed, name) for name in _KEYS}
        self.plant = PlantInMemory(self._clock.wall_ns)
        of = build.site(build.load(self._configure()), Origin.SIMULATED)
        self.core = Core(of, self._chance, self._clock, self.signers["permit"])
        self.api = ApiInMemory(self.core, site.OBSERVER)
        self.wire = Interceptor(self.core)
        self._liar = Liar(loop.time)
        hand = Hand(
            PLANT,
            CONTROLLER,
            self.signers[CONTROLLER],
            self._chance.randbytes,
            self._clock.wall_ns,
        )
        self.means = Means(self._liar, self.wire, hand, self.signers["stranger"])
        self._spool = Spool(directory / "edge.spool", site.EDGE)
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[object]] = []
