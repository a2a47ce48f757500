"""The full disk of `bench endure`: a core on a small file system of its own that another program fills to the last byte.

The file system is a tmpfs in a user and mount namespace (`unshare`, no rights needed), which the drill runs inside as a
process of its own: `python -m twinvouch.app.bench.full_disk DIRECTORY`. The edge's spool and the actuator's journal lie
elsewhere, as on machines of their own. Where the kernel gives no such namespace nothing is tried, and that is said.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from twinvouch.app.bench import kill
from twinvouch.app.bench.kill import COMMANDS_PER_S, Figures, Killed, Say
from twinvouch.lab.api import HttpApi
from twinvouch.lab.drill import judge, site
from twinvouch.lab.drill.stage import Extras, Stage

SIZE_MIB: Final = 48
RESERVE_MIB: Final = 4
_UNSHARE: Final = ("unshare", "--user", "--map-root-user", "--mount")
_BATCHES_PER_S: Final = 10.0
_HELD_S: Final = 4.0  # so long it stays full each time
_PIECE: Final = 1 << 16
_LAST_S: Final = 400.0
_JUDGED: Final = (
    *("lost", "duplicated", "double_executed", "unpermitted_writes", "two_roots"),
    *("ledger_verified", "batches", "executed", "seconds"),
)


def run(directory: Path, say: Say) -> tuple[Figures, bool]:
    """Figures with the prefix `full_`, and whether all was as it must be; `full_how` says on what."""
    if not _can():
        say("no full disk: this machine gives no user namespace with a file system of its own")
        return {"full_how": "not tried: no user namespaces"}, True
    words = (*_UNSHARE, sys.executable, "-m", "twinvouch.app.bench.full_disk", str(directory))
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, timeout=_LAST_S, check=False)
    if done.returncode not in {0, 1}:
        return {"full_how": f"the drill ended with {done.returncode}"}, False
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures, done.returncode == 0


def _can() -> bool:
    """Whether a process may have a file system of its own here."""
    try:
        words = [*_UNSHARE, "mount", "-t", "tmpfs", "none", "/mnt"]
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


class Filler:
    """Another program's file on the core's file system."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._path = data / "another program's file"

    def free(self) -> int:
        """Bytes that are free now."""
        found = self._stat()
        return int(found.f_bavail * found.f_frsize)

    def percent(self) -> float:
        """The same, of all."""
        found = self._stat()
        return float(100 * found.f_bavail / found.f_blocks)

    def fill(self, leave: int) -> None:
        """Take all but so many bytes; 0: until a write fails."""
        with self._path.open("ab", buffering=0) as file:
            try:
                while (room := self.free() - leave) > 0:
                    file.write(bytes(min(room, _PIECE)))
            except OSError:
                return

    def make_room(self) -> None:
        """Give it all back."""
        self._path.unlink()

    def _stat(self) -> Any:
        return os.statvfs(self._data)


async def _drill(directory: Path, say: Say) -> tuple[Figures, bool]:
    normal = site.NORMAL.faster(_BATCHES_PER_S / site.NORMAL.batches_per_s)
    load = site.Load(normal.scans_per_s, COMMANDS_PER_S, normal.queries_per_s, 0, 0, 0, 0, 0)
    stage = Stage(directory, load, Extras(settings={"disk": {"reserve_mib": RESERVE_MIB}}))
    killed = Killed(judge.SpentPermits(directory / judge.ACTUATOR_JOURNAL))
    began = time.monotonic()
    try:
        await stage.start()
        following = asyncio.create_task(kill.follow(killed.spent))
        figures = await _filled(stage, killed, Filler(directory / "data"), say)
        took = time.monotonic() - began
        await stage.settle()
        killed.false_alarms = await stage.found("unpermitted_actuation")
        figures["full_findings"] = await stage.found("disk")
        await stage.end()
        following.cancel()
    finally:
        killed.spent.close()
        await stage.close()
    found, is_ok = kill.judged(stage, killed, {"seconds": round(took, 1)}, say)
    figures |= {f"full_{name}": found[name] for name in _JUDGED}
    is_said = all(figures[f"full_{name}"] for name in ("said", "findings", "readings_refused"))
    is_safe = figures["full_commands_denied"] and figures["full_writes_meanwhile"] == 0
    return figures, bool(is_ok and is_said and is_safe)


async def _filled(stage: Stage, killed: Killed, filler: Filler, say: Say) -> Figures:
    """Full up to the reserve, full to the last byte with a kill and a start, and room again."""
    await asyncio.sleep(_HELD_S)
    say("filling up to the last 3 % ...")
    figures = await _full(stage, filler, filler.free() * 3 // 100)
    say("filling to the last byte, then a kill and a start ...")
    filler.fill(0)
    await asyncio.sleep(_HELD_S)
    figures |= await _killed_when_full(stage, filler)
    kill.look(stage, killed)
    say("making room ...")
    return figures | await _room(stage, filler)


async def _full(stage: Stage, filler: Filler, leave: int) -> Figures:
    """Below the reserve: readings are refused, commands denied, and nothing is written to the plant."""
    filler.fill(leave)
    await _until(lambda: _refused(stage) > 0, "no reading is refused")
    await asyncio.sleep(2.0)  # permits that were issued before may still be carried out
    before, denied = stage.seen().plant_bytes, _denied(stage)
    await asyncio.sleep(_HELD_S)
    status = await _status(stage)
    return {
        "full_how": f"tmpfs of {SIZE_MIB} MiB",
        "full_percent_free": round(filler.percent(), 1),
        "full_said": int(bool(status["disk_full"])),
        "full_commands_denied": _denied(stage) - denied,
        "full_writes_meanwhile": stage.seen().plant_bytes - before,
    }


async def _killed_when_full(stage: Stage, filler: Filler) -> Figures:
    """Not one byte is free: the core works on from its reserve, or has ended with 5; either way it is killed and started."""
    process = stage.children.of("core")
    ended = process.returncode is not None
    await stage.children.kill("core")
    await stage.spawn("core")
    await asyncio.sleep(_HELD_S)
    code = stage.children.of("core").returncode
    return {
        "full_to_the_last_byte": int(filler.free() == 0 or filler.percent() < 1),
        "full_core_ended_itself": int(ended),
        "full_start_without_room": "works" if code is None else f"ended with {code}",
    }


async def _room(stage: Stage, filler: Filler) -> Figures:
    """Readings are taken and commands carried out again; a core that has ended is started."""
    filler.make_room()
    if stage.children.of("core").returncode is not None:
        await stage.children.kill("core")
        await stage.spawn("core")
    since, before = time.monotonic(), stage.seen().plant_bytes
    await _until(lambda: stage.recorder.last_s > since, "no reading is taken again")
    taken = time.monotonic() - since
    await _until(lambda: stage.seen().plant_bytes > before, "nothing is written to the plant again")
    return {
        "full_readings_refused": _refused(stage),
        "full_readings_again_s": round(taken, 1),
        "full_commands_again_s": round(time.monotonic() - since, 1),
    }


def _refused(stage: Stage) -> int:
    """Batches that were refused because there is no room."""
    return sum(n for said, n in stage.recorder.answers.items() if said.startswith("507"))


def _denied(stage: Stage) -> int:
    """Commands that were answered with a no."""
    lines = judge.lines(stage.directory / "controller.jsonl")
    return sum(line.get("status") in {"denied", "refused"} for line in lines)


async def _status(stage: Stage) -> Any:
    token = (stage.directory / "keys" / f"{site.OBSERVER}.token").read_text("ascii").strip()
    api = HttpApi(stage.url, token)
    try:
        return await api.get("/status", purpose="drill")
    finally:
        await api.close()


async def _until(is_so: Callable[[], bool], otherwise: str) -> None:
    """Wait for it for a minute."""
    until = time.monotonic() + 60.0
    while not is_so():
        assert time.monotonic() < until, otherwise
        await asyncio.sleep(0.05)


def main(directory: Path) -> int:
    """The drill, inside the namespaces; the last line of standard output is its figures."""
    data, edges = directory / "data", directory / "edges"
    data.mkdir(parents=True)
    edges.mkdir(mode=0o700)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m,mode=700", "none", str(data)], check=True
    )
    (data / "edges").symlink_to(edges)
    figures, is_ok = asyncio.run(
        _drill(directory, lambda line: print(line, file=sys.stderr, flush=True))
    )
    print(json.dumps(figures))
    return 0 if is_ok else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
