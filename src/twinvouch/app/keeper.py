"""Keeps the history while the core runs: every quarter of an hour a process of its own writes chunks and deletes what is over.

What was done to the history, by it or by a person's verb, is entered in the ledger. It is a process, so that nothing it does holds up the engine; it gives way to the core, and one that is killed is begun
again at the next time. What it says goes to our log.
"""

import logging
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import astuple
from typing import Final

from twinvouch.adapters import deeds
from twinvouch.adapters.chunk_index import ChunkIndex
from twinvouch.app.compaction import DIRECTORY
from twinvouch.app.config_model import Config
from twinvouch.app.core import Core, salt
from twinvouch.core.errors import MalformedError, TwinvouchError, UnavailableError
from twinvouch.core.event import HistoryChanged, Priority

FIRST_S: Final = 300.0
ENTER_S: Final = 5.0
INTERVAL_S: Final = 900.0
_log = logging.getLogger("twinvouch.core")


class Keeper:
    """Starts the process in its rhythm; `stop` ends one that runs."""

    def __init__(self, config: Config, core: Core) -> None:
        self._path, self._data = config.path, config.data_dir
        self._core = core
        self._stopping = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="twinvouch-history", daemon=True)
        self._writes = config.retention.history_days > 0
        self._thread.start()

    def stop(self) -> None:
        """End it; a chunk is whole or not there."""
        self._stopping.set()
        child = self._child
        if child is not None and child.poll() is None:
            child.kill()
        if self._thread.is_alive():
            self._thread.join()

    def _keep(self) -> None:
        due = time.monotonic() + FIRST_S
        self._remember()
        self.enter()
        while not self._stopping.wait(ENTER_S):
            if self._writes and time.monotonic() >= due:
                due = time.monotonic() + INTERVAL_S
                self.once()
            self.enter()

    def _remember(self) -> None:
        """Note the columns that this core runs with, so that its log is read under another configuration too."""
        if self._writes:
            try:
                with closing(ChunkIndex(self._data / DIRECTORY)) as index:
                    index.know(self._core.engine.memory.site.plant.groups.values())
            except TwinvouchError as error:  # a pass at work notes them itself
                _log.info("history: %s", error)

    def enter(self) -> int:
        """Have the core enter what was done to the history, here or by a verb; how many deeds there were."""
        done = 0
        for path in deeds.waiting(self._data):
            try:
                event = HistoryChanged(salt(), *astuple(deeds.read(path)))
                self._core.submit(Priority.STATEMENT, event).result()
            except UnavailableError:
                return done  # the inbox is full, or the core stops: it waits
            except MalformedError as error:
                _log.error("history: `%s`: %s; it is set aside", path, error)
                path.replace(path.with_suffix(".tmp"))
                continue
            path.unlink(missing_ok=True)
            done += 1
        return done

    def once(self) -> int:
        """One pass in a process of its own; its exit code."""
        words = [
            sys.executable,
            "-m",
            "twinvouch",
            "compact",
            "--purge",
            "--config",
            str(self._path),
        ]
        try:
            self._child = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            if self._stopping.is_set():
                self._child.kill()
            _, said = self._child.communicate()
        except OSError as error:
            _log.error("history: no process can be started: %s", error)
            return -1
        code = self._child.returncode
        if code and not self._stopping.is_set():
            _log.error("history: %s", said.decode("utf-8", "replace").strip()[-2_000:] or code)
        return code
