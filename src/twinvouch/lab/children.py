"""The processes of the demo: started here, ended here, and dead when this process dies.

Each child has a session of its own, so Ctrl-C reaches only the demo, which ends them in order; the
kernel kills them should the demo itself be killed (Linux).
"""

import asyncio
import ctypes
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from twinvouch.core.errors import UnavailableError

_PR_SET_PDEATHSIG: Final = 1
_END_S: Final = 8.0
_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with(parent: int) -> None:
    """Called first in a process that `parent` started: the kernel kills it when that dies, and it ends now where that is dead; Linux only."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


class Children:
    """Processes by name; their standard error goes to `<directory>/<name>.log`."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._running: dict[str, Process] = {}

    async def start(
        self, name: str, args: Sequence[str], *, talks: bool = False, module: str = "twinvouch"
    ) -> Process:
        """Run `python -m MODULE ARGS`; where it `talks`, its input and output are pipes."""
        pipe = PIPE if talks else asyncio.subprocess.DEVNULL
        with (self._directory / f"{name}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", module, *args),
                stdin=pipe,
                stdout=pipe,
                stderr=log,
                start_new_session=True,
                preexec_fn=partial(die_with, os.getpid()),
            )
        self._running[name] = process
        return process

    async def run(self, name: str, args: Sequence[str]) -> None:
        """Run `python -m twinvouch ARGS` to its end; UnavailableError where it ends with anything but 0."""
        code = await (await self.start(name, args)).wait()
        del self._running[name]
        if code:
            raise UnavailableError(f"{name} ended with {code}: {self.tail(name) or 'nothing said'}")

    async def said(self, name: str, args: Sequence[str]) -> str:
        """What `python -m twinvouch ARGS` prints; UnavailableError where it ends with anything but 0."""
        process = await self.start(name, args, talks=True)
        text, _ = await process.communicate()
        del self._running[name]
        if process.returncode:
            why = self.tail(name) or "nothing said"
            raise UnavailableError(f"{name} ended with {process.returncode}: {why}")
        return text.decode()

    def pid(self, name: str) -> int:
        """The process id of a running child."""
        return self._running[name].pid

    def runs(self, name: str) -> bool:
        """True of a child that was started and not ended here."""
        return name in self._running

    def of(self, name: str) -> Process:
        """A child that was started and not ended here; it may have ended by itself."""
        return self._running[name]

    def check(self) -> None:
        """Raise UnavailableError where a child has ended by itself, with the end of its log."""
        for name, process in self._running.items():
            if process.returncode is not None:
                raise UnavailableError(
                    f"{name} ended with {process.returncode}: {self.tail(name) or 'nothing said'}"
                )

    def tail(self, name: str) -> str:
        """The last lines that a child said."""
        text = (self._directory / f"{name}.log").read_text("utf-8", "replace")
        return " | ".join(text.strip().splitlines()[-4:])

    async def kill(self, name: str) -> None:
        """End a child with SIGKILL, without any chance to tidy up."""
        process = self._running.pop(name)
        if process.returncode is None:
            process.kill()
        await process.wait()

    async def end(self, name: str) -> int:
        """Ask a child to end and wait; one that does not is killed. Gives its exit code."""
        process = self._running.pop(name)
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        if process.stdin is not None:
            process.stdin.close()
        try:
            return await asyncio.wait_for(process.wait(), _END_S)
        except TimeoutError:
            process.kill()
            return await process.wait()

    async def end_all(self) -> None:
        """End what still runs, newest first."""
        for name in reversed(list(self._running)):
            await self.end(name)


async def said_line(process: Process) -> Any:
    """One JSON line that a talking child prints; UnavailableError where it ends instead."""
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise UnavailableError("a process of the demo ended before it was ready")
    return json.loads(line)


async def tell_line(process: Process, said: Any) -> None:
    """One JSON line to a talking child."""
    assert process.stdin is not None
    process.stdin.write(json.dumps(said).encode() + b"\n")
    await process.stdin.drain()


def pss_mb(pid: int) -> float | None:
    """Proportional set size of a process in MB (10^6 bytes); None where the kernel does not tell."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    except OSError:
        return None
    kib = next(
        (int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), None
    )
    return None if kib is None else kib * 1024 / 1e6


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process has taken, in all its threads; 0 where the kernel does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def environment_seconds(name: str) -> float | None:
    """A number of seconds from the environment; None where there is none."""
    try:
        return float(os.environ[name])
    except (KeyError, ValueError):
        return None
