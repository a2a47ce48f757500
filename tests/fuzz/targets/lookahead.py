"""What look-ahead reads of a worker and of its event: malformed, or runs that are refused or certified, and a hold where anything is odd."""

from dataclasses import replace
from math import isfinite

from tests.unit.engine.ahead import TANK, ahead, foreseen
from tests.unit.twin.test_rollout import question
from twinvouch.commands.lookahead import judge
from twinvouch.core.command import Verdict
from twinvouch.core.errors import MalformedError
from twinvouch.core.lookahead import Prediction
from twinvouch.twin.rollout import certified, run
from twinvouch.wire.inp import read_inp
from twinvouch.wire.lookahead import (
    digest,
    read_answer,
    read_foresight,
    read_question,
    write_answer,
    write_foresight,
    write_question,
)

ASKED = question(4.9, 5.1, horizon_s=1800.0, tau_s=600.0)
INP = (
    b"[JUNCTIONS]\na 1 2\n[TANKS]\nt 1 2 1 3 9 0\n[PIPES]\np a t 9 9 130 0\n[OPTIONS]\nUNITS LPS\n"
)
SEEDS = [
    b"q" + write_question(ASKED),
    b"q" + write_question(replace(ASKED, standing=(1.0, 0.5))),
    b"a" + write_answer(run(TANK.model, ASKED, is_command=True)),
    b"f" + foreseen(ASKED),
    b"i" + INP,
]


def one(raw: bytes) -> None:
    """Read it as what its first byte says."""
    kind, rest = raw[:1], raw[1:]
    try:
        if kind == b"q":
            asked = read_question(rest)
            assert read_question(write_question(asked)) == asked
        elif kind == b"a":
            branches, residual = certified(TANK.model, ASKED, read_answer(rest), is_command=True)
            assert all(isfinite(b.worst) for b in branches)
            assert residual >= 0 or residual != residual  # noqa: PLR0124 (or NaN, which is a hold)
        elif kind == b"f":
            seen = read_foresight(rest)
            assert read_foresight(write_foresight(seen)) == seen
            said = judge(ahead(), Prediction(ASKED, seen)).verdict
            assert said in {Verdict.ALLOW, Verdict.HOLD, Verdict.DENY}
            assert len(digest(rest)) == 32
        else:
            read_inp(rest)
    except MalformedError:
        return
