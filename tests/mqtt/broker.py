"""A real mosquitto on a free port for tests; where it is not installed tests skip, but never in CI."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
needs_mosquitto = pytest.mark.skipif(
    MOSQUITTO is None and not os.environ.get("TWINVOUCH_NEEDS_MOSQUITTO"),
    reason="mosquitto is not installed: apt-get install mosquitto",
)


class Mosquitto:
    """One broker process; `kill` ends it hard, `start` brings it back on the same port."""

    def __init__(self, folder: Path, *lines: str) -> None:
        self._folder = folder
        self._lines = lines or ("allow_anonymous true",)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert MOSQUITTO is not None, "CI needs mosquitto: .ci/run installs it"
        config = self._folder / "mosquitto.conf"
        first = (f"listener {self.port} 127.0.0.1", "max_queued_messages 0", "persistence false")
        config.write_text("\n".join([*first, *self._lines, ""]))
        self._process = subprocess.Popen(
            [MOSQUITTO, "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + 30
        while time.monotonic() < until:
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("mosquitto does not listen")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None
