"""The drills' stage: plant, core, edge, actuator and controller as processes below one directory."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from twinvouch.adapters.http_transport import HttpTransport
from twinvouch.adapters.keys import generate
from twinvouch.core.errors import UnavailableError
from twinvouch.lab import recorded, signers
from twinvouch.lab.api import HttpApi
from twinvouch.lab.children import Children, said_line
from twinvouch.lab.drill import ahead, site
from twinvouch.lab.drill.recorder import Recorder
from twinvouch.lab.drill.site import Load
from twinvouch.lab.ingest_listener import IngestListener
from twinvouch.lab.processes import HOST, free_port
from twinvouch.ledger.checkpoint import VerifierKey
from twinvouch.ledger.cosignature import WitnessKey

PRODUCT: Final = ("core", "edge", "actuator")
WITNESS: Final = "witness"
ASKED: Final = "asker.jsonl"
PATIENCE_S: Final = 300.0
_LOOK_S: Final = 0.01
_SETTLE_S: Final = 32.0  # permit_s, outcome_s and a tick
_KEYS: Final = (*site.PRINCIPALS, "log", "permit")


class Stage:
    """`start` brings everything up under `load`; product processes are killed and started again by name."""

    def __init__(
        self, directory: Path, load: Load, extras: "Extras | None" = None, *, remember: bool = True
    ) -> None:
        self.directory = directory
        self.load = load
        self._extras = extras or Extras()
        self.witness = ""
        self.children = Children(directory / "logs")
        self.log_key = b""
        self.plant_port = 0
        self._core_port = free_port()
        self.url = f"http://{HOST}:{self._core_port}"
        self._core = HttpTransport(self.url)
        self.recorder = Recorder(self._core, remember=remember)
        self._listener = IngestListener(self.recorder, HOST)
        self._witness_port = free_port()
        self._plant_journal = directory / "plant.jsonl"

    async def start(self) -> None:
        """Make keys, write the configuration, start everything; returns when readings are admitted."""
        who = self._make_keys()
        load = self.load
        after = (load.faulty_s, load.fault_every_s, load.drop_every_s, self._extras.write_s)
        pace = map(str, after)
        args = (str(self._plant_journal), *pace)
        plant = await self.children.start(
            "plant", args, talks=True, module="twinvouch.lab.drill.plant"
        )
        self.plant_port = port = int((await said_line(plant))["port"])
        await self._listener.open()
        places = site.Places(port, self._listener.port, self._core_port, self._more())
        twin, _ = site.write(self.directory, places, who, load)
        await signers.enrol_and_sign(self.children, twin)
        for name in (*PRODUCT, *([WITNESS] if self._extras.witnessed else [])):
            await self.spawn(name)
        await self.until(lambda: self.recorder.last_s > 0, "no readings are admitted")
        await self.children.start(
            "controller", self._controller_args(), module="twinvouch.lab.drill.controller"
        )
        if self._extras.asked:
            where = (self.url, str(self.directory / "keys"), str(self.directory / ASKED))
            await self.children.start("asker", where, module="twinvouch.lab.drill.asker")

    async def spawn(self, name: str) -> None:
        """Start one process of the product."""
        twin = str(self.directory / "twin.yaml")
        verbs = {
            "core": ("run", twin),
            "edge": ("edge", twin, "--edge", site.EDGE),
            "actuator": ("actuator", str(self.directory / "actuator.yaml")),
            WITNESS: (*("witness", "serve"), *self._witness_args()),
        }
        await self.children.start(name, verbs[name])

    def is_ready(self, name: str, since_s: float, before: "Seen") -> bool:
        """Whether the process started at `since_s` does its work: readings admitted, a write made."""
        if name == "core":
            return self.recorder.last_s > since_s
        if name == ahead.WORKER:
            is_new = set(workers(self)) - before.workers
            return bool(is_new) and ahead.is_tried(self._plant_journal, before.plant_bytes)
        if name == "edge":
            return self.recorder.newest_epoch > before.epoch and self.recorder.last_s > since_s
        return self._plant_journal.stat().st_size > before.plant_bytes

    def has_written(self) -> bool:
        """Whether a write has reached the plant: everything works."""
        return self._plant_journal.exists() and self._plant_journal.stat().st_size > 0

    def seen(self) -> "Seen":
        """What there is before a process is started."""
        written = self._plant_journal.stat().st_size
        return Seen(self.recorder.newest_epoch, written, frozenset(workers(self)))

    async def until(self, is_so: Callable[[], bool], otherwise: str) -> None:
        """Wait; UnavailableError where it does not come, or a process ends by itself meanwhile."""
        until = time.monotonic() + PATIENCE_S
        while not is_so():
            self.children.check()
            if time.monotonic() >= until:
                raise UnavailableError(
                    f"{otherwise} within {PATIENCE_S:.0f} s (is the load too much for this machine?): "
                    f"see {self.directory}"
                )
            await asyncio.sleep(_LOOK_S)

    async def found(self, rule: str) -> int:
        """How often a rule has spoken since the first start, as the core counts."""
        return (await counts(self)).get(f"finding:{rule}", 0)

    def witnessed(self) -> int:
        """How many entries enough witnesses stand for, by the head that the core keeps; 0: none yet."""
        found = recorded.head(self.directory / "data" / "ledger", recorded.WITNESSED)
        return 0 if found is None else found[0]

    def drop_links(self) -> None:
        """Break the edge's connection towards the core; it comes again."""
        self._listener.drop()

    async def settle(self) -> None:
        """End the controller and wait until every permit is reported on, or given up by the core."""
        await self.children.end("controller")
        if self._extras.asked:
            await self.children.end("asker")
        await asyncio.sleep(_SETTLE_S)

    async def end(self) -> None:
        """End everything in the order in which work flows, so that nothing is left on its way."""
        for name in ("edge", "actuator", "core"):
            code = await self.children.end(name)
            if code != 0:
                raise UnavailableError(f"{name} ended with {code}: {self.children.tail(name)}")
        await self.children.end("plant")
        if self._extras.witnessed:
            await self.children.end(WITNESS)

    async def close(self) -> None:
        """End what still runs and close every socket."""
        await self.children.end_all()
        await self._listener.close()
        await self._core.close()

    def _make_keys(self) -> site.Identities:
        keys = self.directory / "keys"
        keys.mkdir(mode=0o700, parents=True)
        public = {name: generate(keys / f"{name}.key") for name in (*_KEYS, WITNESS)}
        self.witness = WitnessKey(f"{site.PLANT}/{WITNESS}", public[WITNESS]).text()
        self.log_key = public["log"]
        tokens = {name: os.urandom(24).hex() for name in site.WITH_TOKEN}
        return site.Identities(public, tokens, public["permit"])

    def _controller_args(self) -> tuple[str, ...]:
        journal = self.directory / "controller.jsonl"
        load: Any = self.load
        pace = (str(getattr(load, name)) for name in load.__slots__)
        return (self.url, str(self.directory / "keys"), str(journal), *pace)

    def _more(self) -> dict[str, Any]:
        """What twin.yaml says besides."""
        more = dict(self._extras.settings)
        if self._extras.witnessed:
            url = f"http://{HOST}:{self._witness_port}"
            asked = {"key": self.witness, "url": url}
            more["witness"] = {"cosigners": [asked], "interval_s": 0.2, "late_s": 3600.0}
        return more

    def _witness_args(self) -> tuple[str, ...]:
        own = (
            "--name",
            f"{site.PLANT}/{WITNESS}",
            "--key",
            str(self.directory / "keys" / "witness.key"),
        )
        log = VerifierKey(site.ORIGIN, self.log_key).text()
        where = ("--state", str(self.directory / WITNESS), "--port", str(self._witness_port))
        return (*own, "--log", log, *where)


@dataclass(frozen=True, slots=True)
class Extras:
    """What runs beside core, edge and actuator: a witness, someone who asks and advises; settings of twin.yaml; how slow a write is."""

    witnessed: bool = False
    asked: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    write_s: float = 0.0  # until it takes effect, and again until it is confirmed


class Seen:
    """How far edge and plant had come: what comes after is the work of a process started then."""

    __slots__ = ("epoch", "plant_bytes", "workers")

    def __init__(self, epoch: int, plant_bytes: int, workers: frozenset[int]) -> None:
        self.epoch = epoch
        self.plant_bytes = plant_bytes
        self.workers = workers


def workers(stage: Stage) -> list[int]:
    """Look-ahead workers of the core that runs now; none where it has no models, or no core runs."""
    return ahead.workers(stage.children.pid("core")) if stage.children.runs("core") else []


async def counts(stage: Stage) -> Mapping[str, int]:
    """What the core counts, by name."""
    token = (stage.directory / "keys" / f"{site.OBSERVER}.token").read_text("ascii").strip()
    api = HttpApi(stage.url, token)
    try:
        status = await api.get("/status", purpose="drill")
    finally:
        await api.close()
    return {name: int(number) for name, number in status["counts"].items()}
