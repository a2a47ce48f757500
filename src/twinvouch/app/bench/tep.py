"""`bench tep`: the Tennessee Eastman process with its 21 faults, as files of the Braatz group have it.

Everything is learned from `d00.dat` alone; false alarms are those on `d00_te.dat`, detection is the share of rows with
an alarm after the fault began. Rows come every 3 minutes; the files say no times. Source: Downs and Vogel, Computers Chem.
Engng 17(3), 1993; Chiang, Russell, Braatz, Fault Detection and Diagnosis in Industrial Systems, 2001.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from twinvouch.app.bench.detect import digest_of_code
from twinvouch.app.bench.faults import KINDS, Judge
from twinvouch.core.errors import UsageError
from twinvouch.core.table import Table

Say = Callable[[str], None]
FAULTS: Final = tuple(range(1, 22))
HARD: Final = (3, 9, 15)  # published detectors see next to nothing of these
BEGINS: Final = 160  # the first faulty row of a test file
TAGS: Final = (*(f"xmeas-{n}" for n in range(1, 42)), *(f"xmv-{n}" for n in range(1, 12)))
_PERIOD_NS: Final = 3 * 60 * 10**9
_START_NS: Final = 946_684_800 * 10**9  # any day will do


def run(directory: Path, say: Say) -> dict[str, Any]:
    """Detection by fault and on average, false alarms, and both of the plain ridge."""
    clean = read(directory / "d00.dat")
    judge = Judge(clean)
    say(f"configuration and code {digest_of_code()}; learned from {len(clean.t_ns)} rows")
    quiet = judge.alarms(read(directory / "d00_te.dat"))
    faults, before = [], []
    for fault in FAULTS:
        alarms = judge.alarms(read(directory / f"d{fault:02}_te.dat"))
        shares = {f"{k}detected": round(float(alarms[k][BEGINS:].mean()), 4) for k in KINDS}
        faults.append({"fault": fault} | shares)
        before.append({k: alarms[k][:BEGINS].mean() for k in KINDS})
        say(f"fault {fault}: {shares['detected']:.3f}")
    figures: dict[str, Any] = {}
    for k in KINDS:
        of = {f["fault"]: f[f"{k}detected"] for f in faults}
        easy = [share for fault, share in of.items() if fault not in HARD]
        figures |= {
            f"{k}detected": round(float(np.mean(list(of.values()))), 4),
            f"{k}detected_without_3_9_15": round(float(np.mean(easy)), 4),
            f"{k}false_alarms": round(float(quiet[k].mean()), 5),
            f"{k}alarms_before_faults": round(float(np.mean([b[k] for b in before])), 5),
        }
    return figures | {"faults": faults, "code": digest_of_code()}


def read(path: Path) -> Table:
    """A file of numbers, one row a moment and 52 columns; `d00.dat` has them the other way round."""
    try:
        values = np.loadtxt(path, ndmin=2)
    except (OSError, ValueError) as error:
        raise UsageError(f"`{path}`: {error}") from None
    if values.shape[1] != len(TAGS) and values.shape[0] == len(TAGS):
        values = values.T
    if values.shape[1] != len(TAGS):
        raise UsageError(f"`{path}`: {values.shape[1]} columns, expected {len(TAGS)}")
    return Table(
        TAGS, _START_NS + np.arange(len(values)) * _PERIOD_NS, np.ascontiguousarray(values)
    )
