"""Runs of a model: every member with every backup law, told as traces; and what somebody else told, checked.

`run` is what a worker does. `certified` is what the core does with the answer: the runs begin where they were to begin,
do what they were to do, and obey physics; how near they come to limits is computed here, never taken from a worker.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeGuard

import numpy as np

from twinvouch.core.errors import MalformedError
from twinvouch.core.lookahead import Branch, Course, Question, Trace, members, nearest
from twinvouch.core.ports import Lookahead, Together

ALL: Final = slice(None)  # of the members
SAMPLES: Final = 4  # moments of a run of which a model tells more, for its certificate
_SAME: Final = 1e-6  # a start or a setting is taken over within this share


def run(
    model: Lookahead, question: Question, *, is_command: bool, part: slice = ALL
) -> list[Trace]:
    """The runs of one branch, by member (those of `part`), then by law; of no command one a member."""
    asked = [
        (start, law)
        for start in members(question)[part]
        for law in _laws(model, question, is_command=is_command)
    ]
    if _is_together(model):
        return _together(model, question, asked, is_command=is_command)
    return [_rolled(model, question, *each, is_command=is_command) for each in asked]


def _is_together(model: Lookahead) -> TypeGuard[Together]:
    """As `isinstance`, without looking at every attribute of a protocol for every run."""
    return hasattr(model, "together") and hasattr(model, "law_rows")


def _together(
    model: Together,
    q: Question,
    asked: Sequence[tuple[Mapping[str, float], str]],
    *,
    is_command: bool,
) -> list[Trace]:
    settings, held = (_commanded(q), q.held) if is_command else ({}, 0)
    course = Course(tuple(law for _, law in asked), settings, held, q.steps, q.step_s)
    wanted = _sampled(q.steps)
    nothing = np.zeros((len(wanted), 0))
    return [Trace(r, nothing, wanted) for r in model.together([s for s, _ in asked], course)]


def _laws(model: Lookahead, question: Question, *, is_command: bool) -> tuple[str, ...]:
    """What takes over in each of a member's runs; nothing ever does where there is no command."""
    return ("",) if is_command and question.is_idle else model.laws


def _rolled(
    model: Lookahead, q: Question, start: Mapping[str, float], law: str, *, is_command: bool
) -> Trace:
    model.restore(start)
    last, held = q.steps, q.held if is_command else 0
    wanted = _sampled(last)
    rows, samples = [], []
    for k in range(last + 1):
        settings = _commanded(q) if k < held else model.law(law, model.snapshot())
        seconds = q.step_s if k < last else 0.0
        row, sample = model.step(settings, seconds, is_sampled=k in wanted)
        rows.append(row)
        if k in wanted:
            samples.append(sample)
    return Trace(np.array(rows, np.float64), np.array(samples, np.float64), wanted)


def _commanded(q: Question) -> dict[str, float]:
    return {} if q.is_idle else {q.actuator: q.value}


def _sampled(last: int) -> tuple[int, ...]:
    """The last moment of a run and others evenly before it, always the same ones."""
    return tuple(sorted({(last * (n + 1)) // SAMPLES for n in range(SAMPLES)}))


def certified(
    model: Lookahead,
    question: Question,
    traces: Sequence[Trace],
    *,
    is_command: bool,
    part: slice = ALL,
) -> tuple[tuple[Branch, ...], float]:
    """How near each run came to its limits, and the largest residual. Raises MalformedError for runs that are not these."""
    laws = _laws(model, question, is_command=is_command)
    asked = [(start, law) for start in members(question)[part] for law in laws]
    if len(traces) != len(asked):
        raise MalformedError(f"expected {len(asked)} runs, got {len(traces)}")
    branches, residual = [], 0.0
    for (start, law), trace in zip(asked, traces, strict=True):
        _expect_whole(model, question, trace)
        for problem in _strange(model, question, start, trace, law if not is_command else ""):
            raise MalformedError(problem)
        if is_command and not question.is_idle:
            _expect_command(model, question, trace, law)
        branches.append(nearest(trace.rows, model.columns, question.limits, question.step_s))
        with np.errstate(all="ignore"):  # a lie may overflow; what is no number is the larger
            found = model.residual(start, trace, question.step_s)
        residual = float(np.maximum(residual, found))
    return tuple(branches), residual


def _expect_whole(model: Lookahead, q: Question, trace: Trace) -> None:
    wanted = (q.steps + 1, len(model.columns))
    if trace.rows.shape != wanted:
        raise MalformedError(f"a run of {trace.rows.shape} numbers, expected {wanted}")
    if trace.sampled != _sampled(q.steps) or len(trace.samples) != len(trace.sampled):
        raise MalformedError("a run without the samples that belong to it")
    if not (np.isfinite(trace.rows).all() and np.isfinite(trace.samples).all()):
        raise MalformedError("a run has values that are not finite numbers")


def _strange(
    model: Lookahead, q: Question, start: Mapping[str, float], trace: Trace, law: str
) -> Iterator[str]:
    """Where a run does not begin at `start`, or does not follow `law` from its first moment on."""
    first = dict(zip(model.columns, trace.rows[0].tolist(), strict=True))
    for name, value in start.items():
        if name in first and name not in model.actuators and not _same(first[name], value):
            yield f"a run begins with `{name}` {first[name]:g}, expected {value:g}"
    if law:
        yield from _unlawful(model, trace, law, 0)
    else:
        for name in _unmoved(model, q, start):
            if not _stands(model, trace, name, start.get(name, first[name]), q.held):
                yield f"a run moves `{name}`, which the command does not"


def _unmoved(model: Lookahead, q: Question, start: Mapping[str, float]) -> Iterator[str]:
    """Actuators that stand where they were: the others of which the start tells, and all of them without a command."""
    return (a for a in model.actuators if q.is_idle or (a != q.actuator and a in start))


def _expect_command(model: Lookahead, q: Question, trace: Trace, law: str) -> None:
    if not _stands(model, trace, q.actuator, q.value, q.held):
        raise MalformedError(f"a run in which `{q.actuator}` is not {q.value:g}")
    for problem in _unlawful(model, trace, law, q.held):
        raise MalformedError(problem)


def _unlawful(model: Lookahead, trace: Trace, law: str, since: int) -> Iterator[str]:
    if _is_together(model):
        yield from _unlawful_rows(model, trace, law, since)
        return
    for k, told in enumerate(trace.rows[since:].tolist(), since):
        row = dict(zip(model.columns, told, strict=True))
        for name, value in model.law(law, row).items():
            if row[name] != value and not _same(row[name], value):
                yield f"in step {k} `{name}` is {row[name]:g}, law `{law}` says {value:g}"


def _unlawful_rows(model: Together, trace: Trace, law: str, since: int) -> Iterator[str]:
    """As `_unlawful`, of a model that says it of all rows at once."""
    first = model.columns.index(model.actuators[0])
    told = trace.rows[since:, first : first + len(model.actuators)]
    wanted = model.law_rows(law, trace.rows[since:])
    wrong = np.abs(told - wanted) > _SAME * np.maximum(1.0, np.abs(wanted))
    for k, n in np.argwhere(wrong).tolist():
        name = model.actuators[n]
        yield f"in step {since + k} `{name}` is {told[k, n]:g}, law `{law}` says {wanted[k, n]:g}"


def _stands(model: Lookahead, trace: Trace, name: str, value: float, steps: int) -> bool:
    """A column is this for so many steps."""
    told: list[float] = trace.rows[:steps, model.columns.index(name)].tolist()
    return all(v == value or _same(v, value) for v in told)


def _same(a: float, b: float) -> bool:
    return abs(a - b) <= _SAME * max(1.0, abs(b))
