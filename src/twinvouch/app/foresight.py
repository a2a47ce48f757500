"""From a question to what is foreseen: runs are asked of a worker, certified here, and compared.

The members of a branch are shared out among the workers of a model, and those who have answered are certified while others
still run. The backup branch is asked only where the command's leaves its limits, that of no command only where it leaves them further than
backup would. Both are kept: they do not depend on the command, so every command on one state of the plant shares them. Where the command is not safe, the nearest value that is is looked for, with at
most SEARCHED more branches.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Final

import numpy as np

from twinvouch.app.lookahead_process import asked_for
from twinvouch.commands.compared import eases, further, leaves
from twinvouch.commands.lookahead import is_safe
from twinvouch.core.errors import MalformedError, UnavailableError
from twinvouch.core.lookahead import Branch, Foresight, Question, members
from twinvouch.core.ports import Lookahead
from twinvouch.twin.rollout import certified
from twinvouch.wire.lookahead import digest, read_answer, write_question

SEARCHED: Final = 8
_KEPT: Final = 64  # backup branches, and of no command
_ANY, _NONE = "any", "none"  # command
Ask = Callable[[Sequence[bytes], float], Generator[bytes, None, None]]
Told = tuple[tuple[Branch, ...], float]


class Foreseer:
    """Asks one model, at most `ways` workers of it at once; belongs to one thread. `until_s` are of the monotonic clock.

    Without `is_searching` no nearest safe value is looked for.
    """

    def __init__(
        self, model: Lookahead, ask: Ask, ways: int = 1, *, is_searching: bool = True
    ) -> None:
        self._model, self._ask, self._ways = model, ask, ways
        self._is_searching = is_searching
        self._backups: OrderedDict[bytes, Told] = OrderedDict()

    def foresee(self, q: Question, until_s: float) -> Foresight:
        """What is foreseen; raises UnavailableError or MalformedError where nothing can be believed."""
        seen = self._branches(q, until_s)
        if q.is_idle or is_safe(seen) or not self._is_searching:
            return seen
        return replace(seen, allowed=self._instead(q, until_s))

    def _branches(self, q: Question, until_s: float) -> Foresight:
        commands, residual = self._told(q, until_s, is_command=True)
        runs, backups = len(commands), tuple[Branch, ...]()
        if q.is_idle:  # no law takes over, so there is one run for all of them
            commands = tuple(b for b in commands for _ in self._model.laws)
        worse = tuple[bool, ...]()
        if leaves(commands):
            backups, other = self._backup(q, until_s)
            residual = max(residual, other)
            worse = further(len(self._model.laws), commands, backups)
        named = digest(write_question(q)), q.digest
        runs += len(backups)
        seen = Foresight(*named, self._model.laws, commands, backups, residual, runs, further=worse)
        return seen if q.is_idle or is_safe(seen) else self._compared(q, seen, until_s)

    def _compared(self, q: Question, seen: Foresight, until_s: float) -> Foresight:
        """With no command beside it: for as long as the command would stand all that is set stays so, then a law.

        Where the actuator may be at several values, each is asked, and a command eases where it does against all of them.
        """
        if q.standing in ((), (q.value,)):
            return seen  # what no command is, is not known; or it is one, and nobody needs it
        laws, residual, runs = len(seen.laws), seen.residual, seen.runs
        eased = (True,) * len(seen.commands)
        for value in q.standing:
            what = _NONE if len(q.standing) == 1 else f"{_NONE} {q.actuator} {value!r}"
            standing, other = self._kept(replace(q, value=value), what, until_s)
            told = eases(laws, seen.commands, standing)
            eased = tuple(a and b for a, b in zip(eased, told, strict=True))
            residual, runs = float(np.maximum(residual, other)), runs + len(standing)
        return replace(seen, eased=eased, residual=residual, runs=runs)

    def _backup(self, q: Question, until_s: float) -> Told:
        return self._kept(q, _ANY, until_s)

    def _kept(self, q: Question, what: str, until_s: float) -> Told:
        """The branch of the laws at once, which any command has, or of none: they belong to a state of the plant.

        Of one whose own value is known none is the same whatever the actuator; else it is of the actuator and a value.
        """
        state = replace(q, value=0.0, low=0.0, high=0.0, actuator=what, standing=())
        key = digest(write_question(state))
        if key not in self._backups:
            self._backups[key] = self._told(q, until_s, is_command=what != _ANY)
            while len(self._backups) > _KEPT:
                self._backups.popitem(last=False)
        return self._backups[key]

    def _told(self, q: Question, until_s: float, *, is_command: bool) -> Told:
        raw, parts = write_question(q), shared(len(members(q)), self._ways)
        asked = [asked_for(raw, part, is_command=is_command) for part in parts]
        branches, residual = list[Branch](), 0.0
        with closing(self._ask(asked, until_s)) as answers:
            for part, answer in zip(parts, answers, strict=True):
                if not answer:
                    raise MalformedError("the model could not take the question")
                traces = read_answer(answer)
                told, worst = certified(self._model, q, traces, is_command=is_command, part=part)
                branches += told
                residual = float(np.maximum(residual, worst))  # what is no number stays so
        return tuple(branches), residual

    def _instead(self, q: Question, until_s: float) -> float | None:
        """The value nearest to the asked one that is safe, by bisection towards the end that is; None where none is found."""
        try:
            for end in (q.low, q.high):
                if end != q.value and self._is_safe(q, end, until_s):
                    return self._nearest(q, end, until_s)
        except (UnavailableError, MalformedError):
            return None
        return None

    def _nearest(self, q: Question, good: float, until_s: float) -> float:
        bad = q.value
        for _ in range(SEARCHED - 2):
            if time.monotonic() > until_s:
                break
            middle = (good + bad) / 2
            if self._is_safe(q, middle, until_s):
                good = middle
            else:
                bad = middle
        return good

    def _is_safe(self, q: Question, value: float, until_s: float) -> bool:
        return is_safe(self._branches(replace(q, value=value), until_s))


def shared(count: int, ways: int) -> list[slice]:
    """Members in as many parts as there are ways, the first ones larger; no part is empty."""
    ways = max(1, min(ways, count))
    ends = [-(-count * (n + 1) // ways) for n in range(ways)]
    return [slice(first, last) for first, last in zip([0, *ends[:-1]], ends, strict=True)]


def in_turn(answer: Callable[[bytes], bytes]) -> Ask:
    """Whoever answers one after the other, such as a model in this process."""

    def ask(asked: Sequence[bytes], _until_s: float) -> Generator[bytes, None, None]:
        yield from (answer(each) for each in asked)

    return ask
