"""`./dev fuzz [TARGET ...] [--seconds N] [--keep] [--json]`: look for inputs that break a promise.

Each target runs in a process of its own for its share of the seconds. A broken promise, a crash or an input that
takes more than a second of CPU is printed as hex, with the line that repeats it; the exit code is then 1.
"""

import argparse
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

from tests.fuzz import corpus_file

ROOT = Path(__file__).resolve().parents[2]
HANG_S = 1.0  # of CPU for one input
BROKEN = 77  # libFuzzer's exit code for an exception
SHOWN = 4000  # characters of what a target printed


@dataclass(frozen=True, slots=True)
class Found:
    """What the run of one target gave; `broken` and `hung` are inputs in hex."""

    target: str
    executions: int
    seconds: float
    slowest_s: int  # whole seconds, as libFuzzer rounds
    broken: tuple[str, ...]
    hung: tuple[str, ...]
    kept: int
    said: str = ""


def main() -> int:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(
        prog="./dev fuzz", description="Fuzz the readers of outside bytes."
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(corpus_file.names()))
    parser.add_argument("--seconds", type=int, default=60, help="for all targets together")
    parser.add_argument(
        "--keep", action="store_true", help="write what was found interesting to corpus/"
    )
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument("--input", metavar="HEX", help="only feed this input to the one TARGET")
    parser.add_argument("--inside", metavar="DIR", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    targets = asked.targets or corpus_file.names()
    if unknown := sorted(set(targets) - set(corpus_file.names())):
        parser.error(f"no target {', '.join(unknown)}; there are {', '.join(corpus_file.names())}")
    if asked.inside:
        return inside(targets[0], asked.inside, asked.seconds)
    if asked.input is not None:
        target(targets[0]).one(bytes.fromhex(asked.input))
        return 0
    share = max(1, asked.seconds // len(targets))
    found = [told(run(name, share, keep=asked.keep), as_json=asked.as_json) for name in targets]
    if asked.as_json:
        print(json.dumps(total(found)))
    return 1 if any(f.broken or f.hung or not f.executions for f in found) else 0


def target(name: str) -> ModuleType:
    """The module of a target."""
    return importlib.import_module(f"tests.fuzz.targets.{name}")


def inside(name: str, directory: str, seconds: int) -> int:
    """The fuzzing process of one target."""
    import atheris  # its import changes how others are imported

    with atheris.instrument_imports(include=["twinvouch"]):
        module = target(name)
    flags = [
        f"-max_total_time={seconds}", "-timeout=60", "-report_slow_units=1", "-max_len=4096", "-print_final_stats=1",
        f"-artifact_prefix={directory}/found-", f"{directory}/corpus",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *flags], module.one)
    atheris.Fuzz()
    return 0


def run(name: str, seconds: int, *, keep: bool = False) -> Found:
    """Fuzz one target in a process of its own; what it found is tried again before it counts."""
    module = target(name)
    with tempfile.TemporaryDirectory(prefix=f"fuzz-{name}-") as made:
        directory = Path(made)
        (directory / "corpus").mkdir()
        for number, raw in enumerate([*module.SEEDS, *corpus_file.kept(name)]):
            (directory / "corpus" / f"{number:06}").write_bytes(raw)
        began = time.monotonic()
        ended = subprocess.run(
            [sys.executable, "-m", "tests.fuzz", name, "--inside", made, "--seconds", str(seconds)],
            cwd=ROOT, env={**os.environ, "PYTHONWARNINGS": "ignore"}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        took = time.monotonic() - began
        suspects = [path.read_bytes() for path in sorted(directory.glob("found-*"))]
        verdicts = [(raw, tried(name, raw)) for raw in suspects]
        broken = tuple(raw.hex() for raw, verdict in verdicts if verdict == "broken")
        hung = tuple(raw.hex() for raw, verdict in verdicts if verdict == "hung")
        count = corpus_file.keep(name, grown(directory)) if keep else len(corpus_file.kept(name))
    executions, slowest = (
        int(match[-1]) if (match := re.findall(rf"stat::{stat}:\s+(\d+)", ended.stderr)) else 0
        for stat in ("number_of_executed_units", "slowest_unit_time_sec")
    )
    is_sound = ended.returncode == 0 or (suspects and not broken and not hung)
    said = "" if is_sound else f"exit {ended.returncode}\n{ended.stderr[-SHOWN:]}"
    return Found(name, executions, round(took, 1), slowest, broken, hung, count, said)


def tried(name: str, raw: bytes) -> str:
    """`broken`, `hung` (by CPU time: a busy machine is no hang) or `fine`, in a fresh process."""
    command = [sys.executable, "-m", "tests.fuzz", name, "--input", raw.hex()]
    bare = cpu_s([*command[:-1], ""])
    try:
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return "hung"
    if ended.returncode:
        return "broken"
    return "hung" if cpu_s(command) - bare > HANG_S else "fine"


def cpu_s(command: list[str]) -> float:
    """CPU seconds of a child process."""
    before = os.times()
    subprocess.run(command, cwd=ROOT, capture_output=True, timeout=120, check=False)
    after = os.times()
    return (after.children_user + after.children_system) - (
        before.children_user + before.children_system
    )


def grown(directory: Path) -> list[bytes]:
    """The inputs that libFuzzer kept because they reached something new, and those it began with."""
    return [path.read_bytes() for path in (directory / "corpus").iterdir()]


def told(found: Found, *, as_json: bool) -> Found:
    """Print one target's line (to stderr where stdout is JSON)."""
    out = sys.stderr if as_json else sys.stdout
    print(
        f"{found.target:16} {found.executions:>10} executions  {found.seconds:>7.1f} s  "
        f"{len(found.broken)} broken  {len(found.hung)} hung  corpus {found.kept}",
        file=out, flush=True,
    )  # fmt: skip
    for raw in (*found.broken, *found.hung):
        print(f"    again: ./dev fuzz {found.target} --input {raw}", file=out)
    if found.said:
        print(found.said, file=out)
    return found


def total(found: list[Found]) -> dict[str, object]:
    """One object of all targets."""
    return {
        "executions": sum(f.executions for f in found),
        "seconds": round(sum(f.seconds for f in found), 1),
        "broken": sum(len(f.broken) for f in found),
        "hangs": sum(len(f.hung) for f in found),
        "targets": [asdict(f) for f in found],
    }


if __name__ == "__main__":
    raise SystemExit(main())
