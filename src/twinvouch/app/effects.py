"""Where effects go that leave the core: questions to the workers of look-ahead, everything else to the hub."""

import logging
import secrets
from concurrent.futures import Future

from twinvouch.app.api.hub import Hub
from twinvouch.app.config_model import Config
from twinvouch.app.core import Core
from twinvouch.app.lookahead import Workers, served
from twinvouch.core.errors import UnavailableError
from twinvouch.core.event import Effect, Priority, Simulate, SimulationDone

_log = logging.getLogger("twinvouch.lookahead")


class Effects:
    """Made before the core, since the core needs `leave`; begun with it, since answers go back to it."""

    def __init__(self, config: Config, hub: Hub) -> None:
        self._hub = hub
        self._core: Core | None = None
        self._tried: dict[str, Future[SimulationDone]] = {}  # by question: who only looks
        self.workers = Workers(served(config), self._tell)

    def begin(self, core: Core) -> Core:
        """Start the workers; before the core starts, which asks again what was on its way."""
        self._core = core
        core.foresee = self.foresee
        self.workers.start()
        return core

    def leave(self, effect: Effect) -> None:
        """Let an effect leave; from any thread."""
        if isinstance(effect, Simulate):
            self.workers.take(effect)
        else:
            self._hub.leave(effect)

    def foresee(self, question: bytes) -> "Future[SimulationDone]":
        """Ask a model for somebody who only looks: the answer comes back here and never reaches the engine."""
        ident, answer = secrets.token_hex(16), Future[SimulationDone]()
        answer.set_running_or_notify_cancel()  # who goes away does not take the answer along
        self._tried[ident] = answer
        self.workers.take(Simulate(ident, question))
        return answer

    def end(self) -> None:
        """End the workers."""
        self.workers.stop()

    def _tell(self, done: SimulationDone) -> None:
        """An answer that finds no room is lost: the engine gives it up after its deadline, and holds the command."""
        tried = self._tried.pop(done.ident, None)
        if tried is not None:
            tried.set_result(done)
            return
        if self._core is None:
            return
        try:
            self._core.submit(Priority.COMMAND, done)
        except UnavailableError as error:
            _log.warning("an answer of look-ahead is lost: %s", error)
