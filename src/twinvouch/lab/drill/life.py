"""Where in its life each command of a drill is, by what controller, actuator and plant have written down by now.

    proposed -> held, permitted -> spent -> written -> told -> (delivered, or over)

A stage is the last one that anybody has written down. The journals are followed while they grow; none of it is asked of the core.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

from twinvouch.lab.drill.judge import Place, SpentPermits
from twinvouch.lab.drill.lines import Lines
from twinvouch.lab.drill.site import setpoints
from twinvouch.lab.drill.words import words_of

PROPOSED: Final = "proposed"  # sent to the core, which has not answered
HELD: Final = "held"  # the core has answered that: the model is asked, or readings are too old
PERMITTED: Final = "permitted"  # a permit is on its way to the actuator
SPENT: Final = "spent"  # the actuator has written that it uses the permit, the plant has nothing
WRITTEN: Final = "written"  # the write took effect at the plant, and nobody has confirmed it
TOLD: Final = "told"  # the actuator knows the outcome, the core not
STAGES: Final = (PROPOSED, HELD, PERMITTED, SPENT, WRITTEN, TOLD)
_OPEN: Final = frozenset({HELD, PERMITTED})
_MOST: Final = 25  # commands that are followed: those of the last five seconds, in which a hold or permit is over


class Life:
    """`look`, then `stages`; `last` are the words that the plant has for each address."""

    def __init__(self, directory: Path, spent: SpentPermits) -> None:
        self._controller = Lines(directory / "controller.jsonl")
        self._plant = Lines(directory / "plant.jsonl")
        self._spent = spent
        self._answers: dict[str, str] = {}  # of commands that may still come to something
        self._places: dict[Place, str] = {}
        self._written: set[str] = set()
        self.last: dict[int, tuple[int, ...]] = {}

    def look(self) -> None:
        """Take in what was written down since."""
        for line in map(json.loads, self._controller.new()):
            self._said(line)
        for line in map(json.loads, self._plant.new()):
            words = tuple(line["words"])
            self.last[line["address"]] = words
            self._written.add(self._places.get((line["address"], words), ""))
        self._spent.look()
        for ident in list(self._answers)[:-_MOST]:
            del self._answers[ident]

    def stages(self) -> Counter[str]:
        """How many commands are in each stage now."""
        return Counter(filter(None, map(self._stage, self._answers)))

    def close(self) -> None:
        """Let the files go."""
        self._controller.close()
        self._plant.close()

    def _said(self, line: dict[str, Any]) -> None:
        if "proposed" in line:
            ident, at = line["proposed"], setpoints()[line["tag"]]
            self._places[at, words_of(float(line["value"]))] = ident
            self._answers[ident] = PROPOSED
        elif line.get("status") in _OPEN:
            self._answers[line["answered"]] = line["status"]
        else:
            self._answers.pop(line.get("answered") or line.get("given_up", ""), None)

    def _stage(self, ident: str) -> str:
        spent = self._spent.by_command.get(ident)
        if spent is None:
            return self._answers[ident]
        if spent.is_refused or spent.nonce in self._spent.delivered:
            return ""
        if spent.nonce in self._spent.told:
            return TOLD
        return WRITTEN if ident in self._written else SPENT
