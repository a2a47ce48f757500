"""Keeps the history while the core runs: once an hour a process of its own writes chunks and deletes what is over.

It is a process, so that nothing it does holds up the engine; it gives way to the core, and one that is killed is begun
again an hour later. What it says goes to our log.
"""

import logging
import subprocess
import sys
import threading
from typing import Final

from twinvouch.app.config_model import Config

FIRST_S: Final = 300.0
INTERVAL_S: Final = 3600.0
_log = logging.getLogger("twinvouch.core")


class Keeper:
    """Starts the process in its rhythm; `stop` ends one that runs."""

    def __init__(self, config: Config) -> None:
        self._path = config.path
        self._stopping = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="twinvouch-history", daemon=True)
        if config.retention.history_days:
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
        wait_s = FIRST_S
        while not self._stopping.wait(wait_s):
            wait_s = INTERVAL_S
            self.once()

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
