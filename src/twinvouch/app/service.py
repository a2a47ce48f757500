"""A process as a service of systemd: it says when it is ready, that it still works, and that it stops.

The protocol of sd_notify(3) is one datagram to the socket that `NOTIFY_SOCKET` names; without one nothing is sent.
"""

import asyncio
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from twinvouch.app.logs import Format

_OFTEN_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Manner:
    """How a process shows itself; nothing of it is the plant's business. None: as the configuration says, or not."""

    log_format: Format | None = None
    metrics_file: Path | None = None


USUAL: Final = Manner()


def notify(state: str, environment: Mapping[str, str] = os.environ) -> None:
    """Tell the service manager, where there is one that listens."""
    name = environment.get("NOTIFY_SOCKET", "")
    if not name.startswith(("/", "@")):
        return
    address = "\0" + name[1:] if name.startswith("@") else name
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as door:
            door.settimeout(0)
            door.sendto(state.encode(), address)
    except OSError:
        return  # the manager went away: nothing that we are here for depends on it


def watchdog_s(environment: Mapping[str, str] = os.environ) -> float:
    """How often to say that we still work: half of what the manager demands; 0 where it demands nothing."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    asked = environment.get("WATCHDOG_USEC", "")
    return int(asked) / 2e6 if asked.isdecimal() else 0.0


class Alive:
    """Says at most every half of the watchdog's time that the process works; call it as often as it is true."""

    def __init__(self) -> None:
        self._every_s = watchdog_s()
        self._due_s = 0.0

    def __call__(self) -> None:
        """It works."""
        now_s = time.monotonic()
        if self._every_s and now_s >= self._due_s:
            self._due_s = now_s + self._every_s
            notify("WATCHDOG=1")


async def serve() -> None:
    """Say that we are ready, then that we work, for as long as the event loop turns; cancel it to stop."""
    notify("READY=1")
    alive = Alive()
    while True:
        alive()
        await asyncio.sleep(_OFTEN_S)
