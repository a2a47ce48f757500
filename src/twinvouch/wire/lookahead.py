"""Questions to a model, what it answers, and what was foreseen, as deterministic CBOR.

    question   [1, model, digest, [[quantity, low, centre, high], ...], [[quantity, low, high], ...],
                actuator (empty: no command), [value, low, high], [horizon_s, tau_s, step_s, demand, clock_s],
                each (0 or 1)]; version 2 with [value, ...] behind it: what the actuator may be at without a command
    answer     [1, [[rows, columns, float64 little-endian, samples, width, float64, [sampled row, ...]], ...]]
    foresight  [1, question digest, model digest, [law, ...], [[worst, at_s, quantity], ...] of the command,
                the same of the backup, residual, runs, allowed or nil]; version 2 with [0 or 1, ...] of the command behind it:
                less far out than with no command

Numbers are finite: a reader refuses what is not, so that nothing is ever compared with NaN.
"""

from functools import lru_cache
from hashlib import sha256
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.errors import MalformedError
from twinvouch.core.lookahead import (
    MOST_MEMBERS,
    MOST_STANDING,
    MOST_STEPS,
    Branch,
    Foresight,
    Interval,
    Question,
    Trace,
)
from twinvouch.wire.cbor import decode, encode
from twinvouch.wire.fields import ID, Fields

_NAMES = 10_000  # of one model
_RUNS = 16 * MOST_MEMBERS
_CELLS = 50_000_000  # numbers of one answer
_VERSION = 1
_STANDING = 2  # of a question: with what no command may be
_COMPARED = 2  # of a foresight: with what no command would do beside it
_BY_QUANTITY = 3  # and with what is further out than backup now, by quantity
_WIDTH = 9  # fields of a question or foresight without more


def write_question(q: Question) -> bytes:
    """A question as bytes; they are what its digest is of."""
    told = [
        *(_STANDING if q.standing else _VERSION, q.model, q.digest),
        [[n, *map(float, (i.low, i.centre, i.high))] for n, i in q.state],
        [[n, float(low), float(high)] for n, low, high in q.limits],
        q.actuator,
        [*map(float, (q.value, q.low, q.high))],
        [*map(float, (q.horizon_s, q.tau_s, q.step_s, q.demand, q.clock_s))],
        int(q.is_each),
    ]
    return encode([*told, [*map(float, q.standing)]] if q.standing else told)


@lru_cache(maxsize=8)  # one question is read for each of its branches
def read_question(raw: bytes) -> Question:
    """The inverse of `write_question`; MalformedError for anything else."""
    content = decode(raw)
    is_more = isinstance(content, list) and len(content) > _WIDTH
    version = _STANDING if is_more else _VERSION
    fields = Fields(content, _WIDTH + version - 1, "question")
    fields.integer("version", version, version)
    model, digest = fields.id("model"), fields.octets("digest")
    state = fields.each("state", _NAMES, lambda each: _interval(each.inner("state", 4)))
    limits = fields.each("limits", _NAMES, lambda each: _limit(each.inner("limit", 3)))
    actuator = _actuator(fields)
    value, low, high = _numbers(fields, "command", 3)
    horizon, tau, step, demand, clock = _numbers(fields, "times", 5)
    is_each = bool(fields.integer("each", 0, 1))
    standing = tuple[float, ...]()
    if is_more:
        standing = fields.each("standing", MOST_STANDING, lambda each: each.number("value"))
        if not standing:
            raise MalformedError("question: `standing`: expected a value in version 2")
    if not (step > 0 and 0 < tau <= horizon <= step * MOST_STEPS):
        raise MalformedError("question: `times`: expected 0 < tau <= horizon and a step")
    times = (horizon, tau, step, demand, clock)
    command = (actuator, value, low, high)
    return Question(model, digest, state, limits, *command, *times, is_each, standing)


def is_whole(q: Question) -> bool:
    """True where `read_question` takes it as `write_question` writes it: whoever asks need not read it back to know."""
    numbers = [q.value, q.low, q.high, q.horizon_s, q.tau_s, q.step_s, q.demand, q.clock_s]
    numbers += q.standing
    for _, interval in q.state:
        numbers += (interval.low, interval.centre, interval.high)
        if not interval.low <= interval.centre <= interval.high:
            return False
    for _, low, high in q.limits:
        numbers += (low, high)
        if not low < high:
            return False
    is_timed = q.step_s > 0 and 0 < q.tau_s <= q.horizon_s <= q.step_s * MOST_STEPS
    names = [q.model, *(n for n, _ in q.state), *(n for n, _, _ in q.limits), q.actuator or "-"]
    are_names = all(0 < len(n) <= ID and n.isprintable() for n in names)
    are_few = max(len(q.state), len(q.limits)) <= _NAMES and len(q.standing) <= MOST_STANDING
    return is_timed and are_names and are_few and all(map(isfinite, numbers))


def digest(raw: bytes) -> bytes:
    """Of a question."""
    return sha256(raw).digest()


def write_answer(traces: list[Trace]) -> bytes:
    """Runs as bytes."""
    told = []
    for t in traces:
        rows, samples = (np.ascontiguousarray(a, "<f8") for a in (t.rows, t.samples))
        width = samples.shape[1] if samples.ndim == 2 else 0
        told.append(
            [*rows.shape, rows.tobytes(), len(t.sampled), width, samples.tobytes(), list(t.sampled)]
        )
    return encode([_VERSION, told])


def read_answer(raw: bytes) -> list[Trace]:
    """The inverse of `write_answer`; MalformedError for anything else. Values are not looked at."""
    fields = Fields(decode(raw), 2, "answer")
    fields.integer("version", _VERSION, _VERSION)
    return list(fields.each("runs", _RUNS, lambda each: _trace(each.inner("run", 7))))


def write_foresight(f: Foresight) -> bytes:
    """What was foreseen as bytes."""
    version = _BY_QUANTITY if f.further else _COMPARED if f.eased else _VERSION
    flags = ([int(e) for e in f.eased], [int(e) for e in f.further])
    told = [
        *(version, f.question, f.model, list(f.laws)),
        *([[b.worst, b.at_s, b.quantity] for b in told] for told in (f.commands, f.backups)),
        *(f.residual, f.runs, f.allowed),
    ]
    return encode([*told, *flags[: version - 1]])


def read_foresight(raw: bytes) -> Foresight:
    """The inverse of `write_foresight`; MalformedError for anything else, NaN and infinities included."""
    content = decode(raw)
    version = _VERSION
    if isinstance(content, list) and len(content) in {_WIDTH + 1, _WIDTH + 2}:
        version = len(content) - _WIDTH + 1
    fields = Fields(content, _WIDTH + version - 1, "foresight")
    fields.integer("version", version, version)
    question, model = fields.octets("question", 32), fields.octets("model")
    laws = fields.each("laws", 16, lambda each: each.id("law"))
    commands, backups = (
        fields.each(name, _RUNS, lambda each: _branch(each.inner("branch", 3)))
        for name in ("commands", "backups")
    )
    residual, runs = fields.number("residual"), fields.integer("runs")
    told = (commands, backups, residual, runs, fields.number_or_nil("allowed"))
    flags = [
        tuple(map(bool, fields.each(name, _RUNS, lambda each: each.integer("flag", 0, 1))))
        for name in ("eased", "further")[: version - 1]
    ]
    return Foresight(question, model, laws, *told, *flags)


def _actuator(fields: Fields) -> str:
    text = fields.text("actuator", 200)
    if not text.isprintable():
        raise MalformedError("question: `actuator`: expected printable text")
    return text


def _interval(fields: Fields) -> tuple[str, Interval]:
    name, *ends = fields.id("name"), *(fields.number(e) for e in ("low", "centre", "high"))
    if not ends[0] <= ends[1] <= ends[2]:
        raise MalformedError(f"question: `{name}`: expected low <= centre <= high")
    return name, Interval(*ends)


def _limit(fields: Fields) -> tuple[str, float, float]:
    name, low, high = fields.id("name"), fields.number("low"), fields.number("high")
    if not low < high:
        raise MalformedError(f"question: limits of `{name}`: expected low < high")
    return name, low, high


def _numbers(fields: Fields, name: str, count: int) -> list[float]:
    inner = fields.inner(name, count)
    return [inner.number(name) for _ in range(count)]


def _branch(fields: Fields) -> Branch:
    return Branch(fields.number("worst"), fields.number("at_s"), fields.text("quantity", 200))


def _trace(fields: Fields) -> Trace:
    rows = _matrix(fields, "rows")
    samples = _matrix(fields, "samples")
    sampled = fields.each("sampled", MOST_STEPS, lambda each: each.integer("row", 0, MOST_STEPS))
    return Trace(rows, samples, sampled)


def _matrix(fields: Fields, name: str) -> NDArray[np.float64]:
    height, width = fields.integer(name, 0, MOST_STEPS + 1), fields.integer(name, 0, _NAMES)
    cells = fields.octets(name)
    if height * width > _CELLS or len(cells) != 8 * height * width:
        raise MalformedError(f"answer: `{name}`: expected {height} x {width} numbers")
    return np.frombuffer(cells, "<f8").reshape(height, width).astype(np.float64)
