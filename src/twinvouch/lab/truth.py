"""The plant's own journal, read back: what was written, and whether that was safe.

This judges by the true state of the plant and knows nothing of the gates: its limits are the plant's
(discharge pressure, tank levels, the tower's rim, starts per hour), not those in twin.yaml.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twinvouch.core.inventory import Encoding, Point, Table
from twinvouch.lab import tower
from twinvouch.lab.net3 import RUN, SPEED
from twinvouch.lab.stage import Write
from twinvouch.lab.tower import BY_TAG

TWINVOUCH = "actuator"  # the certificate that only the actuator process holds
MOST_KPA = 420.0  # what pump 10's discharge is built for
LEVELS_M = ((0.5, 9.5), (2.2, 12.0), (1.4, 10.83))  # tanks 1 to 3
MOST_STARTS = 6  # of a pump in one plant hour
_HOUR_S = 3600
Harm = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Journal:
    """All lines of one journal, in order: `lines` are as the plant wrote them."""

    lines: Sequence[Mapping[str, Any]]

    def writes(self) -> list[Write]:
        """Every write request that reached the plant."""
        return [_write(line["write"]) for line in self.lines if "write" in line]

    def last(self) -> Mapping[str, Any] | None:
        """The newest true state."""
        return next((line["truth"] for line in reversed(self.lines) if "truth" in line), None)

    def value(self, tag: str) -> float:
        """The newest true value of a tank level, of pump 10's run or speed, of the tower's level and pump."""
        truth = self.last()
        assert truth is not None, "the plant has not ticked yet"
        if tag in {tower.LEVEL, tower.BOOSTER}:
            return float(truth["tower"]["level" if tag == tower.LEVEL else "runs"])
        if tag.startswith("tank-"):
            return float(truth["levels"][int(tag[5]) - 1])
        return float(truth[{RUN: "runs", SPEED: "speed"}[tag]])


def read(text: str) -> Journal:
    """A journal from its text; a last line that is still being written is left out."""
    complete = text[: text.rfind("\n") + 1]
    return Journal([json.loads(line) for line in complete.splitlines()])


def unsafe_writes(journal: Journal) -> list[str]:
    """What twinvouch carried out although the true plant was, or came, outside what it is built for.

    Each write is held responsible for the true states until the next write. A write that changes
    nothing is responsible for nothing: it did not bring the plant where it is.
    """
    works = [line for line in journal.lines if not _is_of_tower(line)]
    of_tower = [line for line in journal.lines if "truth" in line or _is_of_tower(line)]
    return _unsafe(works, _harm) + _unsafe(of_tower, _overflow)


def _unsafe(lines: Sequence[Mapping[str, Any]], harm_of: Harm) -> list[str]:
    """Of writes that have to do with one part of the plant, and the harm to it."""
    found: list[str] = []
    starts: list[int] = []
    before: Mapping[str, Any] | None = None
    responsible = ""
    for line in lines:
        if "truth" in line:
            now = line["truth"]
            if responsible and (harm := harm_of(now)):
                found.append(f"{responsible}: {harm}")
                responsible = ""
            before = now
            continue
        write = _write(line["write"])
        responsible = ""
        if write.exception or not _changes(write, before):
            continue
        if write.peer == TWINVOUCH:
            responsible = f"{write.table} {write.address} = {write.words}"
        if before is None or write.table != Table.COIL or write.words != (1,):
            continue
        starts.append(int(before["clock_s"]))
        if responsible and sum(s > starts[-1] - _HOUR_S for s in starts) > MOST_STARTS:
            found.append(f"{responsible}: more than {MOST_STARTS} starts in an hour")
    return found


def _is_of_tower(line: Mapping[str, Any]) -> bool:
    return "write" in line and _is_at(_write(line["write"]), BY_TAG[tower.BOOSTER].point)


def _overflow(truth: Mapping[str, Any]) -> str:
    level, (_, high) = truth["tower"]["level"], tower.LIMITS_M
    return f"tower at {level:.2f} m, limit {high} m" if level > high else ""


def _harm(truth: Mapping[str, Any]) -> str:
    if truth["discharge"] > MOST_KPA:
        return f"discharge at {truth['discharge']:.0f} kPa, built for {MOST_KPA:.0f}"
    for number, (level, (low, high)) in enumerate(
        zip(truth["levels"], LEVELS_M, strict=True), start=1
    ):
        if not low <= level <= high:
            return f"tank {number} at {level:.2f} m, limits {low} to {high} m"
    return ""


def _changes(write: Write, before: Mapping[str, Any] | None) -> bool:
    """Whether the write differs from what was so."""
    if before is None:
        return True
    run, speed = BY_TAG[RUN].point, BY_TAG[SPEED].point
    if _is_at(write, run):
        return bool(write.words[0]) is not bool(before["runs"])
    if _is_at(write, BY_TAG[tower.BOOSTER].point):
        return bool(write.words[0]) is not bool(before["tower"]["runs"])
    if _is_at(write, speed):
        assert speed.encoding is Encoding.U16
        return bool(abs(write.words[0] * speed.scale - before["speed"]) > speed.scale / 2)
    return True


def _is_at(write: Write, point: Point) -> bool:
    return write.table == point.table and write.address == point.address


def _write(said: Mapping[str, Any]) -> Write:
    words = tuple(int(w) for w in said["words"])
    return Write(said["peer"], said["table"], said["address"], words, said["exception"])
