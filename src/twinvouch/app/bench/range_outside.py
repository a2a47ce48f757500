"""What of the product lies beside the engine in a run of the range: the actuator's check of permits, and look-ahead in this process."""

from functools import lru_cache
from hashlib import sha256
from time import monotonic

import numpy as np

from twinvouch.app.actuator_check import Accepted, OwnLimits, OwnPoint, asset_of, judge, mode_of
from twinvouch.app.foresight import Foreseer, in_turn
from twinvouch.app.lookahead_fit import fitted_data
from twinvouch.app.lookahead_process import answer
from twinvouch.app.model_class import Made, make
from twinvouch.core.command import Permit
from twinvouch.core.errors import TwinvouchError, UnavailableError
from twinvouch.core.event import Simulate, SimulationDone
from twinvouch.core.inventory import Plant
from twinvouch.core.lookahead import Trace
from twinvouch.core.site import SECOND
from twinvouch.lab.range.commissioning import honest_days
from twinvouch.lab.range.plan import sector as sector_of
from twinvouch.lab.range.plants import Sector
from twinvouch.lab.range.site import PERMIT_KEY, signer
from twinvouch.lab.range.stage import Worker
from twinvouch.wire.lookahead import read_answer, read_question, write_answer, write_foresight

DEADLINE_S = 60.0  # of an answer in this process; a run must not depend on how busy the machine is


class Memory:
    """Permits that were used, and epochs of modes. Fits Remembered."""

    horizon_ns = 0

    def __init__(self) -> None:
        self._spent: set[bytes] = set()
        self._epochs: dict[str, int] = {}

    def is_spent(self, nonce: bytes) -> bool:
        """As Remembered."""
        return nonce in self._spent

    def mode_epoch(self, asset: str) -> int:
        """As Remembered."""
        return self._epochs.get(asset, 0)

    def spend(self, permit: Permit) -> None:
        """It is used."""
        self._spent.add(permit.nonce)
        self.begin(asset_of(permit), permit.mode_epoch)

    def begin(self, asset: str, epoch: int) -> None:
        """Permits of older epochs are void."""
        self._epochs[asset] = max(epoch, self.mode_epoch(asset))


class Check:
    """One run's actuator: its own check of permits, by limits of its own."""

    def __init__(self, plant: Plant) -> None:
        points = {
            t.id: OwnPoint(t.id, t.point, t.limits.low, t.limits.high)
            for t in plant.tags.values()
            if t.point is not None and t.limits is not None
        }
        self._limits = OwnLimits(plant.id, signer(PERMIT_KEY).public_key, 60 * SECOND, points)
        self._memory = Memory()

    def permitted(self, raw: bytes, now_ns: int) -> tuple[Permit, float] | str:
        """As Outside."""
        notice = mode_of(raw, now_ns, self._limits)
        if notice is not None:
            self._memory.begin(notice.asset, notice.epoch)
            return "a mode, not a permit"
        found = judge(raw, now_ns, self._limits, self._memory)
        if not isinstance(found, Accepted):
            return found.sentence
        self._memory.spend(found.permit)
        return found.permit, found.value


class Beside(Check):
    """Fits Outside: one run's actuator, and its model."""

    def __init__(self, sector: Sector, seed: int, plant: Plant) -> None:
        super().__init__(plant)
        self._made, self._runner = model_of(sector, seed), runner_of(sector, seed).model
        self._worker = Worker.HONEST
        self._foreseer = Foreseer(self._made.model, in_turn(self._asked), is_searching=False)

    def _asked(self, raw: bytes) -> bytes:
        """What the worker says."""
        if self._worker is Worker.DEAD:
            raise UnavailableError("the worker died")
        told = answer(self._runner, raw)
        return told if self._worker is Worker.HONEST else _still(told)

    def foreseen(self, asked: Simulate, worker: Worker) -> SimulationDone:
        """As Outside. What a worker that is not honest says is not kept for later questions."""
        self._worker = worker
        if worker is not Worker.HONEST:
            self._foreseer = Foreseer(self._made.model, in_turn(self._asked), is_searching=False)
        salt = sha256(b"done" + asked.ident.encode()).digest()[:16]
        try:
            seen = self._foreseer.foresee(read_question(asked.question), monotonic() + DEADLINE_S)
        except TwinvouchError as error:
            return SimulationDone(salt, asked.ident, b"", str(error)[:500], self._made.digest)
        return SimulationDone(salt, asked.ident, write_foresight(seen), "", self._made.digest)


def _still(told: bytes) -> bytes:
    """An answer in which every quantity stays what it was at the beginning."""
    traces = [
        Trace(np.repeat(t.rows[:1], len(t.rows), axis=0), t.samples, t.sampled)
        for t in read_answer(told)
    ]
    return write_answer(traces)


def model_of(sector: Sector, seed: int) -> Made:
    """The model as the core has it: for laws and certificates."""
    return _cached(sector.name, _fitted_for(sector, seed), "core")


def runner_of(sector: Sector, seed: int) -> Made:
    """The model as a worker has it."""
    return _cached(sector.name, _fitted_for(sector, seed), "worker")


def _fitted_for(sector: Sector, seed: int) -> int:
    """The seed whose honest days the model is fitted to; a model that is not fitted is the same for all."""
    return seed if sector.commissioning is not None else -1


@lru_cache(maxsize=8)
def _cached(name: str, seed: int, part: str) -> Made:  # noqa: ARG001 (each part has a model of its own)
    look = sector_of(name).lookout
    return make(look.reference, data_of(name, seed), look.numbers)


@lru_cache(maxsize=4)
def data_of(name: str, seed: int) -> bytes:
    """The data of a sector's model: as it came, or fitted to the honest days of a seed."""
    sector = sector_of(name)
    look, told = sector.lookout, sector.commissioning
    raw = look.data()
    if told is None:
        return raw
    fitted = fitted_data(
        look.reference, (raw, look.numbers), [honest_days(sector, seed)], told.stretch
    )
    return fitted.data
